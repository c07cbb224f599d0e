"""Takes what a step used from the budgets of the run, its agent and its domain; a spent budget stops the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Q, Sum

from agents.models import Budget, DailyUse, LeaseEnding, Run, RunLease, RunState
from agents.runs.moving import end_lease, move, tell
from context.access import Principal
from context.statements import rows
from governance.audit import ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """What was used beyond what was counted before."""

    input_tokens: int
    output_tokens: int
    cost: Decimal


def spend(*, actor: Principal, run: Run, lease: RunLease, use: Use, now: datetime) -> list[ledger.Entry]:
    """Add what a step used to the locked run. Where that is beyond a budget, the run is left to a person: its events.

    What was used is recorded even where it was too much: it was used.
    """
    run.input_tokens += use.input_tokens
    run.output_tokens += use.output_tokens
    run.cost += use.cost
    run.changed_at = now
    _count(run=run, use=use, now=now)
    spent = spent_budget(run=run, now=now, beyond=True)
    if spent is None:
        run.save(update_fields=["input_tokens", "output_tokens", "cost", "changed_at"])
        return []
    stopped = _stop(actor=actor, run=run, spent=spent, now=now)
    end_lease(lease=lease, ending=LeaseEnding.FAILED, now=now)
    return [stopped]


def stop_where_spent(*, actor: Principal, run: Run, now: datetime) -> ledger.Entry | None:
    """Leave a locked run to a person where a budget has nothing left: the event to append; None where all have.

    Asked before work is given out: what has nothing left is not begun.
    """
    spent = spent_budget(run=run, now=now, beyond=False)
    return _stop(actor=actor, run=run, spent=spent, now=now) if spent is not None else None


def _stop(*, actor: Principal, run: Run, spent: str, now: datetime) -> ledger.Entry:
    run.reasons = [*run.reasons, {"cause": "budget_spent", "detail": spent, "at": now.isoformat()}]
    move(run=run, to=RunState.WAITS_FOR_PERSON, now=now)
    run.save()
    return tell(actor=actor, run=run, what="escalated", now=now, cause="budget_spent", detail=spent)


def spent_budget(*, run: Run, now: datetime, beyond: bool) -> str | None:
    """Which budget has nothing left, or was gone `beyond`, in a sentence; None where there is none.

    A limit of 100 allows exactly 100: who used them has not gone beyond, and has nothing left.
    """

    def over(used: int | Decimal, limit: int | Decimal | None) -> bool:
        return limit is not None and (used > limit if beyond else used >= limit)

    tokens = run.input_tokens + run.output_tokens
    if over(tokens, run.token_budget):
        return f"The run used {tokens} tokens of {run.token_budget}."
    if over(run.cost, run.cost_budget):
        return f"The run cost {run.cost} of {run.cost_budget}."
    for budget in budgets_of(run):
        used_tokens, used_cost = used(budget=budget, now=now)
        if over(used_tokens, budget.tokens):
            return f"{budget} used {used_tokens} tokens of {budget.tokens}."
        if over(used_cost, budget.cost):
            return f"{budget} cost {used_cost} of {budget.cost}."
    return None


def budgets_of(run: Run) -> Iterable[Budget]:
    """The budgets that the run draws on, locked in one order, so that two runs cannot both take the last of one."""
    drawn = Q(agent=run.agent_id) if run.agent_id is not None else Q(pk__in=[])
    if run.domain_id is not None:
        drawn |= Q(domain=run.domain_id)
    return Budget.objects.select_for_update(of=("self",)).select_related("agent", "domain").filter(drawn).order_by("pk")


def used(*, budget: Budget, now: datetime) -> tuple[int, Decimal]:
    """Tokens and cost that were used in the budget's present period."""
    return used_by(budgets=[budget], now=now)[budget.pk]


def used_by(*, budgets: Sequence[Budget], now: datetime) -> dict[int, tuple[int, Decimal]]:
    """The same of each of these, by its id. Four queries at most."""
    found = {each.pk: (0, Decimal(0)) for each in budgets}
    for period in Budget.Period.values:
        for drawer in ("agent_id", "domain_id"):
            named = [each for each in budgets if each.period == period and getattr(each, drawer) is not None]
            of = {getattr(each, drawer): each.pk for each in named}
            if of:
                uses = DailyUse.objects.filter(
                    day__gte=beginning_of(named[0], now).date(), **{f"{drawer}__in": list(of)}
                )
                for row in uses.order_by().values(drawer).annotate(all_tokens=Sum("tokens"), all_cost=Sum("cost")):
                    found[of[row[drawer]]] = (row["all_tokens"], row["all_cost"])
    return found


# The row of a day is made by who first uses something on it.
_COUNT = """
INSERT INTO agents_dailyuse AS use ({whose}, day, tokens, cost) VALUES (%(whose)s, %(day)s, %(tokens)s, %(cost)s)
ON CONFLICT ({whose}, day) DO UPDATE SET tokens = use.tokens + excluded.tokens, cost = use.cost + excluded.cost
RETURNING id
"""


def _count(*, run: Run, use: Use, now: datetime) -> None:
    """Count it with the agent that has the run and with the run's domain, on this day."""
    tokens = use.input_tokens + use.output_tokens
    if not tokens and not use.cost:
        return
    for whose in ("agent_id", "domain_id"):
        if getattr(run, whose) is not None:
            given = {
                "whose": getattr(run, whose),
                "day": now.astimezone(UTC).date(),
                "tokens": tokens,
                "cost": use.cost,
            }
            rows(_COUNT.format(whose=whose), given)


def beginning_of(budget: Budget, now: datetime) -> datetime:
    """The first moment of the present day or month, UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if budget.period == Budget.Period.DAY else day.replace(day=1)
