"""Who answers for a text: its owner, else the owner of the nearest domain above it; must not write or notify.

An owner who left answers for nothing. Nothing is rewritten when they go: who answers is derived when it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models
from django.db.models import Case, F, Q, QuerySet, Value, When

from context.models import ContextItem, Domain

DEEPEST_TREE = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Answering:
    """For each domain its owners who are still here, from the nearest upwards, each once. Ids of people."""

    chains: Mapping[int, tuple[int, ...]]

    def for_domain(self, domain_id: int | None) -> int | None:
        """Who answers for the domain; None where nobody above it is left."""
        return next(iter(self.chains.get(domain_id or 0, ())), None)

    def above(self, domain_id: int | None, *excluded: int | None) -> int | None:
        """To whom something in the domain escalates that `excluded` did not settle."""
        return next((person for person in self.chains.get(domain_id or 0, ()) if person not in excluded), None)

    def answered_by(self, person_id: int, prefix: str = "") -> Q:
        """The condition on items (reached by `prefix`) under which this person answers for them."""
        domains = [domain for domain, chain in self.chains.items() if chain[:1] == (person_id,)]
        own = Q(**{f"{prefix}owner_id": person_id, f"{prefix}owner__is_active": True})
        return own | (Q(**{f"{prefix}domain_id__in": domains}) & _left(prefix))

    def escalated_to(self, person_id: int) -> Q:
        """The condition on items under which this person is the next above whoever answers for them."""
        first = [domain for domain, chain in self.chains.items() if chain[:1] == (person_id,)]
        condition = Q(domain_id__in=first, owner__is_active=True) & ~Q(owner_id=person_id)
        below: dict[int, list[int]] = {}
        for domain, chain in self.chains.items():
            if chain[1:2] == (person_id,):
                below.setdefault(chain[0], []).append(domain)
        for nearest, domains in below.items():
            condition |= Q(domain_id__in=domains) & (Q(owner_id=nearest) | _left(""))
        return condition


def read_answering() -> Answering:
    """Who answers for each domain now. One query."""
    rows = {
        domain_id: (parent_id, owner_id if active else None)
        for domain_id, parent_id, owner_id, active in Domain.objects.values_list(
            "pk", "parent_id", "owner_id", "owner__is_active"
        )
    }
    return Answering(chains={domain_id: _chain(domain_id, rows) for domain_id in rows})


def with_effective_owner(items: QuerySet[ContextItem], answering: Answering) -> QuerySet[ContextItem]:
    """`items` annotated with `effective_owner_id`: who answers for each, or null. No query of its own."""
    domains: dict[int, list[int]] = {}
    for domain_id, chain in answering.chains.items():
        if chain:
            domains.setdefault(chain[0], []).append(domain_id)
    return items.annotate(
        effective_owner_id=Case(
            When(owner__is_active=True, then=F("owner_id")),
            *[When(domain_id__in=ids, then=Value(person)) for person, ids in domains.items()],
            default=Value(None),
            output_field=models.BigIntegerField(null=True),
        )
    )


def effective_owner_id(item: ContextItem, answering: Answering) -> int | None:
    """Who answers for this item, its owner being loaded."""
    if item.owner is not None and item.owner.is_active:
        return item.owner_id
    return answering.for_domain(item.domain_id)


def _left(prefix: str) -> Q:
    return Q(**{f"{prefix}owner__isnull": True}) | Q(**{f"{prefix}owner__is_active": False})


def _chain(domain_id: int, rows: Mapping[int, tuple[int | None, int | None]]) -> tuple[int, ...]:
    found: list[int] = []
    at: int | None = domain_id
    for _ in range(DEEPEST_TREE):
        if at is None:
            break
        at, owner_id = rows[at]
        if owner_id is not None and owner_id not in found:
            found.append(owner_id)
    return tuple(found)
