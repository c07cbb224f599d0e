"""Finds and saves the draft of a governed record that an editor works on; must not know what the record says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from context.errors import NotFound
from context.views.pages import PageRequest
from governance.changes import create_change, put_edit
from governance.edits import EditInput
from governance.governed import GovernedRecord
from governance.models import Change, Edit, Operation


def number_in(text: str | None) -> int | None:
    """A whole number as an address or a form has it; None for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 13 else None


def draft_of(request: PageRequest, *, record: GovernedRecord, key: str) -> Edit | None:
    """The edit of this record in the change that the address or the form names; None where none is named."""
    stated = number_in(request.GET.get("change") or request.POST.get("change"))
    if stated is None:
        return None
    found = (
        Edit.objects.filter(record=record.name, key=key, change_id=stated)
        .filter(change__in=Change.objects.visible_to(request.principal))
        .select_related("change")
        .first()
    )
    if found is None:
        raise NotFound("There is no such draft.")
    return found


def save_draft(
    request: PageRequest,
    *,
    record: GovernedRecord,
    key: str,
    payload: Mapping[str, Any],
    base_version: int | None,
    reason: str,
    edit: Edit | None,
    creates: bool,
    called: str,
) -> Change:
    """Into the draft that is open, or a new change whose title says what is added or revised (`called`)."""
    record.check_key(key)
    proposed = EditInput(
        operation=Operation.CREATE if creates else Operation.REVISE,
        record=record.name,
        key=key,
        payload=payload,
        base_version=None if creates else base_version,
    )
    now = timezone.now()
    if edit is not None:
        put_edit(actor=request.user, change_id=edit.change_id, edit=proposed, now=now)
        return edit.change
    title = f"{'Add' if creates else 'Revise'} {called}"[:200]
    return create_change(actor=request.user, title=title, reason=reason, edits=[proposed], now=now)
