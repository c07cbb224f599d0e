"""Finds agents whose last outputs say otherwise than the texts they were given say now; must not judge any run.

A text may have changed since the run, or the agent may not have kept to it: either way, who relies on the output is
told otherwise than the organisation says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from agents.drift.latest_outputs import LatestOutput, latest_outputs
from agents.models import Agent
from context.claims.deciding import Contradiction, contradiction
from context.models import ContextVersion
from governance.drift.detectors import Detector, Looking, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, Place, evidence

MOST_COMPARED = 5_000
LONGEST_SHOWN = 600
SIZE = 0.7


class _Said(NamedTuple):
    """An output, one of its texts, and how the version contradicts it."""

    output: LatestOutput
    text: str
    version: ContextVersion
    found: Contradiction


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Four statements, and a millisecond or more for each text of an output and each text its agent was given."""
    outputs = list(latest_outputs())
    current = _in_force_of({version for output in outputs for version in output.given}, now)
    told: dict[tuple[int, int], list[_Said]] = {}
    left = MOST_COMPARED
    for output in outputs:
        versions = {current[given].pk: current[given] for given in output.given if given in current}
        for version in versions.values():
            for text in output.texts:
                left -= 1
                if left < 0:
                    break
                found = contradiction(text, version.body)
                if found is not None:
                    said = _Said(output, text, version, found)
                    told.setdefault((output.run.agent_id or 0, version.item_id), []).append(said)
    for each in told.values():
        yield _draft(each)


def _in_force_of(version_ids: Iterable[int], now: datetime) -> Mapping[int, ContextVersion]:
    """For each of these versions the one of its item that is in force now."""
    items = dict(ContextVersion.objects.filter(pk__in=sorted(version_ids)).values_list("pk", "item_id"))
    rows = ContextVersion.objects.in_force(now).filter(item_id__in=set(items.values()), item__retired_at__isnull=True)
    in_force = {version.item_id: version for version in rows.select_related("item")}
    return {pk: in_force[item_id] for pk, item_id in items.items() if item_id in in_force}


def _draft(said: list[_Said]) -> FindingDraft:
    output, text, version, found = said[0]
    agent = output.run.agent
    assert isinstance(agent, Agent)
    return FindingDraft(
        cause={"agent": agent.slug, "item": version.item.key},
        summary=f"“{agent.name}” says otherwise than “{version.title}”.",
        evidence=evidence(
            sentence=found.sentence,
            passages=[
                _excerpt("", f"Output of “{agent.name}”", 0, text, found.a.start, found.a.end, found.a.focus),
                _excerpt(
                    version.item.key,
                    version.title,
                    version.number,
                    version.body,
                    found.b.start,
                    found.b.end,
                    found.b.focus,
                ),
            ],
            figures={"Outputs": len({each.output.run.pk for each in said}), "Last": _day(output.run.ended_at)},
            runs=sorted({str(each.output.run.pk) for each in said}),
        ),
        basis={
            "said": sorted({" ".join(each.text[each.found.a.start : each.found.a.end].split()) for each in said}),
            "text": " ".join(version.body[found.b.start : found.b.end].split()),
        },
        # About the text, so that nobody sees it who may not see the text; and the agent's owner has to mend it.
        item_id=version.item_id,
        owner_id=agent.owner_id,
        place=Place(
            type="agent",
            id=agent.slug,
            label=agent.name,
            sensitivity=max(each.output.run.sensitivity for each in said),
        ),
        size=SIZE,
    )


def _excerpt(key: str, title: str, number: int, text: str, start: int, end: int, focus: tuple[int, int]) -> Excerpt:
    shown = text[start:end][:LONGEST_SHOWN]
    marks = ((focus[0] - start, min(focus[1] - start, len(shown))),) if focus[0] - start < len(shown) else ()
    return Excerpt(key=key, title=title, version=number, text=shown, marks=marks)


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment is not None else ""


DETECTOR = Detector(
    name="outputs",
    question="Which agents say otherwise than the texts they were given say now?",
    scope=Scope.ORGANISATION,
    detect=detect,
)
