"""Takes what a step used from the budgets of the run, its agent and its domain; a spent budget stops the run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Q, Sum

from agents.models import Budget, LeaseEnding, Run, RunLease, RunState, RunStep
from agents.runs.moving import end_lease, move, tell
from context.access import Principal
from governance.audit import ledger


def spend(*, actor: Principal, run: Run, lease: RunLease, step: RunStep, now: datetime) -> list[ledger.Entry]:
    """Add what the step used to the locked run. Where a budget is spent, the run is left to a person: its events.

    What was used is recorded even where it was too much: it was used.
    """
    run.input_tokens += step.input_tokens
    run.output_tokens += step.output_tokens
    run.cost += step.cost
    run.changed_at = now
    stopped = stop_where_spent(actor=actor, run=run, now=now)
    if stopped is None:
        run.save(update_fields=["input_tokens", "output_tokens", "cost", "changed_at"])
        return []
    end_lease(lease=lease, ending=LeaseEnding.FAILED, now=now)
    return [stopped]


def stop_where_spent(*, actor: Principal, run: Run, now: datetime) -> ledger.Entry | None:
    """Leave a locked run to a person where a budget has nothing left: the event to append; None where all have."""
    spent = spent_budget(run=run, now=now)
    if spent is None:
        return None
    run.reasons = [*run.reasons, {"cause": "budget_spent", "detail": spent, "at": now.isoformat()}]
    move(run=run, to=RunState.WAITS_FOR_PERSON, now=now)
    run.save()
    return tell(actor=actor, run=run, what="escalated", now=now, cause="budget_spent", detail=spent)


def spent_budget(*, run: Run, now: datetime) -> str | None:
    """Which budget has nothing left, in a sentence; None where all have. The run's own use counts as it stands here."""
    tokens = run.input_tokens + run.output_tokens
    if run.token_budget is not None and tokens > run.token_budget:
        return f"The run used {tokens} tokens of {run.token_budget}."
    if run.cost_budget is not None and run.cost > run.cost_budget:
        return f"The run cost {run.cost} of {run.cost_budget}."
    for budget in budgets_of(run):
        used_tokens, used_cost = used(budget=budget, apart_from=run, now=now)
        if budget.tokens is not None and used_tokens + tokens > budget.tokens:
            return f"{budget} used {used_tokens + tokens} tokens of {budget.tokens}."
        if budget.cost is not None and used_cost + run.cost > budget.cost:
            return f"{budget} cost {used_cost + run.cost} of {budget.cost}."
    return None


def budgets_of(run: Run) -> Iterable[Budget]:
    """The budgets that the run draws on, locked in one order, so that two runs cannot both take the last of one."""
    drawn = Q(agent=run.agent_id) if run.agent_id is not None else Q(pk__in=[])
    if run.domain_id is not None:
        drawn |= Q(domain=run.domain_id)
    return Budget.objects.select_for_update(of=("self",)).select_related("agent", "domain").filter(drawn).order_by("pk")


def used(*, budget: Budget, now: datetime, apart_from: Run | None = None) -> tuple[int, Decimal]:
    """Tokens and cost that the budget's runs of its present period have used."""
    runs = Run.objects.filter(created_at__gte=beginning_of(budget, now))
    runs = runs.filter(agent=budget.agent_id) if budget.agent_id is not None else runs.filter(domain=budget.domain_id)
    if apart_from is not None:
        runs = runs.exclude(pk=apart_from.pk)
    sums = runs.aggregate(inward=Sum("input_tokens"), outward=Sum("output_tokens"), cost=Sum("cost"))
    return (sums["inward"] or 0) + (sums["outward"] or 0), sums["cost"] or Decimal(0)


def beginning_of(budget: Budget, now: datetime) -> datetime:
    """The first moment of the present day or month, UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if budget.period == Budget.Period.DAY else day.replace(day=1)
