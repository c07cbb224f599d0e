"""Exports the ledger for auditors, a line at a time: JSON Lines with proofs, CSV, OCSF; must not decide who may.

JSON Lines is the one that proves itself: `governance/audit/standalone/verify_export.py` checks it without a database.
Memory does not grow with the ledger in any of them.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import orjson
from django.db import transaction
from django.db.models import QuerySet

from context.access import Principal
from context.digests import canonical, iso, plain
from context.errors import InvalidInput
from context.signing import key_id, sign
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.audit.checkpoints import make_checkpoint, signed_statement, tree_of
from governance.audit.marks import trusted_keys
from governance.audit.reading import EventFilters, events_of, require_auditor
from governance.audit.records import CSV_COLUMNS, csv_row, native, ocsf
from governance.models import AuditEvent, Checkpoint

FORMAT = "plumbline-audit-export/1"
FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "ocsf": "application/x-ndjson"}
LEDGER = ledger.Subject(type="ledger", id="audit", label="The audit ledger")
STREAMED_AT_ONCE = 2_000
# A partial export tells of so many of the last checkpoints; a complete one of all.
CHECKPOINTS_OF_A_PART = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """One export that was begun: what is asked for, by whom, up to which checkpoint."""

    principal: Principal
    filters: EventFilters
    checkpoint: Checkpoint
    made_at: datetime

    @property
    def complete(self) -> bool:
        return self.filters == EventFilters()

    def events(self) -> QuerySet[AuditEvent]:
        chosen = events_of(principal=self.principal, filters=self.filters)
        return chosen.filter(sequence__lte=self.checkpoint.sequence).order_by("sequence")


def begin_export(
    *, principal: Principal, filters: EventFilters, format: str, now: datetime, purpose: str = ""
) -> Export:
    """Record that the ledger is exported, and sign it up to that event, so that the export can be proved whole.

    For auditors and administrators. LedgerBroken where the ledger does not hold: what is broken is not exported as if
    it were sound.
    """
    with denials_recorded(actor=principal, action="governance.audit.export", subject=lambda: LEDGER, now=now):
        require_auditor(principal)
    if format not in FORMATS:
        raise InvalidInput(f"{format[:40]!r} is not a format.", field="format", fix=f"Use one of {', '.join(FORMATS)}.")
    asked = {name: value for name, value in asdict(filters).items() if value}
    if filters.subjects:
        asked["subjects"] = len(filters.subjects)
    with transaction.atomic():
        ledger.append(
            actor=principal,
            action="governance.audit.exported",
            subject=LEDGER,
            now=now,
            data={"format": format, "filters": asked, **({"purpose": purpose} if purpose else {})},
        )
    checkpoint = make_checkpoint(now=now)
    assert checkpoint is not None  # the event above is in it
    return Export(principal=principal, filters=filters, checkpoint=checkpoint, made_at=now)


def export_lines(export: Export, *, format: str) -> Iterator[bytes]:
    """The export in one of FORMATS, as chunks of bytes."""
    return {"jsonl": as_jsonl, "csv": as_csv, "ocsf": as_ocsf}[format](export)


def as_jsonl(export: Export) -> Iterator[bytes]:
    """A header, checkpoints, events, proofs, and a signed end over all bytes before it; one JSON object a line.

    A complete export holds every event from the first, from which all roots can be computed. In a partial one, the
    last event of each run without a gap has a proof that it is in the tree; those before it in the run are in it
    because its hash covers theirs.
    """
    digest = hashlib.sha256()
    lines = events = 0
    for record in _records(export):
        line = orjson.dumps(record, option=orjson.OPT_SORT_KEYS) + b"\n"
        digest.update(line)
        lines += 1
        events += record["type"] == "event"
        yield line
    statement = {"format": FORMAT, "lines": lines, "events": events, "digest": digest.hexdigest()}
    end = {"type": "end", **statement, "key": key_id(), "signature": sign(canonical(statement))}
    yield orjson.dumps(end, option=orjson.OPT_SORT_KEYS) + b"\n"


def as_csv(export: Export) -> Iterator[bytes]:
    """A row an event. No cell is one that a spreadsheet would compute. Labels above the clearance are left empty."""
    writer = csv.writer(_Echo())
    yield writer.writerow(CSV_COLUMNS)
    for event in _streamed(export):
        yield writer.writerow(csv_row(event, clearance=export.principal.clearance))


def as_ocsf(export: Export) -> Iterator[bytes]:
    """OCSF events of the class Entity Management (3004), one JSON object a line."""
    for event in _streamed(export):
        yield orjson.dumps(ocsf(event, clearance=export.principal.clearance)) + b"\n"


def _records(export: Export) -> Iterator[dict[str, Any]]:
    size, complete = export.checkpoint.sequence, export.complete
    yield {
        "type": "header",
        "format": FORMAT,
        "made_at": iso(export.made_at),
        "made_for": {"kind": export.principal.kind, "id": export.principal.id, "label": export.principal.label},
        "clearance": export.principal.clearance,
        "filters": plain({name: value for name, value in asdict(export.filters).items() if value}),
        "complete": complete,
        "ledger": export.checkpoint.ledger,
        "tree_size": size,
        "key": key_id(),
        "keys": trusted_keys(),
    }
    signed = Checkpoint.objects.filter(sequence__lte=size).order_by("-sequence")
    checkpoints = list(signed if complete else signed[:CHECKPOINTS_OF_A_PART])[::-1]
    for checkpoint in checkpoints:
        yield {"type": "checkpoint", **plain(signed_statement(checkpoint))}
    if complete:
        for event in _streamed(export):
            yield native(event, clearance=export.principal.clearance)
        return
    tree = tree_of(size)
    for old, new in pairwise(checkpoints):
        proof = tree.consistency(old=old.sequence, new=new.sequence)
        yield {"type": "consistency", "old": old.sequence, "new": new.sequence, "path": proof}
    last: int | None = None
    for event in _streamed(export):
        if last is not None and event.sequence != last + 1:
            yield {"type": "inclusion", "sequence": last, "tree_size": size, "path": tree.inclusion(index=last - 1)}
        yield native(event, clearance=export.principal.clearance)
        last = event.sequence
    if last is not None:
        yield {"type": "inclusion", "sequence": last, "tree_size": size, "path": tree.inclusion(index=last - 1)}


def _streamed(export: Export) -> Iterator[AuditEvent]:
    return export.events().iterator(chunk_size=STREAMED_AT_ONCE)


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> bytes:
        return text.encode()
