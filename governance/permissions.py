"""Who may author, edit, publish and verify; must not decide who approves (governance/policies.py does)."""

from __future__ import annotations

from collections.abc import Iterable

from context.access import Principal
from context.errors import NotPermitted
from context.models import ContextItem, Domain

AUTHORING_ROLES = ("author", "steward", "domain_owner", "administrator")
PUBLISHING_ROLES = ("approver", "steward", "domain_owner", "administrator")


def may_author(principal: Principal, domain: Domain, item: ContextItem | None = None) -> bool:
    """Whether the person may propose edits in this domain, or to this item as its owner."""
    if principal.kind != "person":
        return False
    if item is not None and item.owner_id == principal.id:
        return True
    return any(principal.has_role(role, domain.pk) for role in AUTHORING_ROLES)


def require_author(principal: Principal, domain: Domain, item: ContextItem | None = None) -> None:
    if not may_author(principal, domain, item):
        raise NotPermitted(
            f"You may not propose edits in {domain.name}.",
            field="domain",
            fix="Ask an administrator for the role of author there, or the owner of the item to propose it.",
        )


def may_publish(principal: Principal, domain_ids: Iterable[int | None]) -> bool:
    """Whether the person holds, in every domain touched, a role that publishes what is approved."""
    return all(any(principal.has_role(role, domain_id) for role in PUBLISHING_ROLES) for domain_id in domain_ids)


def may_verify(principal: Principal, item: ContextItem, steward_ids: Iterable[int]) -> bool:
    """Owners, stewards and domain owners confirm that a text is still true."""
    if principal.kind != "person":
        return False
    return (
        item.owner_id == principal.id
        or principal.id in steward_ids
        or any(principal.has_role(role, item.domain_id) for role in ("steward", "domain_owner"))
    )
