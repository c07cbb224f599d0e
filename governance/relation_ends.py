"""Which ends of proposed relations a reader may know of, and payloads without the others; must not change an edit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from context.access import Principal
from context.models import ContextItem
from governance.models import ITEM, Edit


def known_ends(*, principal: Principal, edits: Sequence[Edit], bases: Iterable[Mapping[str, Any]] = ()) -> set[str]:
    """The keys that relations of these edits and their bases name and the principal may know. One or two queries."""
    payloads = [*(edit.payload for edit in edits), *bases]
    named = {entry["key"] for payload in payloads for entry in payload.get("relations") or []}
    named |= {payload["replaced_by"] for payload in payloads if payload.get("replaced_by")}
    known = set(ContextItem.objects.visible_to(principal).filter(key__in=named).values_list("key", flat=True))
    if named - known:
        # Also what this change creates: whoever may see the change may see all of it.
        changes = {edit.change_id for edit in edits}
        known |= set(
            Edit.objects.filter(change__in=changes, record=ITEM, item__isnull=True).values_list("key", flat=True)
        )
    return known


def without_unknown_ends(payload: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """The payload less the relations, and the replacement, that lead to what the reader may not know of."""
    shown = dict(payload)
    if "relations" in shown:
        shown["relations"] = [entry for entry in shown["relations"] or [] if entry["key"] in known]
    if shown.get("replaced_by") and shown["replaced_by"] not in known:
        shown["replaced_by"] = None
    return shown
