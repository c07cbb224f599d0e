"""Who asked for a run or a flow, with the rights they have now; must not judge what they may do."""

from __future__ import annotations

from agents.models import Agent, FlowRun, Run
from agents.routing.candidates import candidates_of
from context.access import Principal, principal_for
from context.models import User


def requester_of(asked: Run | FlowRun) -> tuple[Principal, str] | None:
    """Their principal and their username or slug; None where they are gone, or may not ask any more."""
    if asked.requested_by_kind == "person":
        person = User.objects.filter(pk=asked.requested_by_id, is_active=True).first()
        return (principal_for(person), person.username) if person is not None else None
    slug = Agent.objects.filter(pk=asked.requested_by_id).values_list("slug", flat=True).first()
    found = candidates_of([slug], load=False, budget=False).get(slug) if slug is not None else None
    return (found.principal, found.slug) if found is not None and found.state == "sanctioned" else None
