"""What the agents floor adds to lower pages: who receives an item, and which gaps were felt most; must not decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from agents.use import contracts_for, felt_gaps, receipts_of
from context.models import ContextItem
from context.views.pages import PageRequest

LATELY = timedelta(days=30)


def item_use(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Contracts that ask for the item, and the last deliveries of it."""
    uses = contracts_for(principal=request.principal, item=item)
    receipts = receipts_of(principal=request.principal, item=item)
    return ("agents/_item_use.html", {"uses": uses, "receipts": receipts}) if uses or receipts else None


def refusals(*, request: PageRequest, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """The gaps that refused agents most often in the last thirty days."""
    gaps = felt_gaps(principal=request.principal, since=now - LATELY)
    return ("agents/_felt_gaps.html", {"gaps": gaps}) if gaps else None
