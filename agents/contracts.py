"""What a contract says, as values: its terms, its requirements with defaults filled in; must not check or write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from agents.models import ContractVersion, WhenIncomplete
from context.remembered import forgotten_with_the_database
from context.requirements import Requirement
from context.tokens import DEFAULT_TOKENIZER


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """All that one version of a contract promises. `escalation_days` is how long whom it is put to has to answer."""

    requirements: Sequence[Mapping[str, Any]]
    token_budget: int
    tokenizer: str = DEFAULT_TOKENIZER
    most_matches: int = 8
    when_incomplete: str = WhenIncomplete.REFUSE
    escalation_days: int = 5
    task_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    output_checks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        return {
            "requirements": list(self.requirements),
            "token_budget": self.token_budget,
            "tokenizer": self.tokenizer,
            "most_matches": self.most_matches,
            "when_incomplete": str(self.when_incomplete),
            "escalation_days": self.escalation_days,
            "task_schema": self.task_schema,
            "output_schema": self.output_schema,
            "output_checks": list(self.output_checks),
        }


TERMS = tuple(Terms(requirements=(), token_budget=1).as_json())


def requirements_of(stated: Sequence[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    """The stated requirements with their names and defaults filled in."""
    return tuple(_requirement(each) for each in stated)


@lru_cache(maxsize=1024)
def terms_of(version_id: int, digest: str, contract_id: int) -> tuple[ContractVersion, tuple[Requirement, ...]]:
    """A contract version and its requirements, read once, as it never changes. Takes a `HeldVersion` in its parts.

    All three are needed to know it again: a database that was set back gives the number of a version once more, and
    another contract may say word for word the same.
    """
    found = ContractVersion.objects.select_related("contract")
    version = found.get(pk=version_id, digest=digest, contract_id=contract_id)
    return version, requirements_of(version.requirements)


forgotten_with_the_database(terms_of.cache_clear)


def name_of(stated: Mapping[str, Any]) -> str:
    """What a requirement is called where it has no name of its own."""
    if stated.get("name"):
        return str(stated["name"])
    if "key" in stated:
        return str(stated["key"])
    return " ".join(f"{part}:{stated[part]}" for part in ("kind", "domain", "tag") if part in stated)


def _requirement(stated: Mapping[str, Any]) -> Requirement:
    given = {**stated, "name": name_of(stated)}
    if "follow" in given:
        given["follow"] = tuple(given["follow"])
    return Requirement(**given)
