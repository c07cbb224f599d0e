"""What of recalls waits for a person: a case with open entries of their texts or agents; must not decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef

from agents.models import RecallCase, RecallEntry, RecallEntryState
from context.access import Principal
from context.models import ContextItem
from governance.inbox import InboxEntry

MOST_SHOWN = 50


def entries_for(*, principal: Principal, now: datetime) -> Iterable[InboxEntry]:
    """An entry for each case with something open that this person opened, whose text they own, or whose agents they do.

    One query.
    """
    waiting = RecallEntry.objects.filter(case=OuterRef("pk"), state=RecallEntryState.OPEN)
    opened = RecallCase.objects.visible_to(principal).filter(closed_at__isnull=True)
    theirs = Exists(waiting.filter(agent__owner=principal.id)) | Exists(
        ContextItem.objects.filter(pk=OuterRef("version__item"), owner=principal.id)
    )
    found = opened.filter(theirs).select_related("version").order_by("opened_at", "pk")
    for case in found[:MOST_SHOWN]:
        yield InboxEntry(
            kind="recall",
            title=f"Recall of “{case.version.title}”, version {case.version.number}",
            why=case.reason[:300],
            due_at=None,
            url=f"/recalls/{case.pk}/",
            debt=0.0,
            subject=f"recall:{case.pk}",
        )
