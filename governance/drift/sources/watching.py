"""Which sources are watched, what was last read of each, and what that means for its item; must not fetch any."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from context.models import ContextItem
from governance.drift.closing import Reach, resolve_gone
from governance.drift.detectors import Subjects, detectors
from governance.drift.recording import record_findings
from governance.drift.sources.places import WATCHED
from governance.drift.sources.problems import SourceProblem
from governance.drift.sources.texts import fingerprint_of, share_kept
from governance.drift.tuning import tuned_detectors
from governance.models import SourceState, WatchedSource

NAME = "source"
# What has in common at least so much with its source is compared with it word for word; the rest was written from it.
MOSTLY = 0.5
FIRST_RETRY = timedelta(minutes=10)
LONGEST_WAIT = timedelta(days=7)
JITTER = 0.1

# Items that name a source get a row; one that names another source begins anew; the rest are let go.
_NAMED = """
INSERT INTO governance_watchedsource AS known (item_id, kind, uri, state, why, reason, next_check_at, failures, etag,
    last_modified, base_digest, base_text, seen_digest, seen_text)
SELECT id, source_kind, source_uri, 'waiting', '', '', %(now)s, 0, '', '', '', '', '', '' FROM context_contextitem
WHERE source_kind = ANY (%(kinds)s) AND retired_at IS NULL AND current_version_id IS NOT NULL
AND (%(item)s::bigint IS NULL OR id = %(item)s)
AND NOT EXISTS (
    SELECT FROM governance_watchedsource same
    WHERE same.item_id = context_contextitem.id AND same.kind = source_kind AND same.uri = source_uri
)
ON CONFLICT (item_id) DO UPDATE SET kind = excluded.kind, uri = excluded.uri, state = 'waiting', why = '', reason = '',
    next_check_at = excluded.next_check_at, failures = 0, etag = '', last_modified = '', base_digest = '',
    base_text = '', seen_digest = '', seen_text = '', checked_at = NULL, fetched_at = NULL, changed_at = NULL
"""
_LET_GO = """
DELETE FROM governance_watchedsource known USING context_contextitem item
WHERE item.id = known.item_id AND (item.retired_at IS NOT NULL OR NOT item.source_kind = ANY (%(kinds)s))
AND (%(item)s::bigint IS NULL OR item.id = %(item)s)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What reading a source gave; `text` None where the other side says that nothing changed."""

    text: str | None
    etag: str = ""
    last_modified: str = ""


def note_sources(*, now: datetime, item_id: int | None = None) -> None:
    """Bring the rows in line with what items name. Two statements, and few rows of writing where nothing changed."""
    asked: dict[str, Any] = {"now": now, "kinds": list(WATCHED), "item": item_id}
    with connection.cursor() as cursor:
        cursor.execute(_LET_GO, asked)
        cursor.execute(_NAMED, asked)


def take_reading(*, source_id: int, uri: str, read: Reading | SourceProblem, now: datetime) -> WatchedSource | None:
    """Keep what was read at `uri`, and open or resolve findings by it. None where the item names another place now."""
    with transaction.atomic():
        row = WatchedSource.objects.select_for_update(of=("self",)).filter(pk=source_id, uri=uri).first()
        if row is None:
            return None
        item = ContextItem.objects.select_related("current_version").get(pk=row.item_id)
        row.checked_at = now
        if isinstance(read, SourceProblem):
            row.state, row.why, row.reason = SourceState.UNREADABLE, read.why.value, read.reason[:500]
            row.failures += 1
        else:
            _keep(row, item, read, now)
            row.failures, row.why, row.reason = 0, "", ""
        row.next_check_at = now + _wait(row)
        row.save()
        look_at([item], now=now)
    return row


def look_at(items: Sequence[ContextItem], *, now: datetime) -> None:
    """Ask the detector about these items now, rather than at the next scan."""
    if NAME not in detectors():
        return
    tuned = tuned_detectors([NAME])[NAME]
    watched = [item for item in items if tuned.is_on_in(item.domain_id)]
    if not watched:
        return
    ids = sorted(item.pk for item in watched)
    subjects = Subjects(item_ids=ids, domain_ids=sorted({item.domain_id for item in watched}))
    found = tuned.detector.detect(subjects, now=now, context=tuned.looking(full=False))
    recorded = record_findings(detector=NAME, drafts=found, now=now, tuning=tuned.by_domain)
    resolve_gone(detector=NAME, reach=Reach(item_ids=ids), seen=recorded.fingerprints, now=now)


def follows(row: WatchedSource, item: ContextItem) -> bool:
    """Whether the text in force is in line with what was last read: it was written from it, or confirmed since."""
    if row.seen_digest in ("", row.base_digest, item.source_fingerprint):
        return True
    version = item.current_version
    if version is None or fingerprint_of(version.body) == row.seen_digest:
        return True
    # A publication counts as a confirmation too, but of the text, not of its agreement with a source that moved on.
    confirmed = item.verified_at if item.verified_at != version.published_at else None
    return confirmed is not None and row.changed_at is not None and confirmed > row.changed_at


def _keep(row: WatchedSource, item: ContextItem, read: Reading, now: datetime) -> None:
    row.etag, row.last_modified, row.fetched_at = read.etag, read.last_modified, now
    if read.text is not None:
        digest = fingerprint_of(read.text)
        if digest != row.seen_digest:
            if row.seen_digest and follows(row, item):
                row.base_digest, row.base_text = row.seen_digest, row.seen_text
            row.seen_digest, row.seen_text, row.changed_at = digest, read.text, now
            if not row.base_digest:
                row.base_digest, row.base_text = _first_base(item, read.text, digest)
    row.state = SourceState.UNCHANGED if follows(row, item) else SourceState.CHANGED


def _first_base(item: ContextItem, text: str, digest: str) -> tuple[str, str]:
    """What the item followed until now: itself, where it repeats its source; else the source as it stands."""
    body = item.current_version.body if item.current_version is not None else ""
    if item.source_fingerprint != digest and share_kept(body, text) >= MOSTLY:
        return fingerprint_of(body), body
    return digest, text


def _wait(row: WatchedSource) -> timedelta:
    """Until the next reading: the interval, give or take a tenth; after failures sooner at first, then ever longer."""
    interval = timedelta(hours=row.interval_hours or settings.SOURCE_CHECK_HOURS)
    if row.failures:
        backoff = FIRST_RETRY * 2 ** min(row.failures - 1, 12)
        interval = min(backoff, max(interval, LONGEST_WAIT))
    return interval * (1 + random.uniform(-JITTER, JITTER))
