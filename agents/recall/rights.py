"""Who answers for a text that is recalled, and so opens its case and settles it; must not read cases."""

from __future__ import annotations

from agents.models import RecallEntry
from context.access import Principal
from context.errors import NotPermitted
from context.models import ContextVersion, Role


def answers_for(principal: Principal, version: ContextVersion) -> bool:
    """The item's owner and stewards, the domain's owner and stewards, and who administers Plumbline."""
    item = version.item
    return principal.kind == "person" and (
        item.owner_id == principal.id
        or principal.has_role(Role.ADMINISTRATOR)
        or any(principal.has_role(role, item.domain_id) for role in (Role.STEWARD, "domain_owner"))
        or item.stewards.filter(pk=principal.id).exists()
    )


def may_settle(principal: Principal, entry: RecallEntry, *, answers: bool) -> bool:
    """Who answers for the text (`answers`), and the owner of the agent that had it."""
    return answers or (principal.kind == "person" and entry.agent.owner_id == principal.id)


def require_right(principal: Principal, version: ContextVersion) -> None:
    if not answers_for(principal, version):
        raise NotPermitted(
            "Only who answers for the text recalls it: its owner, a steward, the domain's owner or an administrator.",
            fix="Ask the owner of the text.",
        )
