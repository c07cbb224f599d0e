"""Looks again at runs that wait for context: it has come, or their time is up; must not decide a route itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from agents.models import Decision, Run, RunState
from agents.routing.asking import Answer, Question, ask
from agents.routing.decisions import keep_decision
from agents.runs.following import rebase, tell_of
from agents.runs.moving import move, tell
from agents.runs.requesters import requester_of
from agents.runs.starting import assignment_of
from context.access import SYSTEM
from context.errors import DomainError
from governance.audit import ledger

LOOKED_AT_ONCE = 100


def look_again(*, now: datetime) -> int:
    """Route again each run that waits for context; how many moved on. For a schedule."""
    waiting = Run.objects.filter(state=RunState.WAITS_FOR_CONTEXT).order_by("changed_at").values_list("pk", flat=True)
    return sum(_look(run_id=run_id, now=now) for run_id in list(waiting[:LOOKED_AT_ONCE]))


def _look(*, run_id: UUID, now: datetime) -> bool:
    run = Run.objects.filter(pk=run_id, state=RunState.WAITS_FOR_CONTEXT).first()
    first = (
        Decision.objects.select_related("rule_set_version__rule_set").filter(run=str(run_id)).order_by("-pk").first()
    )
    if run is None or first is None:
        return False
    answer = _asked_again(run=run, first=first, now=now)
    with transaction.atomic():
        locked = (
            Run.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("agent")
            .filter(pk=run_id, state=RunState.WAITS_FOR_CONTEXT)
            .first()
        )
        if locked is None:
            return False
        if answer is not None and answer.verdict.kind == "agent":
            entries = _go_on(run=locked, answer=answer, now=now)
        elif locked.due_at is not None and locked.due_at <= now:
            entries = [_give_up(run=locked, first=first, now=now)]
        else:
            # Looked at last: the next look begins with those that have waited longest for one.
            locked.changed_at = now
            locked.save(update_fields=["changed_at"])
            return False
        tell_of(actor=SYSTEM, run=locked, entries=entries, now=now)
    return True


def _asked_again(*, run: Run, first: Decision, now: datetime) -> Answer | None:
    """What the rules in force say now; None where they, or who asked, are no longer there."""
    asker = requester_of(run)
    if asker is None:
        return None
    principal, name = asker
    typed = first.facts.get("values", {}).get("task.typed_by") == "given"
    question = Question(
        task=run.task,
        task_type=run.task_type if typed else None,
        rule_set=first.rule_set_version.rule_set.slug,
        run=str(run.pk),
    )
    try:
        return ask(principal=principal, name=name, question=question, now=now)
    except DomainError:
        # The rule set was retired, or is no longer theirs: what cannot be asked does not come; its time runs out.
        return None


def _go_on(*, run: Run, answer: Answer, now: datetime) -> list[ledger.Entry]:
    decision, decided = keep_decision(principal=SYSTEM, answer=answer, run=str(run.pk), now=now)
    assigned = assignment_of(decision.outcome)
    run.agent, run.contract_version = assigned.agent, assigned.contract_version
    run.fallbacks, run.not_before, run.due_at = list(assigned.fallbacks), now, None
    rebase(run, now=now)
    move(run=run, to=assigned.state, now=now)
    run.save()
    return [decided, tell(actor=SYSTEM, run=run, what="context_came", now=now)]


def _give_up(*, run: Run, first: Decision, now: datetime) -> ledger.Entry:
    """The deadline has passed: what the rule said of that."""
    then = RunState.WAITS_FOR_PERSON if first.outcome.get("then") == "person" else RunState.REFUSED
    detail = "The context did not come in time."
    run.reasons = [*run.reasons, {"cause": "waited_in_vain", "detail": detail, "at": now.isoformat()}]
    run.due_at = None
    move(run=run, to=then, now=now)
    run.save()
    return tell(actor=SYSTEM, run=run, what="waited_in_vain", now=now)
