"""What the agents floor adds to lower pages: who receives an item, its recall, the gaps felt most; must not decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agents.gap_report import worst_gaps
from agents.models import RecallCase
from agents.recall.rights import answers_for
from agents.use import contracts_for, receipts_of
from context.models import ContextItem, ContextVersion
from context.views.pages import PageRequest

LATELY_DAYS = 30


def item_use(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Contracts that ask for the item, and the last deliveries of it."""
    uses = contracts_for(principal=request.principal, item=item)
    receipts = receipts_of(principal=request.principal, item=item)
    return ("agents/_item_use.html", {"uses": uses, "receipts": receipts}) if uses or receipts else None


def item_recall(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """To recall the version that the page shows, for who answers for the text, or to its case."""
    match = request.resolver_match
    # Other pages that show the item, a finding's, have numbers of their own.
    asked = match.kwargs.get("number") if match is not None and match.view_name == "context:version" else None
    current = item.current_version
    number = asked if isinstance(asked, int) else current.number if current is not None else None
    if number is None:
        return None
    version = ContextVersion.objects.select_related("item").filter(item=item, number=number).first()
    if version is None:
        return None
    cases = RecallCase.objects.visible_to(request.principal)
    case = cases.filter(version=version, closed_at__isnull=True).first()
    if case is None and not answers_for(request.principal, version):
        return None
    return "agents/_recall_link.html", {"case": case, "item": item, "number": version.number}


def refusals(*, request: PageRequest, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """The gaps that hurt most in the last thirty days, as the gap report orders them."""
    gaps = worst_gaps(principal=request.principal, days=LATELY_DAYS, now=now)
    return ("agents/_felt_gaps.html", {"gaps": gaps}) if gaps else None
