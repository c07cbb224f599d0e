"""What requirements would find if some texts were published, changed or retired; must not write or know a proposal.

It works on what was found for a reader (`context.availability.find`): the supposed texts take the place of those in
force, and are judged by the same rules. What a requirement reaches by following relations is replaced, never added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from context.access import Principal
from context.candidates import Candidate
from context.requirements import Requirement
from context.statements import rows
from context.visibility import reader, visible

# A version that is not there yet has no id; nothing reads one by this.
NOT_THERE_YET = -1


@dataclass(frozen=True, kw_only=True, slots=True)
class Supposed:
    """One text as it would stand. `domains` are its domain and those above it, by slug; `conflicts` keys of items."""

    key: str
    kind: str
    domain_id: int
    domains: frozenset[str]
    tags: frozenset[str]
    sensitivity: int
    audience_ids: frozenset[int]
    owner_id: int | None
    title: str
    valid_from: datetime | None
    valid_to: datetime | None
    review_interval_days: int
    conflicts: frozenset[str]
    retired: bool = False

    def is_visible_to(self, principal: Principal) -> bool:
        """The rule of `visible_items`, for agents and the system, who own nothing."""
        if principal.kind == "person":
            raise ValueError("what a person may see also depends on what they own")
        return (
            self.sensitivity <= principal.clearance
            and (principal.domains is None or self.domain_id in principal.domains)
            and (principal.kind == "system" or not self.audience_ids or bool(self.audience_ids & principal.groups))
        )

    def meets(self, requirement: Requirement) -> bool:
        """Whether the requirement names it."""
        if requirement.key is not None:
            return requirement.key == self.key
        return (
            requirement.kind in (None, self.kind)
            and (requirement.domain is None or requirement.domain in self.domains)
            and (requirement.tag is None or requirement.tag in self.tags)
        )


def suppose(
    *,
    principal: Principal,
    requirements: Sequence[Requirement],
    found: Mapping[int, Sequence[Candidate]],
    at: datetime,
    supposed: Mapping[str, Supposed],
) -> dict[int, list[Candidate]]:
    """What would be found. One statement, for conflicts that would begin or end."""
    readable = {key: each for key, each in supposed.items() if each.is_visible_to(principal)}
    result: dict[int, list[Candidate]] = {}
    for ordinal, requirement in enumerate(requirements):
        known = {candidate.key: candidate for candidate in found[ordinal]}
        listed = [candidate for candidate in found[ordinal] if candidate.key not in supposed]
        for key, each in readable.items():
            followed = bool(getattr(requirement, "follow", ())) and key in known
            if each.meets(requirement) or followed:
                candidate = _candidate(each, known.get(key), ordinal, at)
                if candidate is not None:
                    listed.append(candidate)
        # In the order of the statement: what is in force first, then by key.
        result[ordinal] = sorted(listed, key=lambda candidate: (candidate.version_id is None, candidate.key))
    return _with_conflicts(result, principal, readable, at, supposed)


def _candidate(each: Supposed, before: Candidate | None, ordinal: int, at: datetime) -> Candidate | None:
    """The text as the statement would bring it."""
    if each.retired:
        ended = before.ended_at or at if before is not None else None
        if before is None or ended is None:
            return None
        return before._replace(version_id=None, contradicted=False, retired_at=at, ended_at=ended, begins_at=None)
    begins_later = each.valid_from is not None and each.valid_from > at
    has_ended = each.valid_to is not None and each.valid_to <= at
    if begins_later and before is not None and before.version_id is not None:
        # Until then the text in force stays; what is said of the item itself changes at once.
        return before._replace(
            kind=each.kind,
            sensitivity=each.sensitivity,
            owner_id=each.owner_id,
            verified_at=at,
            verified_until=at + timedelta(days=each.review_interval_days),
            superseded_at=each.valid_from,
        )
    return Candidate(
        at=at,
        ordinal=ordinal,
        item_id=before.item_id if before is not None else NOT_THERE_YET,
        key=each.key,
        kind=each.kind,
        sensitivity=each.sensitivity,
        owner_id=each.owner_id,
        retired_at=None,
        verified_at=at,
        verified_until=at + timedelta(days=each.review_interval_days),
        contradicted=False,
        ended_at=each.valid_to if has_ended else None,
        begins_at=each.valid_from if begins_later else None,
        version_id=None if begins_later or has_ended else NOT_THERE_YET,
        number=0,
        digest="",
        title=each.title,
        published_at=at,
        valid_to=each.valid_to,
        superseded_at=None,
    )


def _in_force(item: str) -> str:
    return f"""EXISTS (
    SELECT FROM context_contextversion version WHERE version.item_id = {item}.id
    AND version.published_at <= moment.at AND version.valid_from <= moment.at
    AND (version.valid_to IS NULL OR version.valid_to > moment.at)
    AND (version.superseded_at IS NULL OR version.superseded_at > moment.at)
)"""


_CONFLICTS = f"""
SELECT source.key, target.key FROM context_relation relation
JOIN context_contextitem source ON source.id = relation.source_id
JOIN context_contextitem target ON target.id = relation.target_id
CROSS JOIN (SELECT %(at)s::timestamptz AS at) moment
WHERE relation.type = 'conflicts_with' AND (source.key = ANY (%(keys)s::text[]) OR target.key = ANY (%(keys)s::text[]))
AND {visible("source")} AND {visible("target")}
AND (source.key = ANY (%(supposed)s::text[]) OR {_in_force("source")})
AND (target.key = ANY (%(supposed)s::text[]) OR {_in_force("target")})
"""
_STAYING = f"""
SELECT item.key FROM context_contextitem item CROSS JOIN (SELECT %(at)s::timestamptz AS at) moment
WHERE item.key = ANY (%(keys)s::text[]) AND {_in_force("item")}
"""


def _with_conflicts(
    found: dict[int, list[Candidate]],
    principal: Principal,
    readable: Mapping[str, Supposed],
    at: datetime,
    supposed: Mapping[str, Supposed],
) -> dict[int, list[Candidate]]:
    """Who would conflict with whom: what supposed texts say in place of what they said, and what others say of them."""
    keys = {candidate.key for listed in found.values() for candidate in listed}
    in_force = _would_be_in_force(readable, at)
    asked = {"at": at, "keys": sorted(keys | set(supposed)), "supposed": sorted(supposed)}
    stated = rows(_CONFLICTS, {**reader(principal), **asked})
    pairs = {(source, target) for source, target in stated if source not in supposed}
    pairs |= {(key, target) for key in in_force for target in readable[key].conflicts if target in keys}
    conflicting = {key for pair in pairs if all(key not in supposed or key in in_force for key in pair) for key in pair}
    return {
        ordinal: [
            candidate._replace(contradicted=candidate.version_id is not None and candidate.key in conflicting)
            for candidate in listed
        ]
        for ordinal, listed in found.items()
    }


def _would_be_in_force(readable: Mapping[str, Supposed], at: datetime) -> set[str]:
    """The supposed items of which a text is in force: the supposed one, or until that begins the one of now."""
    later = [key for key, each in readable.items() if not each.retired and each.valid_from and each.valid_from > at]
    staying = {key for (key,) in rows(_STAYING, {"at": at, "keys": later})} if later else set()
    return staying | {
        key
        for key, each in readable.items()
        if key not in later and not each.retired and (each.valid_to is None or each.valid_to > at)
    }
