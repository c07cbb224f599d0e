"""The words of contracts and of agents' outputs, to be checked against the terms; must not check them itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from agents.drift.latest_outputs import LatestOutput, latest_outputs
from agents.models import Agent, ContextContract
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


def output_texts() -> Iterator[OtherText]:
    """What each agent said last, as one text: a wrong name is its habit, not a fault of each of its runs."""
    by_agent: dict[str, list[LatestOutput]] = defaultdict(list)
    for output in latest_outputs():
        assert isinstance(output.run.agent, Agent)
        by_agent[output.run.agent.slug].append(output)
    for slug, outputs in sorted(by_agent.items()):
        agent = outputs[0].run.agent
        assert isinstance(agent, Agent)
        yield OtherText(
            place=Place(
                type="agent",
                id=slug,
                label=f"Output of {agent.name}",
                sensitivity=max(output.run.sensitivity for output in outputs),
            ),
            text="\n\n".join(dict.fromkeys(text for output in outputs for text in output.texts)),
            domain_id=outputs[0].run.domain_id,
        )
