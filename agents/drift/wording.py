"""The words of contracts that are checked against the organisation's terms; must not check them itself."""

from __future__ import annotations

from collections.abc import Iterator

from agents.models import ContextContract
from governance.drift.drafts import Place
from governance.drift.terms import OtherText


def contract_texts() -> Iterator[OtherText]:
    """Name and purpose of every contract in use, and what its requirements are called. One statement."""
    contracts = ContextContract.objects.filter(retired_at__isnull=True, current_version__isnull=False)
    for contract in contracts.select_related("current_version").order_by("slug"):
        version = contract.current_version
        assert version is not None
        names = [str(each.get("name", "")) for each in version.requirements if isinstance(each, dict)]
        yield OtherText(
            place=Place(type="contract", id=contract.slug, label=contract.name, sensitivity=int(contract.sensitivity)),
            text="\n\n".join([contract.name, contract.purpose, *names]),
            domain_id=contract.domain_id,
        )
