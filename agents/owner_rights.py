"""Judges who may handle what an agent has: its keys, how it is reached, what it may use; must not change any of it."""

from __future__ import annotations

from datetime import datetime

from agents.models import Agent
from context.access import Principal
from context.errors import NotPermitted
from context.models import Role, Sensitivity, User
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded


def require_owner(
    *, actor: User, agent: Agent, action: str, what: str, may_read_more: bool = False, now: datetime
) -> Principal:
    """An administrator or the agent's owner, and nobody who could read more through the agent than without.

    `what` is what they would handle, for the message; `may_read_more` lets those through who only take away. What is
    refused leaves `<action>.denied`.
    """
    principal = asking(actor)
    with denials_recorded(
        actor=principal,
        action=action,
        subject=lambda: ledger.Subject(type="agent", id=agent.slug, label=agent.name),
        now=now,
    ):
        if principal.kind != "person":
            raise NotPermitted(f"Only people handle {what}.", fix="Ask the agent's owner.")
        if not (principal.has_role(Role.ADMINISTRATOR) or (actor.is_active and actor.pk == agent.owner_id)):
            raise NotPermitted(
                f"Only an administrator or the agent's owner handles its {what}.", fix="Ask the agent's owner."
            )
        if not may_read_more and principal.clearance < agent.clearance:
            raise NotPermitted(
                "The agent's clearance is above yours.",
                field="agent",
                limit=Sensitivity(agent.clearance).word,
                fix="Ask an administrator with that clearance.",
            )
    return principal
