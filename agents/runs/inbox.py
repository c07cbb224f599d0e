"""What of runs waits for a person: outputs in review and runs nobody else can carry on; must not decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agents.models import RunState
from agents.runs.reviewing import awaiting
from context.access import Principal
from governance.inbox import InboxEntry

MOST_SHOWN = 200


def entries_for(*, principal: Principal, now: datetime) -> Iterable[InboxEntry]:
    """An entry for each run that this person may decide on, those due first. One query."""
    for run in awaiting(principal)[:MOST_SHOWN]:
        reviewed = run.state == RunState.IN_REVIEW
        last = run.reasons[-1].get("detail", "") if run.reasons else ""
        who = run.agent.name if run.agent else "No agent"
        yield InboxEntry(
            kind="run_review" if reviewed else "run_stopped",
            title=f"{run.task_type.replace('-', ' ').replace('_', ' ').capitalize()} by {who}",
            why=last or ("A person must see this output." if reviewed else "Nobody else can carry it on."),
            due_at=run.due_at,
            url=f"/runs/{run.pk}/review/",
            debt=0.0,
            subject=f"run:{run.pk}",
        )
