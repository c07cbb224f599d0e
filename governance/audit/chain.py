"""Checks events in order, one by one, against their hashes and against checkpoints; must not touch a database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from context.digests import LARGEST_INTEGER, digest_of
from context.errors import InvalidInput
from governance.audit.proofs import Frontier
from governance.models.audit import GENESIS_HASH

REDACTED = "governance.audit.redacted"

# One event as a list of plain values in this order. Moments are text in the form of the ledger's canonical JSON
# (`context.digests.iso`), `data` is what its JSON says.
COLUMNS = (
    "sequence",
    "at",
    "recorded_at",
    "actor_kind",
    "actor_id",
    "actor_label",
    "action",
    "subject_type",
    "subject_id",
    "subject_label",
    "sensitivity",
    "request_id",
    "before_digest",
    "after_digest",
    "data",
    "salt",
    "payload_digest",
    "previous_hash",
    "hash",
)
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first event that does not hold, and why."""

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """What a checkpoint says of the ledger up to an event. `origin` tells where the checkpoint was found."""

    head_hash: str
    merkle_root: str
    origin: str


@dataclass(slots=True)
class Checker:
    """Takes events in the order of the ledger and says at the first that does not hold.

    It begins after event `sequence` with that hash and that frontier: at the beginning unless told. `marks` are what
    checkpoints say, by sequence. Redacted events are counted and compared, in `finish`, with what the ledger's own
    events say was redacted.
    """

    marks: Mapping[int, Sequence[Mark]] = field(default_factory=dict)
    sequence: int = 0
    hash: str = GENESIS_HASH
    frontier: Frontier = field(default_factory=Frontier)
    first_hash: str = ""
    redacted: list[tuple[int, int]] = field(default_factory=list)
    permitted: list[tuple[int, int]] = field(default_factory=list)

    def feed(self, rows: Iterable[Row]) -> Fault | None:
        """Check these events; the state stands at the last that held."""
        dumps, sha256, sort = orjson.dumps, hashlib.sha256, orjson.OPT_SORT_KEYS
        marks, add = self.marks, self.frontier.add
        for row in rows:
            (
                sequence,
                at,
                recorded_at,
                actor_kind,
                actor_id,
                actor_label,
                action,
                subject_type,
                subject_id,
                subject_label,
                sensitivity,
                request_id,
                before,
                after,
                data,
                salt,
                payload_digest,
                previous,
                own_hash,
            ) = row
            expected = self.sequence + 1
            if sequence != expected:
                if sequence < expected:
                    return Fault(sequence, f"event {sequence} is there twice or out of order")
                return Fault(expected, f"event {expected} is missing: the next one found is {sequence}")
            if previous != self.hash:
                return Fault(
                    sequence, f"event {sequence} does not follow the one before it: its previous hash is another"
                )
            if salt:
                payload = {
                    "actor_label": actor_label,
                    "data": data,
                    "salt": salt,
                    "subject_label": subject_label,
                }
                # orjson writes what RFC 8785 writes but for some floats and rare keys; a match is a proof, a
                # mismatch is looked at exactly.
                if (
                    sha256(dumps(payload, option=sort)).hexdigest() != payload_digest
                    and _exact_digest(payload) != payload_digest
                ):
                    return Fault(
                        sequence, f"event {sequence} was altered: its labels or data no longer match their digest"
                    )
            elif actor_label or subject_label or data:
                return Fault(sequence, f"event {sequence} was altered: it is half redacted")
            else:
                _extend(self.redacted, sequence)
            header = {
                "action": action,
                "actor": {"id": actor_id, "kind": actor_kind},
                "after": after,
                "at": at,
                "before": before,
                "payload": payload_digest,
                "previous": previous,
                "recorded_at": recorded_at,
                "request_id": request_id,
                "sensitivity": sensitivity,
                "sequence": sequence,
                "subject": {"id": subject_id, "type": subject_type},
            }
            if sha256(dumps(header)).hexdigest() != own_hash:
                return Fault(sequence, f"event {sequence} was altered: its fields no longer match its hash")
            if sequence == 1:
                self.first_hash = own_hash
            if action == REDACTED:
                self.permitted += [(first, last) for first, last in data.get("ranges", []) if last < sequence]
            add(own_hash)
            self.sequence, self.hash = sequence, own_hash
            if sequence in marks:
                fault = self._compare(marks[sequence])
                if fault is not None:
                    return fault
        return None

    def finish(self) -> Fault | None:
        """What only the end shows: events that are gone, and redactions that the ledger knows nothing of."""
        beyond = sorted(sequence for sequence in self.marks if sequence > self.sequence)
        if beyond:
            mark = self.marks[beyond[0]][0]
            return Fault(
                self.sequence + 1,
                f"event {self.sequence + 1} is missing: the ledger ends at event {self.sequence}, "
                f"but {mark.origin} signed event {beyond[0]}: it was truncated",
            )
        return self.unexplained_redaction()

    def unexplained_redaction(self) -> Fault | None:
        allowed = _merged(self.permitted)
        for first, last in self.redacted:
            sequence = _first_outside(first, last, allowed)
            if sequence is not None:
                return Fault(
                    sequence,
                    f"event {sequence} was altered: its payload is gone and no redaction in the ledger tells of it",
                )
        return None

    @property
    def redacted_count(self) -> int:
        return sum(last - first + 1 for first, last in self.redacted)

    def _compare(self, marks: Sequence[Mark]) -> Fault | None:
        root = self.frontier.root()
        for mark in marks:
            if mark.head_hash != self.hash or mark.merkle_root != root:
                return Fault(
                    self.sequence,
                    f"event {self.sequence} is not the one that {mark.origin} signed: the ledger was rewritten "
                    "or forked at or before it",
                )
        return None


def _exact_digest(payload: dict[str, Any]) -> str:
    try:
        return digest_of(as_doubles(payload))
    except InvalidInput:
        return ""


def as_doubles(value: Any) -> Any:
    """Whole numbers that only a double holds come back from the database as integers."""
    if isinstance(value, dict):
        return {name: as_doubles(part) for name, part in value.items()}
    if isinstance(value, list):
        return [as_doubles(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INTEGER:
        return float(value)
    return value


def _extend(ranges: list[tuple[int, int]], sequence: int) -> None:
    if ranges and ranges[-1][1] == sequence - 1:
        ranges[-1] = (ranges[-1][0], sequence)
    else:
        ranges.append((sequence, sequence))


def ranges_of(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted numbers as inclusive ranges."""
    ranges: list[tuple[int, int]] = []
    for sequence in sequences:
        _extend(ranges, sequence)
    return ranges


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _first_outside(first: int, last: int, allowed: Sequence[tuple[int, int]]) -> int | None:
    for start, end in allowed:
        if start <= first <= end:
            if last <= end:
                return None
            return end + 1
    return first
