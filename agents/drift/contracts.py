"""Finds what contracts name that no longer resolves: items, kinds and domains; must not resolve requirements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agents.models import ContextContract
from context.models import ContextItem, Domain, Kind
from governance.drift.detectors import Detector, Looking, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import Severity


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Four statements."""
    contracts = list(
        ContextContract.objects.filter(retired_at__isnull=True, current_version__isnull=False)
        .select_related("current_version", "owner")
        .order_by("pk")
    )
    stated = [
        (contract, version, each)
        for contract in contracts
        if (version := contract.current_version) is not None
        for each in version.requirements
    ]
    keys = {each["key"] for _, _, each in stated if "key" in each}
    items = {
        key: (retired_at, successor)
        for key, retired_at, successor in ContextItem.objects.filter(key__in=keys).values_list(
            "key", "retired_at", "replaced_by__key"
        )
    }
    known = {
        "kind": set(Kind.objects.values_list("slug", flat=True)),
        "domain": set(Domain.objects.values_list("slug", flat=True)),
    }
    for contract, version, each in stated:
        for part in ("key", "kind", "domain"):
            name = each.get(part)
            if name is None or (part != "key" and name in known[part]):
                continue
            retired_at, successor = items.get(name, (None, None)) if part == "key" else (None, None)
            if part == "key" and name in items and retired_at is None:
                continue
            required = each.get("required", True)
            gone = f"was retired on {retired_at:%d %B %Y}" if retired_at is not None else "is not there"
            instead = f" {successor} took its place." if successor else ""
            short = "was retired" if retired_at is not None else "is not there"
            yield FindingDraft(
                cause={"contract": contract.slug, "part": part, "name": name},
                summary=f"The contract “{contract.name}” asks for {name}, which {short}.",
                evidence=evidence(
                    sentence=f"{name} {gone}.{instead} It is {'required' if required else 'optional'}.",
                    figures={"Contract version": version.number},
                    contract=contract.slug,
                    target=name,
                    successor=successor,
                ),
                basis={"version": version.digest, "name": name},
                domain_id=contract.domain_id,
                owner_id=contract.owner_id,
                place=Place(
                    type="contract", id=contract.slug, label=contract.name, sensitivity=int(contract.sensitivity)
                ),
                severity=Severity.HIGH if required else Severity.LOW,
            )


DETECTOR = Detector(
    name="contract-references",
    question="Which contracts ask for something that is no longer there?",
    scope=Scope.ORGANISATION,
    detect=detect,
)
