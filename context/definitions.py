"""The definitions of the terms that texts use, of what the reader may read; must not decide which fit in a bundle."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

import orjson

from context.access import Principal
from context.entries import Place
from context.epochs import CLOCK
from context.remembered import forgotten_with_the_database
from context.statements import rows
from context.visibility import reader, visible, was_permitted

READERS_REMEMBERED = 64
TEXTS_REMEMBERED = 10_000  # of each reader
LONGEST_SHORT_FORM = 6  # a name like "IT" or "DORA" is looked for as it is written: "it" is another word
_WORD = re.compile(r"\w+")


class _Term(NamedTuple):
    place: Place
    begins_at: datetime
    names: tuple[str, ...]


@dataclass(slots=True)
class _Glossary:
    """The terms that a reader may read, now or soon, by the first word of each of their names, longest names first."""

    clock: int
    terms: list[_Term]
    exact: dict[str, list[tuple[tuple[str, ...], int]]]
    plain: dict[str, list[tuple[tuple[str, ...], int]]]
    used_in: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def used(self, text: str) -> tuple[int, ...]:
        """The places in `terms` of those that the text names, in the order of their first use."""
        if text not in self.used_in:
            if len(self.used_in) >= TEXTS_REMEMBERED:
                self.used_in.clear()
            self.used_in[text] = tuple(dict.fromkeys(self._find(text))) if self.terms else ()
        return self.used_in[text]

    def _find(self, text: str) -> Iterable[int]:
        written = _WORD.findall(text)
        plain = [_plain(word) for word in written]
        for start, (word, simple) in enumerate(zip(written, plain, strict=True)):
            for names, words in ((self.exact.get(word), written), (self.plain.get(simple), plain)):
                longest = 0
                for name, place in names or ():
                    if len(name) < longest:
                        break  # "liability cap" is not "liability" besides
                    if tuple(words[start : start + len(name)]) == name:
                        longest = len(name)
                        yield place


def definitions(
    *, principal: Principal, texts: Sequence[str], at: datetime, as_of: datetime | None, already: Collection[str]
) -> list[Place]:
    """The terms that `texts` use, in the order of first use, but for the items `already` there.

    In force at `at`, and the reader's to read. One statement, and one more where a term may have changed since the
    last time this process looked.
    """
    glossary = _glossary(principal, as_of)
    used = [glossary.terms[place] for text in texts for place in glossary.used(text)]
    in_force = {
        term.place.key: term.place
        for term in used
        if term.begins_at <= at and (term.place.valid_until is None or at < term.place.valid_until)
    }
    return [place for key, place in in_force.items() if key not in already]


_glossaries: OrderedDict[tuple[Principal, datetime | None], _Glossary] = OrderedDict()
_lock = Lock()


def _forget() -> None:
    with _lock:
        _glossaries.clear()


forgotten_with_the_database(_forget)


def _glossary(principal: Principal, as_of: datetime | None) -> _Glossary:
    clock = int(rows(f"SELECT {CLOCK}", {})[0][0])
    known_as = (principal, as_of)
    with _lock:
        known = _glossaries.get(known_as)
        if known is not None and known.clock == clock:
            _glossaries.move_to_end(known_as)
            return known
    statement = _STATEMENT_THEN if as_of is not None else _STATEMENT_NOW
    read = _read(rows(statement, {**reader(principal), "at": as_of}), clock)
    with _lock:
        _glossaries[known_as] = read
        _glossaries.move_to_end(known_as)
        while len(_glossaries) > READERS_REMEMBERED:
            _glossaries.popitem(last=False)
    return read


def _statement(*, as_of: bool) -> str:
    return f"""
SELECT version.id, item.key, kind.slug, item.sensitivity, version.number, version.digest, version.title,
       version.published_at, version.valid_from,
       least(version.valid_to, version.superseded_at, item.retired_at), version.data
FROM context_contextitem item
JOIN context_kind kind ON kind.id = item.kind_id AND kind.slug = 'term'
JOIN context_contextversion version ON version.item_id = item.id
CROSS JOIN (SELECT coalesce(%(at)s::timestamptz, statement_timestamp()) AS at) moment
WHERE {visible("item")} AND version.published_at <= moment.at
AND (version.valid_to IS NULL OR version.valid_to > moment.at)
AND (version.superseded_at IS NULL OR version.superseded_at > moment.at)
AND (item.retired_at IS NULL OR item.retired_at > moment.at)
{f"AND version.valid_from <= moment.at AND {was_permitted('item', 'version')}" if as_of else ""}
ORDER BY item.key, version.valid_from
"""  # noqa: S608  our own constants


_STATEMENT_NOW, _STATEMENT_THEN = _statement(as_of=False), _statement(as_of=True)


def _read(found: Sequence[tuple[Any, ...]], clock: int) -> _Glossary:
    glossary = _Glossary(clock=clock, terms=[], exact={}, plain={})
    for row in found:
        term = _term(row)
        glossary.terms.append(term)
        for name in term.names:
            written = tuple(_WORD.findall(name))
            short_form = len(name) <= LONGEST_SHORT_FORM and name.isupper()
            words = written if short_form else tuple(map(_plain, written))
            if sum(map(len, words)) > 1:
                (glossary.exact if short_form else glossary.plain).setdefault(words[0], []).append(
                    (words, len(glossary.terms) - 1)
                )
    for names in (*glossary.exact.values(), *glossary.plain.values()):
        names.sort(key=lambda entry: (-len(entry[0]), entry[0]))
    return glossary


def _term(row: tuple[Any, ...]) -> _Term:
    version_id, key, kind, sensitivity, number, digest, title, published_at, begins_at, ends_at, data = row
    stated = orjson.loads(data)
    names = (title, stated.get("abbreviation"), *stated.get("aliases", ()), *stated.get("deprecated_aliases", ()))
    place = Place(
        version_id=version_id,
        key=key,
        kind=kind,
        sensitivity=sensitivity,
        number=number,
        digest=digest,
        title=title,
        published_at=published_at,
        valid_until=ends_at,
        why="definition",
    )
    return _Term(place, begins_at, tuple(dict.fromkeys(name for name in names if isinstance(name, str))))


def _plain(word: str) -> str:
    """Without capitals, and in the singular as far as that is plain: "Thresholds" names the term "threshold"."""
    word = word.casefold()
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
