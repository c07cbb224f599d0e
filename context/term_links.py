"""Links the words a text uses to the terms that define them, in rendered HTML; must not touch links or code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

_TAG = re.compile(r"(<[^>]*>)")
_OPAQUE = frozenset({"a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "kbd", "samp"})
MOST_TERMS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinedTerm:
    """A term as it may be written in a text, where it is defined and how, in short."""

    words: tuple[str, ...]
    href: str
    definition: str


def link_terms(rendered: str, terms: Iterable[DefinedTerm]) -> str:
    """`rendered` (sanitised HTML) with the first use of each term linked to its definition."""
    by_word: dict[str, DefinedTerm] = {}
    for term in list(terms)[:MOST_TERMS]:
        for word in term.words:
            if len(word) > 1:
                by_word.setdefault(word.casefold(), term)
    if not by_word:
        return rendered
    longest_first = sorted(by_word, key=len, reverse=True)
    pattern = re.compile(
        r"(?<!\w)(" + "|".join(re.escape(html.escape(word)) for word in longest_first) + r")(?!\w)", re.I
    )
    linked: set[str] = set()
    depth = 0

    def link(match: re.Match[str]) -> str:
        term = by_word.get(html.unescape(match[1]).casefold())
        if term is None or term.href in linked:
            return match[0]
        linked.add(term.href)
        return f'<a class="term" href="{html.escape(term.href)}" title="{html.escape(term.definition)}">{match[1]}</a>'

    parts = _TAG.split(rendered)
    for i, part in enumerate(parts):
        if i % 2:
            name = part.strip("</>").split(maxsplit=1)[0].lower() if part.strip("</>") else ""
            if name in _OPAQUE:
                depth = max(0, depth - 1) if part.startswith("</") else depth + 1
        elif depth == 0:
            parts[i] = pattern.sub(link, part)
    return "".join(parts)
