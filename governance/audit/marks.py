"""Gathers every checkpoint there is, rows and files, and judges its signature; must not read events or write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from context.digests import canonical
from context.errors import InvalidInput
from context.signing import is_signed, key_id, key_id_of, public_key
from governance.audit.chain import Fault, Mark
from governance.audit.proofs import Frontier
from governance.models import Checkpoint

FORMAT = "plumbline-checkpoint/1"
_TEXTS = ("format", "ledger", "head", "root", "signed_at", "key", "signature")
_LARGEST_FILE = 65_536


@dataclass(slots=True)
class Marks:
    """What all checkpoints say. `fault` is set where one of them cannot be trusted or two differ."""

    marks: dict[int, list[Mark]] = field(default_factory=dict)
    ledgers: dict[str, tuple[int, str]] = field(default_factory=dict)
    fault: Fault | None = None
    count: int = 0
    notes: tuple[str, ...] = ()

    @property
    def last(self) -> int:
        return max(self.marks, default=0)

    def other_ledger(self, first_hash: str) -> Fault | None:
        """A checkpoint of a ledger that began with another event: this one was written anew from the first."""
        for ledger, (sequence, origin) in self.ledgers.items():
            if ledger != first_hash:
                return Fault(1, f"{origin} signed event {sequence} of a ledger that began with another first event")
        return None


def statement_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the signature of a checkpoint covers."""
    return {
        "format": FORMAT,
        "ledger": checkpoint.ledger,
        "sequence": checkpoint.sequence,
        "events": checkpoint.event_count,
        "head": checkpoint.head_hash,
        "root": checkpoint.merkle_root,
        "signed_at": checkpoint.signed_at,
        "key": checkpoint.key_id,
    }


def trusted_keys() -> dict[str, str]:
    """Public keys whose checkpoints count, by key id: this installation's, and those it had before."""
    keys = {key_id_of(key): key for key in settings.AUDIT_TRUSTED_KEYS}
    return {**keys, key_id(): public_key()}


def gather_marks() -> Marks:
    """All checkpoints of the table and of the home's files. One query, and one small file for each checkpoint."""
    found = Marks()
    keys = trusted_keys()
    rows = list(Checkpoint.objects.order_by("sequence"))
    for row in rows:
        origin = f"the checkpoint at event {row.sequence}"
        _take(found, {**statement_of(row), "signature": row.signature}, origin, keys)
        try:
            root = Frontier.restored(count=row.event_count, peaks=row.frontier).root()
        except (TypeError, ValueError):
            root = ""
        if root != row.merkle_root and found.fault is None:
            found.fault = Fault(row.sequence, f"{origin} was altered: its frontier is not of its Merkle root")
    signed = {row.sequence: row.signature for row in rows}
    missing = 0
    for path in checkpoint_files():
        origin = f"the checkpoint file {path.name}"
        statement = read_checkpoint(path)
        if statement is None:
            found.fault = found.fault or Fault(0, f"{origin} cannot be read as a checkpoint")
            continue
        _take(found, statement, origin, keys)
        if statement["sequence"] not in signed and found.fault is None:
            found.fault = Fault(statement["sequence"], f"{origin} is missing in the database: its row was removed")
        missing += 1
    found.count = len(rows)
    if rows and missing < len(rows):
        absent = len(rows) - missing
        found.notes = (f"{absent} of {len(rows)} checkpoints have no file in {settings.AUDIT_CHECKPOINT_DIRECTORY}.",)
    return found


def checkpoint_files() -> list[Path]:
    directory = Path(settings.AUDIT_CHECKPOINT_DIRECTORY)
    return sorted(directory.glob("*.json")) if directory.is_dir() else []


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The statement and signature in a checkpoint file; None where it is not one."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return None
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return None
    texts = all(isinstance(said.get(name), str) for name in _TEXTS)
    numbers = all(type(said.get(name)) is int and said[name] > 0 for name in ("sequence", "events"))
    return said if texts and numbers else None


def _take(found: Marks, statement: Mapping[str, Any], origin: str, keys: Mapping[str, str]) -> None:
    sequence = int(statement["sequence"])
    unsigned = {name: statement[name] for name in statement if name not in ("signature", "public_key")}
    key = keys.get(str(statement["key"]))
    if found.fault is None and (key is None or not _is_signed(unsigned, str(statement["signature"]), key)):
        why = "its key is not trusted" if key is None else "its signature does not hold"
        found.fault = Fault(sequence, f"{origin} cannot be trusted: {why}")
    found.marks.setdefault(sequence, []).append(Mark(str(statement["head"]), str(statement["root"]), origin))
    found.ledgers.setdefault(str(statement["ledger"]), (sequence, origin))


def _is_signed(statement: Mapping[str, Any], signature: str, key: str) -> bool:
    try:
        return is_signed(canonical(statement), signature, key)
    except InvalidInput:
        return False
