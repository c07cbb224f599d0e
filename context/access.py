"""Who is asking, and which roles they hold where; must not read requests or write rows.

What a principal may see is one condition, `visible_items` in `context/models/items.py`, behind every `visible_to`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from context.models import Domain, RoleGrant, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who is asking. Built once a request from the database, so that a revoked right bites at the next request.

    `domains` bounds an agent to those domains (None: no bound). `roles` pairs a role with the id of each domain it
    reaches, or None for everywhere. Being a superuser adds nothing: reading is judged by clearance and audience.
    `then` is the same principal as it was at the past moment that is asked about: what it may read of that moment's
    texts, it must have been permitted to read then, and be now.
    """

    kind: Literal["person", "agent", "system"]
    id: int
    label: str
    clearance: int
    groups: frozenset[int] = field(default_factory=frozenset)
    domains: frozenset[int] | None = None
    roles: frozenset[tuple[str, int | None]] = field(default_factory=frozenset)
    then: Principal | None = None

    def has_role(self, role: str, domain_id: int | None = None) -> bool:
        """Whether the role is held everywhere, or in that domain (sub-domains are spelled out in `roles`)."""
        return (role, None) in self.roles or (domain_id is not None and (role, domain_id) in self.roles)

    def has_role_anywhere(self, role: str) -> bool:
        return any(held == role for held, _ in self.roles)


SYSTEM = Principal(kind="system", id=0, label="Plumbline", clearance=3)


def principal_for(user: User) -> Principal:
    """The principal of a signed-in person, with roles spread over sub-domains. Three small queries."""
    grants: list[tuple[str, int | None]] = list(RoleGrant.objects.filter(user=user).values_list("role", "domain_id"))
    domains = list(Domain.objects.values_list("pk", "parent_id", "owner_id"))
    owned = [domain_id for domain_id, _, owner_id in domains if owner_id == user.pk]
    parents = {domain_id: parent_id for domain_id, parent_id, _ in domains}
    held: set[tuple[str, int | None]] = {(role, None) for role, domain_id in grants if domain_id is None}
    for role, domain_id in grants:
        if domain_id is not None:
            held |= {(role, below) for below in _at_or_below(domain_id, parents)}
    for domain_id in owned:
        held |= {("domain_owner", below) for below in _at_or_below(domain_id, parents)}
    return Principal(
        kind="person",
        id=user.pk,
        label=user.display_name,
        clearance=user.clearance if user.is_active else -1,
        groups=frozenset(user.groups.values_list("pk", flat=True)),
        roles=frozenset(held) if user.is_active else frozenset(),
    )


def other_accounts_of(principal: Principal) -> frozenset[int]:
    """Accounts with the same e-mail address, which count as the same person where distinct people are asked for.

    One query. An account without an address is nobody else's.
    """
    if principal.kind != "person":
        return frozenset()
    address = User.objects.filter(pk=principal.id).values_list("email", flat=True).first() or ""
    if not address.strip():
        return frozenset()
    return frozenset(User.objects.filter(email__iexact=address).exclude(pk=principal.id).values_list("pk", flat=True))


def domain_ids_at_or_below(domains: Iterable[Domain]) -> frozenset[int]:
    """The ids of these domains and all their descendants. One query."""
    parents = dict(Domain.objects.values_list("pk", "parent_id"))
    return frozenset(below for domain in domains for below in _at_or_below(domain.pk, parents))


def _at_or_below(root: int, parents: Mapping[int, int | None]) -> set[int]:
    found = {root}
    grew = True
    while grew:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return found
