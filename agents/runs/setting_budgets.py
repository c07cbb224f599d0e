"""Sets what the runs of an agent or of a domain may use, and ends it; must not count what they used (budgets.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from agents.models import Agent, Budget
from agents.owner_rights import require_owner
from agents.revisions import require_revision
from agents.use import visible_agents
from context.access import Principal
from context.digests import check_storable, digest_of
from context.errors import InvalidInput, NotFound, NotPermitted
from context.models import Domain, Role, User
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded

MOST_TOKENS = 10**12
HIGHEST_COST = Decimal(10**8)
SMALLEST = Decimal("0.000001")
LONGEST_REASON = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetTerms:
    """What may be used in a day or a month (UTC): tokens, money in the unit of the endpoints' prices, or both."""

    period: str
    tokens: int | None = None
    cost: Decimal | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "period": str(self.period),
            "tokens": self.tokens,
            "cost": f"{self.cost:.6f}" if self.cost is not None else None,
        }


def set_budget(
    *,
    actor: User,
    of: Agent | Domain,
    terms: BudgetTerms,
    reason: str = "",
    expected: str | None = None,
    now: datetime,
) -> Budget:
    """Let the runs of this agent or domain use so much in the period, and stop them there. One budget a period.

    `expected` is the revision that was read (`revision_of`), if one was. Setting what stands already changes nothing.
    A lower one bites at the next step of a run, and before the next is sent out.
    """
    principal = _require_rights(actor=actor, of=of, step="set", now=now)
    _check(terms)
    why = _reason(reason)
    with transaction.atomic():
        found = _locked(of, terms.period)
        require_revision(current=revision_of(found) if found is not None else None, expected=expected)
        before = terms_of_budget(found).as_json() if found is not None else None
        if found is not None and before == terms.as_json():
            return found
        budget = found or Budget(period=terms.period, **_whose(of))
        budget.tokens, budget.cost = terms.tokens, terms.cost
        budget.save()
        _tell(principal, of, "set", now, {**terms.as_json(), "before": before, "reason": why}, after=terms.as_json())
    return budget


def end_budget(
    *, actor: User, of: Agent | Domain, period: str, reason: str = "", expected: str | None = None, now: datetime
) -> None:
    """Bound them by this budget no more. What they used stays counted with their runs."""
    principal = _require_rights(actor=actor, of=of, step="end", now=now)
    why = _reason(reason)
    with transaction.atomic():
        budget = _locked(of, period)
        if budget is None:
            raise NotFound("There is no such budget.")
        require_revision(current=revision_of(budget), expected=expected)
        before = terms_of_budget(budget).as_json()
        budget.delete()
        _tell(principal, of, "ended", now, {**before, "reason": why})


def visible_budgets(principal: Principal) -> QuerySet[Budget]:
    """Those of agents that one may know of, and of domains that one answers for; all for who looks after the agents."""
    found = Budget.objects.select_related("agent", "domain").order_by("agent__name", "domain__name", "period")
    if principal.kind == "person" and (principal.has_role(Role.ADMINISTRATOR) or principal.has_role(Role.AUDITOR)):
        return found
    domains = [domain_id for role, domain_id in principal.roles if role == "domain_owner"]
    return found.filter(Q(agent__in=visible_agents(principal)) | Q(domain__in=domains))


def terms_of_budget(budget: Budget) -> BudgetTerms:
    return BudgetTerms(period=budget.period, tokens=budget.tokens, cost=budget.cost)


def revision_of(budget: Budget) -> str:
    """What changes with each change of it."""
    return digest_of({"id": budget.pk, **terms_of_budget(budget).as_json()})[:32]


def may_set_for(principal: Principal, of: Agent | Domain) -> bool:
    """Whether this person may set the budget of that agent or domain: who owns it, or an administrator."""
    if principal.kind != "person":
        return False
    owns = of.owner_id == principal.id if isinstance(of, Agent) else principal.has_role("domain_owner", of.pk)
    return owns or principal.has_role(Role.ADMINISTRATOR)


def _require_rights(*, actor: User, of: Agent | Domain, step: str, now: datetime) -> Principal:
    """The agent's owner, the domain's owner, or an administrator."""
    action = f"agents.budget.{step}"
    if isinstance(of, Agent):
        return require_owner(actor=actor, agent=of, action=action, what="budgets", may_read_more=True, now=now)
    principal = asking(actor)
    with denials_recorded(actor=principal, action=action, subject=lambda: _subject(of), now=now):
        if not may_set_for(principal, of):
            raise NotPermitted(
                "Only an administrator or the domain's owner sets its budgets.", fix="Ask the domain's owner."
            )
    return principal


def _locked(of: Agent | Domain, period: str) -> Budget | None:
    """Its row is locked, so that two who set its first budget come one after the other.

    Not against rows that name it: a run's lease is written while the run holds its budgets.
    """
    type(of)._default_manager.select_for_update(no_key=True).get(pk=of.pk)
    found = Budget.objects.select_for_update(of=("self",)).filter(period=period, **_whose(of))
    return found.select_related("agent", "domain").first()


def _whose(of: Agent | Domain) -> dict[str, Any]:
    return {"agent": of} if isinstance(of, Agent) else {"domain": of}


def _check(terms: BudgetTerms) -> None:
    if terms.period not in Budget.Period.values:
        raise InvalidInput("There is no such period.", field="period", limit=", ".join(Budget.Period.values))
    if terms.tokens is None and terms.cost is None:
        raise InvalidInput("A budget limits something.", field="tokens", fix="Give tokens, a cost, or both.")
    if terms.tokens is not None and not 1 <= terms.tokens <= MOST_TOKENS:
        raise InvalidInput("tokens is out of range.", field="tokens", limit=MOST_TOKENS, fix="Choose another.")
    if terms.cost is not None and not (
        terms.cost.is_finite() and 0 < terms.cost < HIGHEST_COST and terms.cost == terms.cost.quantize(SMALLEST)
    ):
        raise InvalidInput(
            "cost is out of range, or has more than six decimals.",
            field="cost",
            limit=int(HIGHEST_COST),
            fix="Write such as 250.00.",
        )


def _reason(reason: str) -> str:
    check_storable(reason, field="reason")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput("The reason is too long.", field="reason", limit=LONGEST_REASON, fix="Shorten it.")
    return reason.strip()


def _subject(of: Agent | Domain) -> ledger.Subject:
    return ledger.Subject(type="agent" if isinstance(of, Agent) else "domain", id=of.slug, label=of.name)


def _tell(
    principal: Principal,
    of: Agent | Domain,
    what: str,
    now: datetime,
    data: Mapping[str, Any],
    *,
    after: Mapping[str, Any] | None = None,
) -> None:
    ledger.append(
        actor=principal,
        action=f"agents.budget.{what}",
        subject=_subject(of),
        data=data,
        after=digest_of(after) if after is not None else None,
        now=now,
    )
