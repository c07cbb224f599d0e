"""What people do with sources: ask for a reading, upload a file, say how often to read; must not fetch any."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import Principal
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextItem
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.sources.places import UPLOAD, WATCHED, checked_name
from governance.drift.sources.problems import SourceProblem
from governance.drift.sources.texts import text_of
from governance.drift.sources.watching import Reading, note_sources, take_reading
from governance.models import SourceUpload, WatchedSource
from governance.permissions import may_author

INTERVALS = {1: "every hour", 6: "every six hours", 24: "every day", 168: "every week", 720: "every 30 days"}
UPLOADS_KEPT = 10


class UnreadableUpload(InvalidInput):
    """The file that was uploaded holds no text that an item could have."""

    type = "unreadable-upload"
    title = "The file cannot be read as a text"


def source_of(*, principal: Principal, key: str) -> WatchedSource | None:
    """What is known of the item's source; None where it names none that is watched. NotFound for a hidden item."""
    item = _visible(principal, key)
    row = WatchedSource.objects.select_related("item").filter(item=item).first()
    same = row is not None and (row.kind, row.uri) == (item.source_kind, item.source_uri)
    return row if same else None


def check_now(*, actor: Principal, key: str, now: datetime) -> WatchedSource:
    """Ask for a reading of the item's source; a worker makes it. Asked twice, it is made once."""
    item = _permitted(actor, key, "check", now)
    with transaction.atomic():
        row = _row(item, now)
        if row.is_asked:
            return row
        row.asked_at = row.next_check_at = now
        row.save(update_fields=["asked_at", "next_check_at"])
        ledger.append(
            actor=actor, action="governance.source.check_requested", subject=_subject(item), now=now, data=_said(row)
        )
    return row


def set_interval(*, actor: Principal, key: str, hours: int, now: datetime) -> WatchedSource:
    """Say how often the item's source is read."""
    if hours not in INTERVALS:
        raise InvalidInput(
            "This is no interval.", field="interval_hours", fix=f"Use one of {', '.join(map(str, INTERVALS))}."
        )
    item = _permitted(actor, key, "interval", now)
    with transaction.atomic():
        row = _row(item, now)
        if row.interval_hours == hours:
            return row
        before, row.interval_hours, row.next_check_at = row.interval_hours, hours, now
        row.save(update_fields=["interval_hours", "next_check_at"])
        ledger.append(
            actor=actor,
            action="governance.source.interval_set",
            subject=_subject(item),
            now=now,
            data={**_said(row), "hours": hours, "was": before},
        )
    return row


def upload_source(*, actor: Principal, key: str, name: str, content: bytes, now: datetime) -> WatchedSource:
    """Take a file as what the item's source says now, and compare. The text in force stays as it is."""
    item = _permitted(actor, key, "upload", now)
    if item.source_kind != UPLOAD:
        raise Conflict(
            "The source of this text is not an uploaded file.",
            field="source",
            fix="Propose a change that names an uploaded file as its source.",
        )
    named = checked_name(name)
    try:
        text = text_of(content, name=named)
    except SourceProblem as problem:
        raise UnreadableUpload(problem.reason, field="file", fix="Upload Markdown, plain text or HTML.") from problem
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with transaction.atomic():
        row = _row(item, now)
        SourceUpload.objects.create(
            item=item,
            name=named,
            digest=digest,
            size=len(content),
            text=text,
            uploaded_by_id=actor.id if actor.kind == "person" else None,
            uploaded_at=now,
        )
        kept = SourceUpload.objects.filter(item=item).values_list("pk", flat=True)[:UPLOADS_KEPT]
        SourceUpload.objects.filter(item=item).exclude(pk__in=list(kept)).delete()
        ledger.append(
            actor=actor,
            action="governance.source.uploaded",
            subject=_subject(item),
            now=now,
            data={"name": named, "size": len(content), "digest": digest},
        )
        found = take_reading(source_id=row.pk, uri=row.uri, read=Reading(text=text), now=now)
    return found or row


def may_tend(principal: Principal, item: ContextItem) -> bool:
    """Who may propose edits to the text may see to its source."""
    return may_author(principal, item.domain, item)


def require_tending(*, actor: Principal, key: str, now: datetime) -> None:
    """NotFound or NotPermitted, on record, where this person may not see to the source of that item."""
    _permitted(actor, key, "repeat", now)


def _permitted(actor: Principal, key: str, verb: str, now: datetime) -> ContextItem:
    item = _visible(actor, key)
    with denials_recorded(actor=actor, action=f"governance.source.{verb}", subject=lambda: _subject(item), now=now):
        if not may_tend(actor, item):
            raise NotPermitted(
                f"You may not see to the source of {item.key}.",
                field="key",
                fix="Its owner may, and whoever may propose edits in its domain.",
            )
    if item.source_kind not in WATCHED:
        raise Conflict(
            "This text names no source that is watched.",
            field="source",
            fix=f"Propose a change that names one: {', '.join(WATCHED)}.",
        )
    return item


def _visible(principal: Principal, key: str) -> ContextItem:
    items = ContextItem.objects.visible_to(principal).not_retired().select_related("domain")
    item = items.filter(key=key).first()
    if item is None:
        raise NotFound("There is no such item.")
    return item


def _row(item: ContextItem, now: datetime) -> WatchedSource:
    note_sources(now=now, item_id=item.pk)
    return WatchedSource.objects.select_for_update(of=("self",)).get(item=item)


def _subject(item: ContextItem) -> ledger.Subject:
    return ledger.Subject(type="item", id=item.key, label=item.title, sensitivity=item.sensitivity)


def _said(row: WatchedSource) -> dict[str, Any]:
    return {"kind": row.kind, "uri": row.uri[:300]}
