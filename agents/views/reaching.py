"""What pages show of how an agent is reached and of what may be used; must not judge who may change it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from agents.models import Agent, Budget, PushTarget
from agents.push_targets import revision_of
from agents.runs.budgets import beginning_of, used_by
from agents.runs.setting_budgets import may_set_for
from agents.runs.setting_budgets import revision_of as revision_of_budget
from context.access import Principal
from context.models import Domain


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetLine:
    """A budget with what its present period has used of it."""

    budget: Budget
    of: Agent | Domain
    used_tokens: int
    used_cost: Decimal
    since: datetime
    spent: bool
    revision: str
    may_set: bool


def reaching_of(*, principal: Principal, agent: Agent, now: datetime) -> dict[str, Any]:
    """For the page of an agent."""
    target = PushTarget.objects.filter(agent=agent).first()
    return {
        "push": target,
        "push_open": target is not None and target.closed_until is not None and target.closed_until > now,
        "push_revision": revision_of(target) if target is not None else "",
        "budgets": budget_lines(agent.budgets.select_related("agent", "domain"), principal=principal, now=now),
        "periods": Budget.Period.choices,
    }


def budget_lines(budgets: Iterable[Budget], *, principal: Principal, now: datetime) -> list[BudgetLine]:
    """As many queries for one as for many."""
    listed = list(budgets)
    spent = used_by(budgets=listed, now=now)
    found = []
    for budget in listed:
        of: Agent | Domain | None = budget.agent or budget.domain
        if of is None:
            continue
        tokens, cost = spent[budget.pk]
        found.append(
            BudgetLine(
                budget=budget,
                of=of,
                used_tokens=tokens,
                used_cost=cost,
                since=beginning_of(budget, now),
                spent=(budget.tokens is not None and tokens >= budget.tokens)
                or (budget.cost is not None and cost >= budget.cost),
                revision=revision_of_budget(budget),
                may_set=may_set_for(principal, of),
            )
        )
    return found
