"""How recall cases read to one principal, in JSON: a run that is not theirs to see stays unnamed; must not write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Q, QuerySet

from agents.models import RecallCase, RecallEntry, RecallEntryState
from agents.recall.tracing import Footprint, Particulars
from context.access import Principal
from context.digests import iso


def cases_with_counts(*, principal: Principal) -> QuerySet[RecallCase]:
    """The cases that the principal may see, each with how many entries it has (`entered`) and how many wait (`left`).

    The figures are of the whole case. Read them as the principal.
    """
    return (
        RecallCase.objects.visible_to(principal)
        .select_related("version__item__domain", "opened_by", "closed_by")
        .annotate(
            entered=Count("entries", distinct=True),
            left=Count("entries", filter=Q(entries__state=RecallEntryState.OPEN), distinct=True),
        )
    )


def case_as_json(case: RecallCase) -> dict[str, Any]:
    """A case of `cases_with_counts`."""
    counted: Any = case
    return {
        "id": case.pk,
        "item": case.version.item.key,
        "version": case.version.number,
        "title": case.version.title,
        "reason": case.reason,
        "opened_by": case.opened_by.username,
        "opened_at": iso(case.opened_at),
        "closed_by": case.closed_by.username if case.closed_by else None,
        "closed_at": iso(case.closed_at) if case.closed_at else None,
        "entries": counted.entered,
        "open": counted.left,
    }


def entry_as_json(entry: RecallEntry, known: Mapping[int, Particulars]) -> dict[str, Any]:
    """An entry with what is known of its run; `withheld` where it has one that the principal may not see."""
    of_run = known.get(entry.pk)
    return {
        "id": entry.pk,
        "agent": entry.agent.slug,
        "run": str(entry.run_id) if of_run else None,
        "withheld": entry.run_id is not None and of_run is None,
        "task_type": of_run.run.task_type if of_run else None,
        "run_state": of_run.run.state if of_run else None,
        "steps": of_run.steps if of_run else None,
        "decisions": list(of_run.decisions) if of_run else [],
        "first_given_at": iso(entry.first_given_at),
        "last_given_at": iso(entry.last_given_at),
        "times": entry.times,
        "state": entry.state,
        "note": entry.note,
        "settled_by": entry.settled_by.username if entry.settled_by else None,
        "settled_at": iso(entry.settled_at) if entry.settled_at else None,
        "new_run": str(entry.new_run_id) if entry.new_run_id and of_run else None,
    }


def footprint_as_json(found: Footprint) -> dict[str, Any]:
    return {
        "runs": found.runs,
        "steps": found.steps,
        "decisions": found.decisions,
        "agents": [
            {"agent": agent.slug, "owner": agent.owner.username, "times": times, "last_given_at": iso(last)}
            for agent, times, last in found.agents
        ],
    }
