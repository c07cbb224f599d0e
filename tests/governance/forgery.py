"""Ledgers in memory and eight ways of tampering with them, for the tests of both verifiers."""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from context.digests import canonical, digest_of, iso
from context.signing import key_id, public_key, sign
from governance.audit.chain import Row
from governance.audit.marks import FORMAT
from governance.audit.proofs import Frontier

Record = dict[str, Any]
START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def genuine(length: int, rng: random.Random) -> list[Record]:
    """A ledger of `length` events as they are exported."""
    events: list[Record] = []
    for sequence in range(1, length + 1):
        at = iso(START + timedelta(minutes=sequence))
        events.append(
            {
                "type": "event",
                "sequence": sequence,
                "at": at,
                "recorded_at": at,
                "actor": {"kind": "person", "id": rng.randint(1, 9), "label": rng.choice(["Ada Author", "Rüdiger"])},
                "action": rng.choice(["governance.change.submitted", "context.version.published"]),
                "subject": {"type": "item", "id": f"legal/text-{sequence}", "label": f"Text {sequence} ✓"},
                "sensitivity": rng.choice([0, 1, 1, 2]),
                "request_id": f"{rng.randrange(16**32):032x}",
                "before": "",
                "after": f"{rng.randrange(16**64):064x}",
                "data": {"number": sequence, "share": rng.random() * 10 ** rng.randint(-9, 22), "why": "naïve"},
                "salt": f"{rng.randrange(16**32):032x}",
                "payload_state": "whole",
            }
        )
    rehash(events)
    return events


def rehash(events: list[Record]) -> None:
    """What a forger does who has the database but not the key: make the chain hold again."""
    previous = "0" * 64
    for event in events:
        event["payload"] = payload_of(event)
        event["previous"] = previous
        event["hash"] = previous = header_hash(event)


def payload_of(event: Record) -> str:
    return digest_of(
        {
            "actor_label": event["actor"]["label"],
            "subject_label": event["subject"]["label"],
            "data": event["data"],
            "salt": event["salt"],
        }
    )


def header_hash(event: Record) -> str:
    names = ("sequence", "at", "recorded_at", "action", "sensitivity", "request_id", "before", "after", "payload")
    header = {name: event[name] for name in (*names, "previous")}
    header["actor"] = {name: event["actor"][name] for name in ("kind", "id")}
    header["subject"] = {name: event["subject"][name] for name in ("type", "id")}
    return hashlib.sha256(orjson.dumps(header, option=orjson.OPT_SORT_KEYS)).hexdigest()


def row_of(event: Record) -> Row:
    actor, subject = event["actor"], event["subject"]
    return (
        event["sequence"],
        event["at"],
        event["recorded_at"],
        actor["kind"],
        actor["id"],
        actor["label"],
        event["action"],
        subject["type"],
        subject["id"],
        subject["label"],
        event["sensitivity"],
        event["request_id"],
        event["before"],
        event["after"],
        event["data"],
        event["salt"],
        event["payload"],
        event["previous"],
        event["hash"],
    )


def signed_at(events: list[Record], *sequences: int) -> list[Record]:
    """Genuine checkpoints of that ledger at those events."""
    frontier, made = Frontier(), []
    for event in events:
        frontier.add(event["hash"])
        if event["sequence"] in sequences:
            statement = {
                "format": FORMAT,
                "ledger": events[0]["hash"],
                "sequence": event["sequence"],
                "events": event["sequence"],
                "head": event["hash"],
                "root": frontier.root(),
                "signed_at": iso(START + timedelta(days=1)),
                "key": key_id(),
            }
            made.append({**statement, "signature": sign(canonical(statement))})
    return made


def export_of(events: list[Record], checkpoints: list[Record]) -> list[bytes]:
    """A complete export with its end signed, as if the forger could have exports signed, though not checkpoints."""
    header = {
        "type": "header",
        "format": "plumbline-audit-export/1",
        "made_at": iso(START + timedelta(days=2)),
        "clearance": 3,
        "complete": True,
        "ledger": checkpoints[0]["ledger"] if checkpoints else "",
        "tree_size": max((each["sequence"] for each in checkpoints), default=0),
        "key": key_id(),
        "keys": {key_id(): public_key()},
    }
    return with_end([header, *({"type": "checkpoint", **each} for each in checkpoints), *events])


def with_end(records: list[Record]) -> list[bytes]:
    lines = [orjson.dumps(record) + b"\n" for record in records]
    statement = {
        "format": "plumbline-audit-export/1",
        "lines": len(lines),
        "events": sum(record["type"] == "event" for record in records),
        "digest": hashlib.sha256(b"".join(lines)).hexdigest(),
    }
    end = {"type": "end", **statement, "key": key_id(), "signature": sign(canonical(statement))}
    return [*lines, orjson.dumps(end) + b"\n"]


def edit(events: list[Record], rng: random.Random) -> None:
    event = rng.choice(events)
    changes: list[Callable[[], object]] = [
        lambda: event["actor"].update(label="Somebody else"),
        lambda: event["actor"].update(id=event["actor"]["id"] + 1),
        lambda: event["subject"].update(id="legal/other"),
        lambda: event["subject"].update(label="Other"),
        lambda: event["data"].update(number=-1),
        lambda: event["data"].pop("why"),
        lambda: event.update(at=iso(START)),
        lambda: event.update(action="context.item.verified"),
        lambda: event.update(sensitivity=3),
        lambda: event.update(after="0" * 64),
        lambda: event.update(salt="0" * 32),
    ]
    rng.choice(changes)()
    how = rng.choice(["plain", "event", "chain"])
    if how == "event":
        event["payload"] = payload_of(event)
        event["hash"] = header_hash(event)
    elif how == "chain":
        rehash(events)


def delete(events: list[Record], rng: random.Random) -> None:
    del events[rng.randrange(len(events) - 1)]
    _maybe_mend(events, rng)


def reorder(events: list[Record], rng: random.Random) -> None:
    first, second = rng.sample(range(len(events)), 2)
    events[first], events[second] = events[second], events[first]
    _maybe_mend(events, rng)


def insert(events: list[Record], rng: random.Random) -> None:
    place = rng.randrange(len(events))
    forged = copy.deepcopy(rng.choice(events))
    forged["subject"]["label"] = "Never happened"
    events.insert(place, forged)
    _maybe_mend(events, rng)


def truncate(events: list[Record], rng: random.Random) -> None:
    del events[rng.randrange(1, len(events)) :]


def fork(events: list[Record], rng: random.Random) -> None:
    """Another history from some event on, of the same or another length."""
    place = rng.randrange(len(events))
    for event in events[place:]:
        event["after"] = f"{rng.randrange(16**64):064x}"
    for _ in range(rng.randint(0, 3)):
        events.append(copy.deepcopy(events[-1]))
    _renumber(events)


def rewrite(events: list[Record], rng: random.Random) -> None:
    """Every event anew."""
    for event in events:
        event["salt"] = f"{rng.randrange(16**32):032x}"
        event["actor"]["label"] = "Nobody"
    rehash(events)


def swap_payloads(events: list[Record], rng: random.Random) -> None:
    first, second = rng.sample(events, 2)
    for event, other in ((first, copy.deepcopy(second)), (second, copy.deepcopy(first))):
        event["data"], event["salt"] = other["data"], other["salt"]
        event["actor"]["label"], event["subject"]["label"] = other["actor"]["label"], other["subject"]["label"]
        event["payload"] = other["payload"] if rng.random() < 0.7 else event["payload"]
    if rng.random() < 0.5:
        rehash(events)


KINDS = (edit, delete, reorder, insert, truncate, fork, rewrite, swap_payloads)


def _maybe_mend(events: list[Record], rng: random.Random) -> None:
    if rng.random() < 0.5:
        _renumber(events)


def _renumber(events: list[Record]) -> None:
    for sequence, event in enumerate(events, start=1):
        event["sequence"] = sequence
    rehash(events)
