"""What a person is shown beside an output: what its checks found, and the texts it rests on; must not decide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.models import Run, RunBundle
from context.access import Principal
from context.digests import canonical
from context.models import ContextVersion

MOST_TEXTS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One thing that the checks found in the output as it stands. `number` counts them for the reader."""

    number: int
    check: str
    detail: str
    place: str
    key: str
    rejects: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """Something that happened to the run before: of which cause, and who said so where a person did."""

    cause: str
    detail: str
    by: str
    at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenText:
    """A text that the run's agents were given, as they were given it. `named` by a finding, `cited` by the output.

    `superseded` is the number of the version that is in force instead by now, None where this one still is or nothing
    is.
    """

    version: ContextVersion
    requirement: str
    why: str
    heading: str
    text: str
    named: bool
    cited: bool
    superseded: int | None


def findings_of(run: Run) -> list[Found]:
    """What the checks found in the last output, the gravest first; of earlier outputs nothing."""
    checked = [each for each in run.reasons if each.get("cause") == "output_check" and each.get("check")]
    last = max((each.get("at", "") for each in checked), default="")
    latest = [each for each in checked if each.get("at", "") == last]
    latest.sort(key=lambda each: {"reject": 0, "review": 1}.get(each.get("if_failed", ""), 2))
    return [
        Found(
            number=number,
            check=each["check"],
            detail=each.get("detail", ""),
            place=each.get("place", ""),
            key=each.get("key", ""),
            rejects=each.get("if_failed") == "reject",
        )
        for number, each in enumerate(latest, start=1)
    ]


def earlier_of(run: Run) -> list[Earlier]:
    """What else is on record of the run: earlier rounds of its checks, failures, what people said; oldest first."""
    checked = [each for each in run.reasons if each.get("cause") == "output_check" and each.get("check")]
    last = max((each.get("at", "") for each in checked), default="")
    return [
        Earlier(
            cause="sent back" if each in checked else str(each.get("cause", "")),
            detail=str(each.get("detail", "")),
            by=str(each.get("by", "")),
            at=datetime.fromisoformat(each["at"]) if each.get("at") else None,
        )
        for each in run.reasons
        if not (each in checked and each.get("at", "") == last)
    ]


def texts_of(*, run: Run, principal: Principal, found: Sequence[Found]) -> list[GivenText]:
    """The texts of the run's bundles that the principal may read, those that matter most first. Three queries.

    First what a finding names, then what the output cites, then what the contract requires.
    """
    rows = RunBundle.objects.filter(run=run).select_related("bundle").order_by("-pk")
    bundles = [row.bundle for row in rows]
    ids = {version_id for bundle in bundles for version_id in bundle.version_ids}
    readable = {
        (version.item.key, version.number): version
        for version in ContextVersion.objects.visible_to(principal)
        .filter(pk__in=ids)
        .select_related("item__domain", "item__current_version")
    }
    said = canonical(run.output).decode() if run.output_digest else ""
    named = {each.key for each in found if each.key}
    given: dict[tuple[str, int, str], GivenText] = {}
    for bundle in bundles:
        for entry in json.loads(bytes(bundle.body))["entries"]:
            version = readable.get((entry["key"], entry["version"]))
            place = (entry["key"], entry["version"], entry.get("heading_path", ""))
            if version is None or place in given or len(given) >= MOST_TEXTS:
                continue
            now_current = version.item.current_version
            given[place] = GivenText(
                version=version,
                requirement=entry.get("requirement", ""),
                why=entry.get("why", ""),
                heading=entry.get("heading_path", ""),
                text=entry.get("text", ""),
                named=entry["key"] in named,
                cited=entry["key"] in said,
                superseded=now_current.number
                if now_current is not None and now_current.number != version.number
                else None,
            )
    return sorted(given.values(), key=lambda each: (not each.named, not each.cited, each.why != "required"))
