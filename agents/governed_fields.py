"""What every governed record of this floor says of itself: domain, owner, sensitivity, slug; must not write one."""

from __future__ import annotations

import re
from typing import Any

from context.access import Principal
from context.errors import InvalidInput
from context.models import Domain, Sensitivity, User
from context.models.domains import SLUG_PATTERN
from governance.governed import Facets

PROPOSING_ROLES = ("steward", "domain_owner", "administrator")
LONGEST_SLUG = 60


def domain_named(slug: Any) -> Domain | None:
    """The domain of that slug, or none where none is named."""
    if slug in (None, ""):
        return None
    found = Domain.objects.filter(slug=slug).first() if isinstance(slug, str) else None
    if found is None:
        raise InvalidInput(f"There is no domain {str(slug)[:60]!r}.", field="domain", fix="Name a domain, or none.")
    return found


def owner_named(username: Any) -> User:
    """The person of that username."""
    found = User.objects.filter(username=username).first() if isinstance(username, str) else None
    if found is None:
        raise InvalidInput(f"There is no person {str(username)[:60]!r}.", field="owner", fix="Name who answers for it.")
    return found


def sensitivity_said(word: Any, principal: Principal) -> Sensitivity:
    """The sensitivity of that name, which a person may propose up to their own clearance."""
    words = [each.word for each in Sensitivity]
    if word not in words:
        raise InvalidInput("There is no such sensitivity.", field="sensitivity", limit=", ".join(words))
    sensitivity = Sensitivity.from_word(word)
    if principal.kind == "person" and sensitivity > principal.clearance:
        raise InvalidInput(
            "You cannot propose above your own clearance.", field="sensitivity", fix="Choose a lower sensitivity."
        )
    return sensitivity


def may_propose(principal: Principal, facets: Facets, *, new: bool) -> bool:
    """Its owner; stewards and owners of its domain; administrators. A new one has no owner yet."""
    if principal.kind != "person" or facets.sensitivity > principal.clearance:
        return False
    domain_id = facets.domain.pk if facets.domain is not None else None
    if any(principal.has_role(role, domain_id) for role in PROPOSING_ROLES):
        return True
    return not new and facets.owner is not None and facets.owner.pk == principal.id


def check_slug(key: str, *, noun: str, reserved: tuple[str, ...]) -> None:
    """Refuse what cannot name such a record, or names something else at its address."""
    if key in reserved:
        raise InvalidInput(f"{key} is no name for a {noun}.", field="key", fix="Choose another name.")
    if len(key) > LONGEST_SLUG or not re.fullmatch(SLUG_PATTERN, key):
        raise InvalidInput(
            f"{key[:60]!r} cannot name a {noun}.",
            field="key",
            limit=LONGEST_SLUG,
            fix="Use lower-case letters, digits and hyphens.",
        )
