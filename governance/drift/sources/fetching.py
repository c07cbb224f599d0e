"""Reads sources that are due, one after the other; must not judge what changed.

Nothing is locked while the other side takes its time: a source is put off, read, and what was read is kept in one
transaction. What a killed worker had in hand is due again after a while.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from context.errors import InvalidInput
from governance import outgoing
from governance.drift.sources.git import read_git
from governance.drift.sources.places import GitPlace, QueryPlace, UploadPlace, WebPlace, place_of
from governance.drift.sources.problems import SourceProblem, Why
from governance.drift.sources.queries import read_query
from governance.drift.sources.watching import Reading, note_sources, take_reading
from governance.drift.sources.web import read_url
from governance.models import SourceUpload, WatchedSource

HELD_FOR = timedelta(minutes=5)

log = structlog.get_logger(__name__)


def fetch_due_sources(*, clock: Callable[[], datetime], at_most: timedelta) -> int:
    """Read what is due, the longest due first, until none is left or the time is up. Returns how many were read."""
    until = clock() + at_most
    note_sources(now=clock())
    done = 0
    while clock() < until and (row := _take(clock())) is not None:
        fetch_source(row=row, clock=clock)
        done += 1
    return done


def fetch_source(*, row: WatchedSource, clock: Callable[[], datetime]) -> WatchedSource | None:
    """Read this source and keep what it gave, or why it gave nothing."""
    try:
        read: Reading | SourceProblem = _read(row)
    except SourceProblem as problem:
        log.info("a source could not be read", source=row.pk, why=problem.why.value)
        read = problem
    return take_reading(source_id=row.pk, uri=row.uri, read=read, now=clock())


def allowed_hosts() -> outgoing.Allowed:
    return outgoing.Allowed(
        hosts=settings.SOURCE_ALLOWED_HOSTS,
        private=settings.SOURCE_PRIVATE_ADDRESSES,
        setting="SOURCE_ALLOWED_HOSTS",
    )


def _take(now: datetime) -> WatchedSource | None:
    with transaction.atomic():
        due = WatchedSource.objects.select_for_update(skip_locked=True).filter(next_check_at__lte=now)
        row = due.order_by("next_check_at", "pk").defer("base_text", "seen_text").first()
        if row is not None:
            WatchedSource.objects.filter(pk=row.pk).update(next_check_at=now + HELD_FOR)
        return row


def _read(row: WatchedSource) -> Reading:
    try:
        place = place_of(row.kind, row.uri)
    except InvalidInput as wrong:
        raise SourceProblem(Why.MISNAMED, f"{wrong.detail} {wrong.fix or ''}".strip()) from wrong
    match place:
        case WebPlace():
            found = read_url(place.url, allowed=allowed_hosts(), etag=row.etag, last_modified=row.last_modified)
            return Reading(text=found.text, etag=found.etag, last_modified=found.last_modified)
        case GitPlace():
            roots = settings.SOURCE_LOCAL_REPOSITORIES
            return Reading(text=read_git(place, allowed=allowed_hosts(), local_roots=roots))
        case QueryPlace():
            return Reading(text=read_query(place.connection, place.query, connections=settings.SOURCE_CONNECTIONS))
        case UploadPlace():
            latest = SourceUpload.objects.filter(item_id=row.item_id).first()
            if latest is None:
                raise SourceProblem(Why.EMPTY, "No file was uploaded yet.")
            return Reading(text=latest.text)
