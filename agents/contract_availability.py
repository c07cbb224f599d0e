"""Whether a contract can be met for somebody, now or at a past moment; must not serve or record anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agents.as_of import held_then
from agents.contracts import requirements_of, terms_of
from agents.models import ContextContract, ContractVersion
from context.access import Principal
from context.availability import Availability, Chosen, resolve
from context.errors import NotFound
from context.requirements import Gap, GapCode, Requirement


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractAvailability:
    """What of a contract's version is there for a reader."""

    version: ContractVersion
    requirements: tuple[Requirement, ...]
    available: Availability

    @property
    def rows(self) -> list[RequirementState]:
        gaps = {gap.requirement: gap for gap in self.available.gaps}
        return [
            RequirementState(
                requirement=each,
                chosen=[chosen for chosen in self.available.chosen if chosen.requirement == each],
                gap=gaps.get(each.name),
            )
            for each in self.requirements
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class RequirementState:
    """One requirement with what meets it, or its gap."""

    requirement: Requirement
    chosen: Sequence[Chosen]
    gap: Gap | None


def availability_of(
    *, principal: Principal, contract: ContextContract, as_of: datetime | None = None
) -> ContractAvailability:
    """Resolved for this reader; for an agent at a past moment, by the version it held and the rights it had then."""
    if contract.current_version is None:
        raise NotFound("There is no such contract.")
    version, requirements = contract.current_version, requirements_of(contract.current_version.requirements)
    if as_of is not None and principal.kind == "agent":
        principal, held = held_then(principal=principal, contract=contract.slug, at=as_of)
        version, requirements = terms_of(*held)
    elif as_of is not None:
        then = contract.versions.filter(created_at__lte=as_of).order_by("-number").first()
        if then is None:
            raise NotFound("There was no such contract at that moment.", field="as_of", fix="Ask about a later one.")
        version, requirements = then, requirements_of(then.requirements)
    return ContractAvailability(
        version=version,
        requirements=requirements,
        available=resolve(principal=principal, requirements=requirements, as_of=as_of),
    )


def lacking_in(*, principal: Principal, contracts: Iterable[ContextContract]) -> dict[int, tuple[GapCode, ...]]:
    """Why each of these contracts, by its id, cannot be met now; nothing where it can. As many queries as for one.

    What several of them require alike is looked for once.
    """
    asked: dict[Requirement, int] = {}
    wanted: dict[int, list[int]] = {}
    for contract in contracts:
        assert contract.current_version is not None
        required = [each for each in requirements_of(contract.current_version.requirements) if each.required]
        wanted[contract.pk] = [asked.setdefault(replace(each, name=""), len(asked)) for each in required]
    numbered = [replace(each, name=str(place)) for each, place in asked.items()]
    if not numbered:
        return dict.fromkeys(wanted, ())
    codes = {int(gap.requirement): gap.code for gap in resolve(principal=principal, requirements=numbered).gaps}
    return {pk: tuple(dict.fromkeys(codes[at] for at in places if at in codes)) for pk, places in wanted.items()}
