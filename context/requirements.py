"""What a task needs of the context, and how it is told what is not there; must not resolve either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GapCode = Literal["missing", "stale", "unverified", "contradicted", "over_budget"]
# A requirement by kind, domain or tag never brings more than this.
MOST_PER_REQUIREMENT = 200
# Relations are followed no further than this from the item that a requirement names.
DEEPEST = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One thing a task needs: the item of that `key`, or at least `minimum` of a kind, a domain (and below), a tag.

    `at_most` bounds how many of these come along. Age counts from the last publication or verification.

    With `follow`, each of these brings along what it leads to by relations of those types, as its text in force states
    them, and what that leads to, up to `depth` steps. What the reader may not know of is neither brought nor passed
    through. Each item counts once, at its shortest distance.
    """

    name: str
    key: str | None = None
    kind: str | None = None
    domain: str | None = None
    tag: str | None = None
    required: bool = True
    max_age_days: int | None = None
    must_be_verified: bool = False
    minimum: int = 1
    at_most: int = MOST_PER_REQUIREMENT
    follow: tuple[str, ...] = ()
    depth: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """One requirement that is not met: why, who can mend it and the shortest way to do so.

    `owner_id` is that person, for who has to reach them; it is not told.
    """

    requirement: str
    code: GapCode
    owner: str | None
    fix: str
    required: bool = True
    numbers: Mapping[str, int] = field(default_factory=dict, hash=False)
    owner_id: int | None = None

    def as_json(self) -> dict[str, Any]:
        told = {"requirement": self.requirement, "code": self.code, "owner": self.owner, "fix": self.fix}
        return {**told, "required": self.required, **self.numbers}
