"""Checks an export of Plumbline's audit ledger without Plumbline: `python verify_export.py EXPORT.jsonl`.

Needs Python 3.9 or later and the package `cryptography`, nothing else; must not import Plumbline. It computes every
event's hash again, follows the chain, computes the Merkle root at every checkpoint or follows the proofs to it, checks
all signatures, and says in one line what it found. Exit status: 0 where the export holds, 1 where it does not.

The file names the key that signed it, so a whole file can be forged with a key of the forger's own. Compare the key
with what you were given elsewhere and pass it with --key; pass checkpoints that you received earlier (files or the
webhook's) with --checkpoints, and a ledger that was cut short or written anew since then is found as well.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXPORT_FORMAT = "plumbline-audit-export/1"
CHECKPOINT_FORMAT = "plumbline-checkpoint/1"
GENESIS = "0" * 64
LONGEST_LINE = 32 * 1024 * 1024
LARGEST_EXACT = 2**53 - 1
REDACTED_ACTION = "governance.audit.redacted"

Record = dict[str, Any]


class Broken(Exception):
    """The export does not hold; the message says where and why."""


class Report(NamedTuple):
    """What was checked. `key` names the signing key; `pinned` says whether it was given from outside."""

    events: int
    first: int
    last: int
    complete: bool
    tree_size: int
    root: str
    checkpoints: int
    proofs: int
    withheld: int
    redacted: int
    key: str
    pinned: bool
    made_at: str
    notes: list[str]


# -- canonical JSON, RFC 8785 ------------------------------------------------------------------------------------------


def canonical(value: Any) -> bytes:
    parts: list[str] = []
    try:
        _write(value, parts)
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError:
        raise Broken("a text holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise Broken("it is nested too deeply to be read") from None
    except OverflowError:
        raise Broken("it holds a number that is not finite") from None


def _write(value: Any, parts: list[str]) -> None:
    if value is None or value is True or value is False:
        parts.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, (int, float)):
        parts.append(_number(value))
    elif isinstance(value, list):
        parts.append("[")
        for index, part in enumerate(value):
            if index:
                parts.append(",")
            _write(part, parts)
        parts.append("]")
    else:
        parts.append("{")
        for index, name in enumerate(sorted(value, key=lambda each: each.encode("utf-16-be", "surrogatepass"))):
            if index:
                parts.append(",")
            parts.append(json.dumps(name, ensure_ascii=False) + ":")
            _write(value[name], parts)
        parts.append("}")


def _number(value: Any) -> str:
    """As ECMAScript writes it."""
    if isinstance(value, int):
        if abs(value) <= LARGEST_EXACT:
            return str(value)
        value = float(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise OverflowError
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + ("" if fraction == "0" else fraction)
    point = len(whole) + int(exponent or 0)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = point - 1
        text = digits[0] + ("." + digits[1:] if count > 1 else "") + "e" + ("+" if power > 0 else "-") + str(abs(power))
    return sign + text


# -- the Merkle tree, RFC 9162 -----------------------------------------------------------------------------------------


def leaf_hash(event_hash: str) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(event_hash)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """Takes leaves in order and knows the root at any time; keeps one hash a power of two."""

    def __init__(self) -> None:
        self.count = 0
        self.peaks: list[bytes] = []

    def add(self, event_hash: str) -> None:
        node, filled = leaf_hash(event_hash), self.count
        while filled & 1:
            node = node_hash(self.peaks.pop(), node)
            filled >>= 1
        self.peaks.append(node)
        self.count += 1

    def root(self) -> str:
        if not self.peaks:
            return hashlib.sha256(b"").hexdigest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node.hex()


def inclusion_holds(event_hash: str, index: int, size: int, path: Sequence[str], root: str) -> bool:
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf_hash(event_hash)
    for step in path:
        if last == 0:
            return False
        sibling = bytes.fromhex(step)
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node.hex() == root


def consistency_holds(old: int, new: int, old_root: str, new_root: str, proof: Sequence[str]) -> bool:
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    steps = [bytes.fromhex(step) for step in proof]
    if old & (old - 1) == 0:
        steps.insert(0, bytes.fromhex(old_root))
    if not steps:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, step)
        position, last = position >> 1, last >> 1
    return last == 0 and before.hex() == old_root and after.hex() == new_root


# -- reading what may be hostile ---------------------------------------------------------------------------------------


def parse(line: bytes) -> Record:
    """One JSON object of the file; Broken for anything that two readers could understand differently."""
    try:
        found = json.loads(line.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Broken("it is not UTF-8 text") from None
    except RecursionError:
        raise Broken("it is nested too deeply to be read") from None
    except ValueError as error:
        raise Broken("it is not JSON: " + str(error)[:100]) from None
    if not isinstance(found, dict):
        raise Broken("it is not a JSON object")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Broken("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise Broken(name + " is not a number of JSON")


def text(record: Record, name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise Broken(shown(name) + " is missing or not a text")
    return value


def number(record: Record, name: str, least: int = 0) -> int:
    value = record.get(name)
    if type(value) is not int or not least <= value <= LARGEST_EXACT:
        raise Broken(shown(name) + " is missing or not a whole number from " + str(least))
    return value


def part(record: Record, name: str) -> Record:
    value = record.get(name)
    if not isinstance(value, dict):
        raise Broken(shown(name) + " is missing or not an object")
    return value


def digest(record: Record, name: str) -> str:
    value = text(record, name)
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise Broken(shown(name) + " is not a SHA-256 digest")
    return value


def path(record: Record) -> list[str]:
    steps = record.get("path")
    if not isinstance(steps, list) or len(steps) > 64:
        raise Broken("the path of a proof is missing or longer than any proof")
    return [digest({"step": step}, "step") for step in steps]


def shown(value: Any) -> str:
    """Fit for a terminal, whatever the file holds."""
    return ascii(value)[:120]


# -- the check ---------------------------------------------------------------------------------------------------------


class Export:
    """Takes the lines of an export in order. `keys` are the trusted public keys by id, None to believe the file."""

    def __init__(self, keys: dict[str, bytes] | None, known: Sequence[Record]) -> None:
        self.pinned = keys is not None
        self.keys = keys or {}
        self.known = known
        self.header: Record = {}
        self.signed: dict[int, Record] = {}
        self.tree = Tree()
        self.hash = GENESIS
        self.sequence = 0
        self.first_sequence = 0
        self.first_hash = ""
        self.unproved: tuple[int, str] | None = None
        self.linked: list[tuple[int, int]] = []
        self.gone: list[int] = []
        self.permitted: list[tuple[int, int, int]] = []
        self.counts = {"events": 0, "withheld": 0, "redacted": 0, "proofs": 0, "lines": 0}
        self.bytes = hashlib.sha256()
        self.ended = False
        self.notes: list[str] = []

    def take(self, line: bytes) -> None:
        record = parse(line)
        kind = text(record, "type")
        if self.ended:
            raise Broken("something follows the end of the export")
        if (kind == "header") != (not self.header):
            raise Broken("the first line is not the header of an export" if not self.header else "a second header")
        handlers = {
            "header": self._header,
            "checkpoint": self._checkpoint,
            "consistency": self._consistency,
            "event": self._event,
            "inclusion": self._inclusion,
            "end": self._end,
        }
        if kind not in handlers:
            raise Broken("a line of an unknown type: " + shown(kind))
        handlers[kind](record)
        self.bytes.update(line)
        self.counts["lines"] += 1

    def finish(self) -> Report:
        if not self.header:
            raise Broken("the file is empty")
        if not self.ended:
            raise Broken("the export has no end: it was cut short")
        size = number(self.header, "tree_size")
        complete = self.header["complete"]
        if complete:
            if self.sequence != size:
                raise Broken(
                    "the export ends at event %d, but says that the ledger has %d: it was cut short"
                    % (self.sequence, size)
                )
            self._explain_redactions()
        elif self.unproved is not None:
            raise Broken("event %d has no proof that it is in the ledger" % self.unproved[0])
        if size and size not in self.signed:
            raise Broken("no checkpoint signs the ledger at event %d" % size)
        if not complete:
            self._link_checkpoints(size)
        for statement in self.known:
            self._compare_known(statement, size)
        return Report(
            events=self.counts["events"],
            first=self.first_sequence,
            last=self.sequence,
            complete=complete,
            tree_size=size,
            root=self.signed[size]["root"] if size else self.tree.root(),
            checkpoints=len(self.signed),
            proofs=self.counts["proofs"],
            withheld=self.counts["withheld"],
            redacted=self.counts["redacted"],
            key=text(self.header, "key"),
            pinned=self.pinned,
            made_at=text(self.header, "made_at"),
            notes=self.notes,
        )

    def _header(self, record: Record) -> None:
        if record.get("format") != EXPORT_FORMAT:
            raise Broken("it is not an export that this script knows: " + shown(record.get("format")))
        if type(record.get("complete")) is not bool:
            raise Broken("the header does not say whether the export is complete")
        for name in ("made_at", "key"):
            text(record, name)
        number(record, "tree_size")
        number(record, "clearance")
        if not self.pinned:
            self.keys = {name: _raw_key(text(part(record, "keys"), name)) for name in part(record, "keys")}
        for name, raw in self.keys.items():
            if hashlib.sha256(raw).hexdigest()[:16] != name:
                raise Broken("the key " + shown(name) + " is named after another key")
        self.header = record

    def _checkpoint(self, record: Record) -> None:
        statement = check_checkpoint(record, self.keys)
        if self.counts["events"]:
            raise Broken("a checkpoint stands after the first event")
        sequence = statement["sequence"]
        if sequence in self.signed:
            raise Broken("two checkpoints sign event %d" % sequence)
        if sequence > self.header["tree_size"]:
            raise Broken(
                "a checkpoint signs event %d, but the export says that the ledger ends at %d: it was cut short"
                % (sequence, self.header["tree_size"])
            )
        if statement["ledger"] != text(self.header, "ledger"):
            raise Broken("the checkpoint at event %d is of another ledger" % sequence)
        self.signed[sequence] = statement

    def _consistency(self, record: Record) -> None:
        old, new = number(record, "old", 1), number(record, "new", 1)
        if old not in self.signed or new not in self.signed:
            raise Broken("a consistency proof is of checkpoints that the export does not hold")
        if not consistency_holds(old, new, self.signed[old]["root"], self.signed[new]["root"], path(record)):
            raise Broken("the checkpoint at event %d does not continue that at event %d: a fork" % (new, old))
        self.linked.append((old, new))
        self.counts["proofs"] += 1

    def _event(self, record: Record) -> None:
        sequence, own_hash = self._check_event(record)
        complete = self.header["complete"]
        expected = self.sequence + 1
        if sequence < expected:
            raise Broken("event %d is there twice or out of order" % sequence)
        if sequence != expected and complete:
            raise Broken("event %d is missing: the next one found is %d" % (expected, sequence))
        if sequence > self.header["tree_size"]:
            raise Broken("event %d lies beyond the checkpoint that signs the export" % sequence)
        if sequence == expected and (complete or self.counts["events"]):
            if record["previous"] != self.hash:
                raise Broken("event %d does not follow the one before it: its previous hash is another" % sequence)
        elif sequence == 1 and record["previous"] != GENESIS:
            raise Broken("the first event does not begin the chain")
        elif self.unproved is not None:
            raise Broken("event %d has no proof that it is in the ledger" % self.unproved[0])
        self.sequence, self.hash = sequence, own_hash
        if not self.counts["events"]:
            self.first_sequence, self.first_hash = sequence, own_hash
        if sequence == 1 and own_hash != text(self.header, "ledger"):
            raise Broken("the first event is not that of the ledger which the checkpoints name")
        self.counts["events"] += 1
        if complete:
            self.tree.add(own_hash)
            self._compare_signed(sequence)
        else:
            self.unproved = (sequence, own_hash)

    def _check_event(self, record: Record) -> tuple[int, str]:
        sequence = number(record, "sequence", 1)
        actor, subject = part(record, "actor"), part(record, "subject")
        state = text(record, "payload_state")
        sensitivity = number(record, "sensitivity")
        payload_digest, own_hash = digest(record, "payload"), digest(record, "hash")
        told = [name for name in ("data", "salt") if name in record]
        told += ["label" for each in (actor, subject) if "label" in each]
        if state == "whole":
            payload = {
                "actor_label": text(actor, "label"),
                "subject_label": text(subject, "label"),
                "data": part(record, "data"),
                "salt": text(record, "salt"),
            }
            if not payload["salt"]:
                raise Broken("event %d has no salt" % sequence)
            if hashlib.sha256(canonical(payload)).hexdigest() != payload_digest:
                raise Broken("event %d was altered: its labels or data do not match their digest" % sequence)
        elif state in ("withheld", "redacted"):
            if told:
                raise Broken("event %d is said to be %s, but tells its %s" % (sequence, state, told[0]))
            if state == "withheld" and sensitivity <= self.header["clearance"]:
                raise Broken("event %d is withheld from a reader whose clearance reaches it" % sequence)
            self.counts[state] += 1
            if state == "redacted":
                self.gone.append(sequence)
        else:
            raise Broken("event %d has an unknown payload state" % sequence)
        header = {
            "sequence": sequence,
            "at": text(record, "at"),
            "recorded_at": text(record, "recorded_at"),
            "actor": {"kind": text(actor, "kind"), "id": number(actor, "id")},
            "action": text(record, "action"),
            "subject": {"type": text(subject, "type"), "id": text(subject, "id")},
            "sensitivity": sensitivity,
            "request_id": text(record, "request_id"),
            "before": text(record, "before"),
            "after": text(record, "after"),
            "payload": payload_digest,
            "previous": digest(record, "previous"),
        }
        if hashlib.sha256(canonical(header)).hexdigest() != own_hash:
            raise Broken("event %d was altered: its fields do not match its hash" % sequence)
        if header["action"] == REDACTED_ACTION and state == "whole":
            for pair in record["data"].get("ranges", []):
                if not (isinstance(pair, list) and len(pair) == 2 and all(type(end) is int for end in pair)):
                    raise Broken("event %d tells of redactions in no form that is known" % sequence)
                self.permitted.append((pair[0], pair[1], sequence))
        elif header["action"] == REDACTED_ACTION:
            self.notes.append("a redaction is told of in an event that is withheld, so redactions were not judged")
            self.permitted.append((1, sequence - 1, sequence))
        return sequence, own_hash

    def _inclusion(self, record: Record) -> None:
        sequence, size = number(record, "sequence", 1), number(record, "tree_size", 1)
        if size not in self.signed:
            raise Broken("a proof leads to event %d, which no checkpoint signs" % size)
        if self.unproved is None or self.unproved[0] != sequence:
            raise Broken("a proof is of event %d, which does not stand before it" % sequence)
        if not inclusion_holds(self.unproved[1], sequence - 1, size, path(record), self.signed[size]["root"]):
            raise Broken("event %d is not in the ledger that the checkpoint at event %d signs" % (sequence, size))
        self.unproved = None
        self.counts["proofs"] += 1

    def _end(self, record: Record) -> None:
        statement = {
            "format": EXPORT_FORMAT,
            "lines": self.counts["lines"],
            "events": self.counts["events"],
            "digest": self.bytes.hexdigest(),
        }
        for name, value in statement.items():
            if record.get(name) != value or type(record.get(name)) is not type(value):
                raise Broken("the export was altered: its end tells of another " + name)
        key = text(record, "key")
        if key not in self.keys:
            raise Broken("the export is signed with the key " + shown(key) + ", which is not trusted")
        if not is_signed(canonical(statement), text(record, "signature"), self.keys[key]):
            raise Broken("the signature of the export does not hold")
        self.ended = True

    def _compare_signed(self, sequence: int) -> None:
        statements = [self.signed[sequence]] if sequence in self.signed else []
        statements += [each for each in self.known if each["sequence"] == sequence]
        for statement in statements:
            if statement["head"] != self.hash or statement["root"] != self.tree.root():
                raise Broken(
                    "event %d is not the one that a checkpoint signed: the ledger was rewritten or forked at or "
                    "before it" % sequence
                )

    def _link_checkpoints(self, size: int) -> None:
        """Every checkpoint of a partial export must be proved to be one ledger with that which signs it."""
        joined = {size}
        for old, new in reversed(self.linked):
            if new in joined:
                joined.add(old)
        loose = sorted(set(self.signed) - joined)
        if loose:
            raise Broken("the checkpoint at event %d is not proved to be of the same ledger" % loose[0])

    def _compare_known(self, statement: Record, size: int) -> None:
        sequence = statement["sequence"]
        if statement["ledger"] != text(self.header, "ledger"):
            raise Broken("the checkpoint at event %d that you hold is of another ledger" % sequence)
        if sequence > size:
            if statement["signed_at"] <= text(self.header, "made_at"):
                raise Broken(
                    "the checkpoint at event %d that you hold is older than the export, which ends at %d: the ledger "
                    "was truncated" % (sequence, size)
                )
            self.notes.append("the checkpoint at event %d that you hold was made after this export" % sequence)
        elif not self.header["complete"]:
            held = self.signed.get(sequence)
            if held is None:
                self.notes.append("a partial export says nothing of the checkpoint at event %d" % sequence)
            elif (held["head"], held["root"]) != (statement["head"], statement["root"]):
                raise Broken("the checkpoint at event %d that you hold says another thing: a fork" % sequence)

    def _explain_redactions(self) -> None:
        merged: list[list[int]] = []
        for first, last, told_by in sorted(self.permitted):
            last = min(last, told_by - 1)
            if merged and first <= merged[-1][1] + 1:
                merged[-1][1] = max(merged[-1][1], last)
            else:
                merged.append([first, last])
        place = 0
        for sequence in self.gone:
            while place < len(merged) and merged[place][1] < sequence:
                place += 1
            if place == len(merged) or sequence < merged[place][0]:
                raise Broken("event %d has lost its payload, and no redaction in the ledger tells of it" % sequence)


def check_checkpoint(record: Record, keys: dict[str, bytes]) -> Record:
    """The statement of a checkpoint whose signature holds under a trusted key."""
    if record.get("format") != CHECKPOINT_FORMAT:
        raise Broken("a checkpoint of an unknown format: " + shown(record.get("format")))
    statement: Record = {
        "format": CHECKPOINT_FORMAT,
        "ledger": digest(record, "ledger"),
        "sequence": number(record, "sequence", 1),
        "events": number(record, "events", 1),
        "head": digest(record, "head"),
        "root": digest(record, "root"),
        "signed_at": text(record, "signed_at"),
        "key": text(record, "key"),
    }
    if statement["events"] != statement["sequence"]:
        raise Broken("the checkpoint at event %d counts other events than there are" % statement["sequence"])
    if statement["key"] not in keys:
        raise Broken(
            "the checkpoint at event %d is signed with the key %s, which is not trusted"
            % (statement["sequence"], shown(statement["key"]))
        )
    if not is_signed(canonical(statement), text(record, "signature"), keys[statement["key"]]):
        raise Broken("the signature of the checkpoint at event %d does not hold" % statement["sequence"])
    return statement


def is_signed(message: bytes, signature: str, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw_key(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Broken("not an Ed25519 public key in base64: " + shown(encoded))
    return raw


def check(lines: Iterable[bytes], keys: Sequence[str] | None = None, known: Sequence[Record] = ()) -> Report:
    """Check an export given as lines; Broken where it does not hold. `keys` are trusted public keys in base64."""
    trusted = None if keys is None else {hashlib.sha256(_raw_key(key)).hexdigest()[:16]: _raw_key(key) for key in keys}
    export = Export(trusted, ())
    count = 0
    for count, line in enumerate(lines, start=1):
        try:
            export.take(line)
        except Broken as problem:
            raise Broken("line %d: %s" % (count, problem)) from None
        if count == 1:
            export.known = [check_checkpoint(statement, export.keys) for statement in known]
    return export.finish()


def lines_of(file: BinaryIO) -> Iterator[bytes]:
    while True:
        line = file.readline(LONGEST_LINE)
        if not line:
            return
        if not line.endswith(b"\n"):
            raise Broken("a line is too long or has no end: the file was cut short")
        yield line


def _known(places: Sequence[str]) -> Iterator[Record]:
    for place in places:
        folder = Path(place)
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else [folder]:
            try:
                with file.open("rb") as handle:
                    raw = handle.read(1_000_000)
            except OSError as error:
                raise Broken("%s cannot be read: %s" % (shown(str(file)), error.strerror)) from None
            for line in raw.splitlines():
                if line.strip():
                    yield parse(line)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an export of Plumbline's audit ledger (JSON Lines).")
    parser.add_argument("export", help="the file, as exported")
    parser.add_argument(
        "--key", action="append", metavar="BASE64", help="trust this public key alone (may be repeated)"
    )
    parser.add_argument(
        "--checkpoints", action="append", default=[], metavar="PATH", help="checkpoints that you hold: file or folder"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    asked = parser.parse_args(arguments)
    try:
        with open(asked.export, "rb") as file:
            report = check(lines_of(file), asked.key, list(_known(asked.checkpoints)))
    except Broken as problem:
        return _say(asked.json, {"holds": False, "reason": str(problem)}, "BROKEN: %s." % problem, 1)
    except OSError as error:
        why = "the file cannot be read: %s" % error.strerror
        return _say(asked.json, {"holds": False, "reason": why}, "BROKEN: %s." % why, 1)
    kind = "the whole ledger" if report.complete else "a part of the ledger, each event proved to be in it"
    said = [
        "HOLDS: %d events (%d to %d), %s." % (report.events, report.first, report.last, kind),
        "  checkpoints: %d, the last at event %d, Merkle root %s" % (report.checkpoints, report.tree_size, report.root),
        "  proofs: %d; withheld: %d; redacted: %d" % (report.proofs, report.withheld, report.redacted),
        "  exported %s, signed by key %s%s"
        % (shown(report.made_at), shown(report.key), "" if report.pinned else ", which the file itself names:"),
    ]
    if not report.pinned:
        said.append("  compare it with the key you were given elsewhere, and pass that with --key.")
    said += ["  note: %s." % note for note in report.notes]
    return _say(asked.json, {"holds": True, **report._asdict()}, "\n".join(said), 0)


def _say(as_json: bool, verdict: Record, sentence: str, status: int) -> int:
    sys.stdout.write((json.dumps(verdict) if as_json else sentence) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
