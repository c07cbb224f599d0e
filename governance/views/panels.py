"""What governance adds to the page of an item: its actions and the open changes that touch it; must not decide."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from context.models import ContextItem
from context.views.pages import PageRequest
from governance.models import Change, ChangeState
from governance.permissions import may_author, may_verify


def item_actions(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Propose an edit, verify, retire: as far as this person may."""
    stewards = list(item.stewards.values_list("pk", flat=True))
    offered = {
        "item": item,
        "now": now,
        "may_author": may_author(request.principal, item.domain, item),
        "may_verify": may_verify(request.principal, item, stewards),
    }
    return ("governance/_item_actions.html", offered) if offered["may_author"] or offered["may_verify"] else None


def pending_changes(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """Open changes that touch the item, as far as this person may see them."""
    found = (
        Change.objects.visible_to(request.principal)
        .filter(state__in=ChangeState.open_states(), edits__key=item.key)
        .select_related("author")
        .distinct()
        .order_by("-updated_at")
    )
    return ("governance/_pending.html", {"changes": found}) if found else None
