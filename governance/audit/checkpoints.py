"""Makes signed checkpoints of the ledger and keeps them in files too; must not append to the ledger.

A checkpoint is a statement about the ledger, not a change of the product, so it leaves no event: otherwise each would
make the next one necessary.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from context.access import Principal
from context.digests import canonical
from context.errors import DomainError, NotFound
from context.signing import key_id, public_key, sign
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.audit.chain import Checker, Fault
from governance.audit.marks import checkpoint_files, read_checkpoint, statement_of, trusted_keys
from governance.audit.proofs import Frontier, HashTree
from governance.audit.reading import require_auditor
from governance.audit.verification import BATCH, stream_rows
from governance.models import AuditEvent, Checkpoint

CHECKPOINT_LOCK = 7_246_512


class LedgerBroken(DomainError):
    """The events that a checkpoint would sign do not hold: nothing is signed."""

    type = "ledger-broken"
    title = "The ledger is broken, so it is not signed"
    status = 500


def make_checkpoint(*, now: datetime) -> Checkpoint | None:
    """Check the events since the last checkpoint and sign the head; the last one where nothing came after it.

    Reads only what is new. None where the ledger is empty; LedgerBroken, and no checkpoint, where it does not hold.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHECKPOINT_LOCK])
        last = Checkpoint.objects.order_by("-sequence").first()
        _refuse_older_than_files(last)
        checker = Checker() if last is None else _continued(last)
        start = checker.sequence
        fault = _feed(checker)
        if fault is not None:
            raise LedgerBroken(f"{fault.reason[0].upper()}{fault.reason[1:]}.", limit=fault.sequence)
        if checker.sequence == start:
            return last
        made = Checkpoint(
            sequence=checker.sequence,
            ledger=checker.first_hash,
            head_hash=checker.hash,
            merkle_root=checker.frontier.root(),
            event_count=checker.frontier.count,
            frontier=checker.frontier.stored(),
            signed_at=now,
            key_id=key_id(),
        )
        made.signature = sign(canonical(statement_of(made)))
        made.save(force_insert=True)
        return made


def checkpoint_now(*, actor: Principal, now: datetime) -> Checkpoint:
    """Sign the ledger as it stands because somebody asked for it, that request included; auditors and administrators.

    LedgerBroken, and no checkpoint, where the ledger does not hold.
    """
    subject = ledger.Subject(type="ledger", id="audit", label="The audit ledger")
    with denials_recorded(actor=actor, action="governance.audit.checkpoint", subject=lambda: subject, now=now):
        require_auditor(actor)
    with transaction.atomic():
        ledger.append(actor=actor, action="governance.audit.checkpoint_asked", subject=subject, now=now)
    made = make_checkpoint(now=now)
    assert made is not None  # the event above is in it
    return made


def write_files() -> list[Path]:
    """Write the checkpoints that have no file yet, oldest first; returns the new files. One query.

    A file is written whole or not at all and never replaced, so what a file says is what was signed first.
    """
    directory = Path(settings.AUDIT_CHECKPOINT_DIRECTORY)
    directory.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in checkpoint_files()}
    sequences = [
        sequence
        for sequence in Checkpoint.objects.order_by("sequence").values_list("sequence", flat=True)
        if file_name(sequence) not in there
    ]
    written = []
    for checkpoint in Checkpoint.objects.filter(sequence__in=sequences).order_by("sequence"):
        path = directory / file_name(checkpoint.sequence)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as handle:
            handle.write(canonical(signed_statement(checkpoint)) + b"\n")
            handle.flush()
            os.fsync(handle.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
            written.append(path)
        partial.unlink()
    return written


def file_name(sequence: int) -> str:
    return f"{sequence:020d}.json"


def signed_statement(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as it leaves the database: its statement, its signature and the key that verifies it."""
    return {
        **statement_of(checkpoint),
        "signature": checkpoint.signature,
        "public_key": trusted_keys().get(checkpoint.key_id, public_key() if checkpoint.key_id == key_id() else ""),
    }


def checkpoints_of(*, principal: Principal) -> Sequence[Checkpoint]:
    """All checkpoints, newest first, as a query; for an auditor or administrator."""
    require_auditor(principal)
    return Checkpoint.objects.order_by("-sequence")  # type: ignore[return-value]  # a queryset is read like one


def inclusion_proof(*, principal: Principal, sequence: int, checkpoint: int | None = None) -> dict[str, Any]:
    """That an event is covered by a checkpoint (the newest where left out). Reads the hash of every event once."""
    require_auditor(principal)
    signed = _checkpoint(checkpoint)
    event = AuditEvent.objects.filter(sequence=sequence, sequence__lte=signed.sequence).first()
    if event is None:
        raise NotFound(f"Event {sequence} is not covered by the checkpoint at event {signed.sequence}.")
    tree = tree_of(signed.sequence)
    return {
        "type": "inclusion",
        "sequence": sequence,
        "hash": event.hash,
        "tree_size": signed.sequence,
        "path": tree.inclusion(index=sequence - 1),
        "checkpoint": signed_statement(signed),
    }


def consistency_proof(*, principal: Principal, old: int, new: int | None = None) -> dict[str, Any]:
    """That one checkpoint's ledger is the beginning of another's (the newest where left out)."""
    require_auditor(principal)
    earlier, later = _checkpoint(old), _checkpoint(new)
    tree = tree_of(later.sequence)
    return {
        "type": "consistency",
        "old": earlier.sequence,
        "new": later.sequence,
        "path": tree.consistency(old=earlier.sequence),
        "checkpoints": [signed_statement(earlier), signed_statement(later)],
    }


def tree_of(size: int) -> HashTree:
    """The Merkle tree of the first `size` events, read in chunks; memory does not grow with the ledger but slightly."""
    return HashTree(size=size, leaves_of=_hashes)


def _hashes(low: int, high: int) -> list[str]:
    events = AuditEvent.objects.filter(sequence__gt=low, sequence__lte=high).order_by("sequence")
    return list(events.values_list("hash", flat=True))


def _checkpoint(sequence: int | None) -> Checkpoint:
    found = Checkpoint.objects.order_by("-sequence")
    checkpoint = (found if sequence is None else found.filter(sequence=sequence)).first()
    if checkpoint is None:
        raise NotFound("There is no such checkpoint." if sequence else "No checkpoint has been signed yet.")
    return checkpoint


def _refuse_older_than_files(last: Checkpoint | None) -> None:
    """A database that was set back must not have another history signed: the newest file is of a row, or of none."""
    files = checkpoint_files()
    if not files:
        return
    said = read_checkpoint(files[-1])
    if said is None:
        raise LedgerBroken(f"The checkpoint file {files[-1].name} cannot be read.")
    if last is None or said["sequence"] > last.sequence:
        raise LedgerBroken(
            f"The checkpoint file {files[-1].name} is of a later event than the database knows: the ledger was "
            "truncated, or the database restored from a backup.",
            limit=said["sequence"],
        )


def _continued(last: Checkpoint) -> Checker:
    """A checker that goes on after a checkpoint, once that is known to be genuine and still of this ledger."""
    try:
        frontier = Frontier.restored(count=last.event_count, peaks=last.frontier)
    except (TypeError, ValueError):
        frontier = Frontier()
    if frontier.root() != last.merkle_root:
        raise LedgerBroken(f"The checkpoint at event {last.sequence} was altered.", limit=last.sequence)
    if not AuditEvent.objects.filter(sequence=last.sequence, hash=last.head_hash).exists():
        raise LedgerBroken(
            f"Event {last.sequence}, which a checkpoint signed, is missing or another.", limit=last.sequence
        )
    return Checker(sequence=last.sequence, hash=last.head_hash, frontier=frontier, first_hash=last.ledger)


def _feed(checker: Checker) -> Fault | None:
    rows = stream_rows(after=checker.sequence)
    fault: Fault | None = None
    while batch := list(islice(rows, BATCH)):
        if fault is None:
            fault = checker.feed(batch)
    return fault or checker.unexplained_redaction()
