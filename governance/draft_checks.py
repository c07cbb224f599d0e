"""Looks over a text as it stands in a form, for its author; must not write, refuse or change anything.

Each check is a function of the draft in `CHECKS`, in the order in which they are told. Another check is another entry.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from context.access import Principal
from context.formats.links import addresses
from context.models import ContextItem
from context.tokens import DEFAULT_TOKENIZER, count_tokens
from governance.drift.contradictions_live import Draft, contradictions_with
from governance.drift.terms_checking import check_terms
from governance.drift.terms_reading import Terms, read_terms
from governance.drift.terms_undefined import names_of, unexplained_in
from governance.screening import Found, screen_payload

Tone = Literal["ok", "note", "warn", "bad"]
LONGEST_CHECKED = 400_000
MOST_TOLD = 20
# A text this long takes a good part of what an agent is given at once.
MANY_TOKENS = 4_000
FEWEST_CHARACTERS_COMPARED = 40

_PLACE = re.compile(r"[a-z][a-z0-9+.-]{0,20}:", re.IGNORECASE)
_OUTSIDE = frozenset({"http:", "https:", "mailto:", "tel:"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing to look at: what it is, and the words of the text it is about. `href` leads to what it clashes with."""

    said: str
    text: str = ""
    href: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What one check says in a sentence, with its entries (the first `MOST_TOLD`), or the warnings of screening."""

    name: str
    tone: Tone
    sentence: str
    entries: tuple[Entry, ...] = ()
    warnings: tuple[Found, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Looking:
    """The draft in the form, who writes it, and when."""

    key: str
    payload: Mapping[str, Any]
    principal: Principal
    now: datetime
    terms: Terms = field(repr=False)

    @property
    def title(self) -> str:
        return str(self.payload.get("title") or "")

    @property
    def body(self) -> str:
        return str(self.payload.get("body") or "")[:LONGEST_CHECKED]


def check_draft(*, key: str, payload: Mapping[str, Any], principal: Principal, now: datetime) -> list[Checked]:
    """What every check says of the draft, as far as its writer may know. A handful of queries."""
    looking = Looking(
        key=key, payload=payload, principal=principal, now=now, terms=read_terms(at=now, principal=principal)
    )
    return [check(looking) for check in CHECKS]


def _links(draft: Looking) -> Checked:
    named: dict[str, str] = {}
    broken: list[Entry] = []
    for _, _, address in addresses(draft.body):
        key = _key_of(address)
        if key:
            named.setdefault(key, address)
        elif not _leads_somewhere(address):
            broken.append(Entry(said="It leads nowhere from here.", text=address[:200]))
    for relation in draft.payload.get("relations") or ():
        if isinstance(relation, Mapping) and relation.get("key"):
            named.setdefault(str(relation["key"]), f"relation to {relation['key']}")
    visible = ContextItem.objects.visible_to(draft.principal).filter(key__in=list(named)[:1000])
    found = dict(visible.values_list("key", "retired_at"))
    for key, written in list(named.items())[:1000]:
        if key not in found:
            broken.append(Entry(said="There is no such item, or it is not yours to see.", text=written[:200]))
        elif found[key] is not None:
            broken.append(Entry(said="The item is retired.", text=written[:200], href=f"/items/{key}/"))
    if not broken:
        return Checked(name="links", tone="ok", sentence="Every link leads somewhere." if named else "No broken links.")
    return _told("links", "warn", f"{_counted(len(broken), 'link leads', 'links lead')} nowhere.", broken)


def _key_of(address: str) -> str:
    """The key of the item an address leads to, if it leads to one."""
    path = address.split("#")[0]
    if path.startswith("item:"):
        return path.removeprefix("item:")
    match = re.fullmatch(r"/items/([\w-]{1,100}/[\w-]{1,200})/?", path)
    return match[1] if match else ""


def _leads_somewhere(address: str) -> bool:
    scheme = _PLACE.match(address)
    if scheme is not None:
        return scheme.group().lower() in _OUTSIDE
    return address.startswith(("#", "/"))


def _terms(draft: Looking) -> Checked:
    entries = [
        Entry(said=f"{use.sentence} Write “{use.instead}”.", text=use.written, href=f"/items/{use.meaning.term.key}/")
        for use in check_terms(draft.body, terms=draft.terms, title=draft.title, own_key=draft.key)
    ]
    entries += [
        Entry(said="No term defines this abbreviation, and the text does not spell it out.", text=each.short)
        for each in unexplained_in(draft.body, names=names_of(draft.terms))
    ]
    if not entries:
        return Checked(name="terms", tone="ok", sentence="No undefined or outdated terms.")
    words = _counted(len(entries), "word is outdated or undefined", "words are outdated or undefined")
    return _told("terms", "note", f"{words}.", entries)


def _screening(draft: Looking) -> Checked:
    found = screen_payload({**draft.payload, "body": draft.body})
    serious = sum(1 for each in found if each.alarm.serious)
    if not found:
        return Checked(
            name="screening", tone="ok", sentence="No hidden characters, instructions to a model or secrets."
        )
    secret = any(each.alarm.check == "secret" for each in found)
    words = _counted(len(found), "place", "places")
    return Checked(
        name="screening",
        tone="bad" if secret else "warn" if serious else "note",
        sentence=f"{words} that a reader may overlook: hidden characters, words to a model, or a secret.",
        warnings=tuple(found[:MOST_TOLD]),
    )


def _size(draft: Looking) -> Checked:
    tokens = count_tokens(f"{draft.title}\n{draft.body}", DEFAULT_TOKENIZER)
    if tokens > MANY_TOKENS:
        return Checked(
            name="size",
            tone="note",
            sentence=f"{tokens:,} tokens: more than {MANY_TOKENS:,}, which leaves agents little room for other texts. "
            "Consider two items.",
        )
    return Checked(name="size", tone="ok", sentence=f"{tokens:,} {'token' if tokens == 1 else 'tokens'}.")


def _contradictions(draft: Looking) -> Checked:
    if len(draft.body) < FEWEST_CHARACTERS_COMPARED and not draft.payload.get("claims"):
        return Checked(name="contradictions", tone="ok", sentence="Too short to compare with other texts.")
    data, claims = draft.payload.get("data"), draft.payload.get("claims")
    text = Draft(
        key=draft.key,
        title=draft.title,
        body=draft.body,
        data=data if isinstance(data, Mapping) else {},
        claims=claims if isinstance(claims, list) else (),
    )
    entries = []
    for conflict in contradictions_with(draft=text, principal=draft.principal, now=draft.now):
        other = conflict.b if conflict.a.key == draft.key else conflict.a
        entries.append(Entry(said=conflict.sentence, text=other.title, href=f"/items/{other.key}/#{other.anchor}"))
    if not entries:
        return Checked(name="contradictions", tone="ok", sentence="Contradicts no text in force that you may read.")
    words = _counted(len(entries), "text in force says", "texts in force say")
    return _told("contradictions", "warn", f"{words} otherwise.", entries)


CHECKS: tuple[Callable[[Looking], Checked], ...] = (_screening, _contradictions, _links, _terms, _size)


def _told(name: str, tone: Tone, sentence: str, entries: list[Entry]) -> Checked:
    return Checked(name=name, tone=tone, sentence=sentence, entries=tuple(entries[:MOST_TOLD]))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
