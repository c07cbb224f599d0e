"""The pieces a bundle is made of: one approved text each, with proof and cost; must not choose which ones go in."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Literal

import orjson

from context.availability import Chosen
from context.digests import canonical, iso
from context.errors import Conflict
from context.formats.facts import lines_of
from context.models import Sensitivity
from context.remembered import forgotten_with_the_database
from context.statements import rows
from context.tokens import count_tokens

BundleFormat = Literal["json", "markdown"]
# A published version never changes, so what was once written of it may be kept. What it takes is bounded here.
MOST_BYTES_KEPT = 64 * 1024 * 1024
_BACKTICKS = re.compile(r"`{3,}")


class TextMoved(Conflict):
    """A text was hidden between the two statements that chose it and read it."""

    type = "text-moved"
    title = "What may be read has just changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Which text stands in a bundle and why: a whole version, or (a match) one passage of it."""

    version_id: int
    key: str
    kind: str
    sensitivity: int
    number: int
    digest: str
    title: str
    published_at: datetime
    valid_until: datetime | None
    why: Literal["required", "optional", "match", "definition"]
    requirement: str | None = None
    anchor: str = ""
    heading_path: str = ""
    passage: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A place with its text, written out: `json` in canonical form, `markdown` for a prompt; `tokens` is its cost.

    `text` is what an agent reads of it in either form, as it was approved.
    """

    key: str
    number: int
    version_id: int
    sensitivity: int
    valid_until: datetime | None
    text: str
    json: bytes
    markdown: str
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Text:
    body: str
    data: dict[str, Any]
    approvals: list[dict[str, str]]
    author: str


def place_of(chosen: Chosen) -> Place:
    """Where a requirement's item stands."""
    return Place(
        version_id=chosen.version_id,
        key=chosen.key,
        kind=chosen.kind,
        sensitivity=chosen.sensitivity,
        number=chosen.number,
        digest=chosen.digest,
        title=chosen.title,
        published_at=chosen.published_at,
        valid_until=chosen.valid_until,
        why="required" if chosen.requirement.required else "optional",
        requirement=chosen.requirement.name,
    )


def write_out(places: Sequence[Place], *, tokenizer: str, form: BundleFormat) -> list[Entry]:
    """The entries of these places, in their order. One statement for the texts that are not at hand.

    Raises TextMoved where a place was judged readable a moment ago and no longer is.
    """
    found = {place: _kept.get((place, tokenizer, form)) for place in places}
    wanted = sorted({place.version_id for place, entry in found.items() if entry is None})
    if wanted:
        texts = {row[0]: _text(row) for row in rows(_TEXTS, {"ids": wanted})}
        if len(texts) < len(wanted):
            raise TextMoved("What may be read changed while the bundle was put together.", fix="Ask again.")
        for place, entry in found.items():
            if entry is None:
                found[place] = written = _write(place, texts[place.version_id], tokenizer, form)
                _kept.put(
                    (place, tokenizer, form), written, len(written.json) + len(written.markdown) + len(written.text)
                )
    return [entry for place in places if (entry := found[place]) is not None]


_TEXTS = """
SELECT id, body, data, approvals, author_label FROM context_contextversion WHERE id = ANY (%(ids)s::bigint[])
"""


def _text(row: tuple[Any, ...]) -> _Text:
    _, body, data, approvals, author = row
    return _Text(
        body=body,
        data=orjson.loads(data),
        approvals=[{"approver": each["person"], "at": each["at"]} for each in orjson.loads(approvals)],
        author=author,
    )


def _write(place: Place, text: _Text, tokenizer: str, form: BundleFormat) -> Entry:
    whole = place.passage is None
    # Labels come from the data's own names: a kind's schema may change, and an entry never does.
    facts = "\n".join(lines_of(text.data)) if whole and text.data else ""
    shown = (text.body or facts) if place.passage is None else place.passage
    entry: dict[str, Any] = {
        "key": place.key,
        "version": place.number,
        "digest": place.digest,
        "title": place.title,
        "kind": place.kind,
        "sensitivity": Sensitivity(place.sensitivity).word,
        "why": place.why,
        "requirement": place.requirement,
        "heading_path": place.heading_path,
        "published_at": iso(place.published_at),
        "valid_until": iso(place.valid_until) if place.valid_until else None,
        "author": text.author,
        "approvals": text.approvals,
        "citation": citation(place, text.approvals),
    }
    body = shown if not whole or not text.body or not facts else f"{text.body}\n\n{facts}"
    if form == "markdown":
        markdown = _markdown(place, entry["citation"], body)
        tokens = count_tokens(markdown, tokenizer)
    else:
        entry |= {"text": shown, "data": text.data if whole else {}}
        markdown = ""
        tokens = count_tokens(shown, tokenizer)
        if entry["data"]:
            tokens += count_tokens(canonical(entry["data"]).decode(), tokenizer)
    return Entry(
        key=place.key,
        number=place.number,
        version_id=place.version_id,
        sensitivity=place.sensitivity,
        valid_until=place.valid_until,
        text=body,
        json=canonical(entry),
        markdown=markdown,
        tokens=tokens,
    )


def citation(place: Place, approvals: Iterable[Mapping[str, str]]) -> str:
    """How to name the text as a source, on one line."""
    by = ", ".join(f"{_line(each['approver'])} on {each['at'][:10]}" for each in approvals)
    anchor = f"#{place.anchor}" if place.anchor else ""
    return f"[{place.key}@{place.number}{anchor}] {_line(place.title)}" + (f", approved by {by}" if by else "")


def _markdown(place: Place, cite_as: str, text: str) -> str:
    """A block whose text stands in a fence longer than any run of backticks in it, so that it cannot get out."""
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(text)), default=2))
    where = f" · section: {_code(place.heading_path)}" if place.heading_path else ""
    until = f" · valid until {iso(place.valid_until)}" if place.valid_until else ""
    return (
        f"## {place.key}, version {place.number}\n\n"
        f"Kind: {place.kind} · {place.why}{where}{until}\n\n"
        f"Cite as: {_code(cite_as)}\n\n"
        f"{fence}text\n{text.rstrip()}\n{fence}\n\n"
    )


def _code(text: str) -> str:
    """A code span, on one line, that its text cannot end."""
    return f"`{_line(text).replace('`', chr(39))}`"


def _line(text: str) -> str:
    """On one line, whatever line breaks Unicode has."""
    return " ".join(text.split())


class _Kept:
    """Entries written before, the least recently used given up first. Access is judged before they are used."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._size = 0
        self._entries: OrderedDict[tuple[Place, str, str], tuple[Entry, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[Place, str, str]) -> Entry | None:
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: tuple[Place, str, str], entry: Entry, size: int) -> None:
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = (entry, size)
            self._size += size
            while self._size > self._most:
                _, (_, given_up) = self._entries.popitem(last=False)
                self._size -= given_up

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._size = 0


_kept = _Kept(MOST_BYTES_KEPT)
forgotten_with_the_database(_kept.clear)
