"""Says which of the required texts are in force, current and the reader's to see, and which are not and why.

Must not know who asks beyond the principal, and must not tell a hidden item from one that does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from context.access import Principal
from context.candidates import Candidate, selection, statement_by_key
from context.neighbourhood import reach
from context.requirements import Gap, GapCode, Requirement
from context.statements import rows
from context.visibility import reader


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """A version that meets a requirement, until `valid_until` if nothing changes."""

    requirement: Requirement
    version_id: int
    key: str
    kind: str
    sensitivity: int
    number: int
    digest: str
    title: str
    published_at: datetime
    valid_until: datetime | None
    lease_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PassedOver:
    """A version that a requirement would have brought along but for a reason."""

    requirement: Requirement
    key: str
    code: GapCode | Literal["at_most"]
    version: Chosen | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Availability:
    """What is available at the moment `at`, in the order of the requirements.

    A gap is a requirement of which less is available than its minimum; what there is of it is chosen all the same.
    """

    at: datetime
    chosen: tuple[Chosen, ...]
    gaps: tuple[Gap, ...]
    passed_over: tuple[PassedOver, ...]

    @property
    def complete(self) -> bool:
        return not any(gap.required for gap in self.gaps)


def resolve(
    *, principal: Principal, requirements: Sequence[Requirement], as_of: datetime | None = None
) -> Availability:
    """Resolve the requirements at the database's present, or at `as_of` (what was known, true and permitted then).

    One statement for those by key, one for the rest where there are any, one for each step of relations that are
    followed, one for owners' names where there are gaps.
    """
    at, found = find(principal=principal, requirements=requirements, as_of=as_of)
    return judge(at=at, requirements=requirements, found=found)


def find(
    *, principal: Principal, requirements: Sequence[Requirement], as_of: datetime | None = None
) -> tuple[datetime, dict[int, list[Candidate]]]:
    """The items that each requirement names, by its place, as far as this reader may know of them; and the moment."""
    found: dict[int, list[Candidate]] = {ordinal: [] for ordinal in range(len(requirements))}
    by_key: dict[str, list[int]] = {}
    for ordinal, requirement in enumerate(requirements):
        if requirement.key is not None:
            by_key.setdefault(requirement.key, []).append(ordinal)
    parameters = {**reader(principal), "at": as_of, "keys": list(by_key)}
    answer = rows(statement_by_key(as_of=as_of is not None), parameters)
    at: datetime = answer[0][0]
    for candidate in map(Candidate._make, answer):
        # The statement always answers a row, for its moment; without an item it says no more.
        for ordinal in by_key.get(candidate.key, ()):
            found[ordinal].append(candidate)
    selecting = [each for each in enumerate(requirements) if each[1].key is None]
    if selecting:
        statement, values = selection(selecting, as_of=as_of is not None)
        for candidate in map(Candidate._make, rows(statement, {**parameters, **values, "at": at})):
            found[candidate.ordinal].append(candidate)
    if any(each.follow for each in requirements):
        reach(requirements=requirements, found=found, parameters=parameters, at=at, as_of=as_of is not None)
    return at, found


def judge(
    *, at: datetime, requirements: Sequence[Requirement], found: Mapping[int, Sequence[Candidate]]
) -> Availability:
    """What of these items will do for each requirement at that moment. One statement where there are gaps."""
    chosen: list[Chosen] = []
    unmet: list[tuple[Requirement, Sequence[tuple[Candidate, GapCode]]]] = []
    passed_over: list[PassedOver] = []
    for ordinal, requirement in enumerate(requirements):
        good, bad = [], []
        for candidate in found[ordinal]:
            code = _fault(candidate, requirement, at)
            if code is None:
                good.append(_chosen(candidate, requirement))
            else:
                bad.append((candidate, code))
        # What a text that is required leads to is required with it, as far as there is anything of it.
        reached = [(candidate, code) for candidate, code in bad if candidate.distance and code != "missing"]
        if len(good) < requirement.minimum or (reached and requirement.required):
            unmet.append((requirement, reached or bad))
        chosen += good[: requirement.at_most]
        passed_over += [
            PassedOver(requirement=requirement, key=each.key, code="at_most", version=each)
            for each in good[requirement.at_most :]
        ]
        passed_over += [
            PassedOver(
                requirement=requirement,
                key=each.key,
                code=code,
                version=_chosen(each, requirement) if each.version_id is not None else None,
            )
            for each, code in bad
            if code != "missing"
        ]
    gaps = _explain(unmet) if unmet else ()
    return Availability(at=at, chosen=tuple(chosen), gaps=tuple(gaps), passed_over=tuple(passed_over))


def _fault(candidate: Candidate, requirement: Requirement, at: datetime) -> GapCode | None:
    if candidate.version_id is None:
        return "missing" if candidate.ended_at is None else "stale"
    if candidate.contradicted:
        return "contradicted"
    if requirement.max_age_days is not None and _ages_out_at(candidate, requirement.max_age_days) <= at:
        return "stale"
    if requirement.must_be_verified:
        if candidate.held is not None:
            return candidate.held
        if candidate.verified_until is None or candidate.verified_until <= at:
            return "unverified"
    return None


def _ages_out_at(candidate: Candidate, max_age_days: int) -> datetime:
    return max(candidate.published_at, candidate.verified_at or candidate.published_at) + timedelta(days=max_age_days)


def _chosen(candidate: Candidate, requirement: Requirement) -> Chosen:
    ends = [moment for moment in (candidate.valid_to, candidate.superseded_at) if moment is not None]
    valid_until = min(ends, default=None)
    if requirement.max_age_days is not None:
        ends.append(_ages_out_at(candidate, requirement.max_age_days))
    if requirement.must_be_verified and candidate.verified_until is not None:
        ends.append(candidate.verified_until)
    return Chosen(
        requirement=requirement,
        version_id=candidate.version_id or 0,
        key=candidate.key,
        kind=candidate.kind,
        sensitivity=candidate.sensitivity,
        number=candidate.number,
        digest=candidate.digest,
        title=candidate.title,
        published_at=candidate.published_at,
        valid_until=valid_until,
        lease_until=min(ends, default=None),
    )


# Told in this order where several items of one requirement are at fault: the easiest to mend first.
_SEVERITY: Mapping[GapCode, int] = {"unverified": 0, "stale": 1, "contradicted": 2, "missing": 3, "over_budget": 4}


def _explain(unmet: Sequence[tuple[Requirement, Sequence[tuple[Candidate, GapCode]]]]) -> list[Gap]:
    """The gaps, with who answers for the item that is nearest to meeting each requirement. One statement."""
    nearest = [(requirement, *_nearest(bad)) for requirement, bad in unmet]
    items = {item.item_id for _, item, _ in nearest if item is not None}
    named = {row[0]: row[1:] for row in rows(_ANSWERING, {"ids": sorted(items)})} if items else {}
    gaps = []
    for requirement, item, code in nearest:
        owner_id, owner = named.get(item.item_id, (None, None)) if item is not None else (None, None)
        fix = _fix_of_missing(requirement) if item is None else _fix(requirement, item, code, owner)
        gaps.append(
            Gap(
                requirement=requirement.name,
                code=code,
                owner=owner,
                fix=fix,
                required=requirement.required,
                owner_id=owner_id,
            )
        )
    return gaps


def _nearest(bad: Sequence[tuple[Candidate, GapCode]]) -> tuple[Candidate | None, GapCode]:
    if not bad:
        return None, "missing"
    item, code = min(bad, key=lambda pair: _SEVERITY[pair[1]])
    if code == "missing" and item.begins_at is None:
        return None, "missing"  # nothing of it was the reader's to know at that moment
    return item, code


def _fix_of_missing(requirement: Requirement) -> str:
    """The same for what does not exist and for what is not the reader's to see."""
    if requirement.key is not None:
        return f"Have {requirement.key} written and approved, or ask for access to it."
    wanted = f"at least {requirement.minimum} of “{requirement.name}”"
    return f"Have {wanted} written and approved, or ask for access to them."


def _fix(requirement: Requirement, item: Candidate, code: GapCode, owner: str | None) -> str:
    who = f"Ask {owner}" if owner else "Ask the owner of the domain"
    match code:
        case "missing":
            return f"Wait until {item.key} comes into force on {item.begins_at:%Y-%m-%d}."
        case "stale" if item.ended_at is not None:
            ended = "was retired" if item.retired_at is not None else "ended"
            return f"{who} to publish a current version of {item.key}: it {ended} on {item.ended_at:%Y-%m-%d}."
        case "stale":
            return f"{who} to verify or revise {item.key}: it is older than {requirement.max_age_days} days."
        case "unverified":
            return f"{who} to verify {item.key}."
        case _:
            return f"{who} to settle what {item.key} conflicts with."


# Who answers for each item: the rule of context/ownership.py, said in SQL; a test compares the two.
_ANSWERING = """
WITH RECURSIVE above AS (
    SELECT item.id AS item_id, item.domain_id, 0 AS distance FROM context_contextitem item
    WHERE item.id = ANY (%(ids)s::bigint[])
    UNION ALL
    SELECT above.item_id, domain.parent_id, above.distance + 1
    FROM above JOIN context_domain domain ON domain.id = above.domain_id
    WHERE domain.parent_id IS NOT NULL AND above.distance < 20
)
SELECT DISTINCT ON (candidate.item_id) candidate.item_id, person.id,
    coalesce(nullif(trim(person.first_name || ' ' || person.last_name), ''), person.username)
FROM (
    SELECT item.id AS item_id, -1 AS distance, item.owner_id AS person_id FROM context_contextitem item
    WHERE item.id = ANY (%(ids)s::bigint[])
    UNION ALL
    SELECT above.item_id, above.distance, domain.owner_id
    FROM above JOIN context_domain domain ON domain.id = above.domain_id
) candidate
JOIN context_user person ON person.id = candidate.person_id AND person.is_active
ORDER BY candidate.item_id, candidate.distance
"""
