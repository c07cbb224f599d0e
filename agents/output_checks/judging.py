"""Runs a contract's output checks on an output, with what the organisation says; must not move a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from agents.contracts import requirements_of
from agents.models import ContractVersion
from agents.output_checks.citing import citations_required
from agents.output_checks.contradicting import no_contradiction
from agents.output_checks.figures import numeric_limits
from agents.output_checks.model import Failing, Known, Output, output_of
from agents.output_checks.sampling import human_review
from agents.output_checks.wording import deprecated_terms, forbidden_terms, required_clauses
from context import kinds
from context.access import Principal
from context.models import ContextVersion
from context.row_security import reading_as

Check = Callable[[Mapping[str, Any], Output, Known], Iterator[Failing]]
CHECKS: Mapping[str, Check] = {
    "forbidden_terms": forbidden_terms,
    "deprecated_terms": deprecated_terms,
    "required_clauses": required_clauses,
    "numeric_limits": numeric_limits,
    "citations_required": citations_required,
    "no_contradiction": no_contradiction,
    "human_review": human_review,
}
MOST_FAILINGS = 100
MOST_TERMS = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What an output does not keep, by what becomes of it: rejected, shown to a person, or only told."""

    rejecting: Sequence[Failing] = field(default_factory=tuple)
    reviewing: Sequence[Failing] = field(default_factory=tuple)
    warning: Sequence[Failing] = field(default_factory=tuple)

    @property
    def passes(self) -> bool:
        return not self.rejecting and not self.reviewing

    def as_json(self) -> list[dict[str, Any]]:
        return [failing.as_json() for failing in (*self.rejecting, *self.reviewing, *self.warning)]


def judge(
    *,
    principal: Principal,
    version: ContractVersion,
    output: Any,
    task: Any = None,
    given: Collection[int] = (),
    run: str = "",
    at: datetime,
) -> Judgement:
    """Judge an output by the contract version. `given` are the ids of the versions that the agent was served.

    Texts that the checks name are read as they were in force `at`: for a run, its snapshot.

    Everything is read as the agent: what it may not see counts for nothing here either.
    """
    found = [
        Failing(check="output_schema", detail=each.message, place=_pointer(each.field))
        for each in (kinds.violations(output, version.output_schema, root="output") if version.output_schema else ())
    ]
    if version.output_checks:
        with reading_as(principal):
            known = known_to(principal=principal, version=version, given=given, at=at)
        known = replace(known, run=run)
        found += run_checks(version.output_checks, output_of(output, task=task), known)
    by_outcome: dict[str, list[Failing]] = {"reject": [], "review": [], "warn": []}
    for failing in found[:MOST_FAILINGS]:
        by_outcome[failing.if_failed].append(failing)
    return Judgement(rejecting=by_outcome["reject"], reviewing=by_outcome["review"], warning=by_outcome["warn"])


def run_checks(checks: Sequence[Mapping[str, Any]], output: Output, known: Known) -> list[Failing]:
    """Every failing, in the order of the checks. Pure."""
    found: list[Failing] = []
    for check in checks:
        wanted = check.get("if_failed", "reject")
        for failing in CHECKS[check["type"]](check, output, known):
            # A check that could not be made stays with a person, whatever becomes of one that failed.
            found.append(failing if failing.if_failed == "review" else replace(failing, if_failed=wanted))
            if len(found) >= MOST_FAILINGS:
                return found
    return found


def known_to(*, principal: Principal, version: ContractVersion, given: Collection[int], at: datetime) -> Known:
    """What the checks compare with. Up to three queries, read as the principal."""
    checks = version.output_checks
    named = {check["appetite"] for check in checks if "appetite" in check}
    named |= {clause["key"] for check in checks for clause in check.get("clauses", ()) if "key" in clause}
    readable = ContextVersion.objects.visible_to(principal).select_related("item")
    in_force = {found.item.key: found for found in readable.in_force(at).filter(item__key__in=named)}
    wants_terms = any(check["type"] == "deprecated_terms" for check in checks)
    of_terms = readable.in_force(at).filter(item__kind__slug="term").order_by("item__key")
    terms = list(of_terms[:MOST_TERMS]) if wants_terms else []
    domains = {check.get("with") for check in checks if check["type"] == "no_contradiction"}
    held = list(readable.filter(pk__in=list(given)).order_by("item__key"))
    if "domain" in domains:
        around = {each.item.domain_id for each in held}
        in_force |= {
            found.item.key: found
            for found in readable.in_force(at).filter(item__domain__in=around).order_by("item__key")[:MOST_TERMS]
        }
    required = frozenset(each.key for each in requirements_of(version.requirements) if each.key and each.required)
    return Known(given=held, required=required, in_force=in_force, terms=terms)


def _pointer(path: str) -> str:
    """`output.a.0` as a JSON Pointer."""
    return "".join(f"/{part}" for part in path.split(".")[1:])
