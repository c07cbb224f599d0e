"""Makes Markdown of a web page: headings, paragraphs, lists, tables, links; must not follow, trust or load anything.

A reader of one pass and bounded depth, because the page comes from outside. What surrounds the text (navigation,
footer, forms) is left out; where the page has a `main` or `article`, only that is taken.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SILENT = frozenset(
    "script style template noscript svg nav footer aside form select button iframe object title".split()
)
_BLOCKS = frozenset(
    "p div section article main header ul ol li table tr blockquote pre h1 h2 h3 h4 h5 h6 hr dl dt dd figure br".split()
)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_EMPHASIS = {"strong": "**", "b": "**", "em": "*", "i": "*", "code": "`"}
_SPACE = re.compile(r"[ \t\r\n\f]+")
_SIGN_IN_WORDS = re.compile(r"\b(sign|log)[ -]?(in|on)\b", re.IGNORECASE)
DEEPEST = 200


class LooksLikeSignIn(ValueError):
    """The page asks for a password and says little else."""


def markdown_of(page: str) -> str:
    """The text of the page. LooksLikeSignIn where it asks for a password instead of saying anything."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    reader.end_block()
    blocks = reader.inner if any(text for _, text in reader.inner) else reader.outer
    lines: list[str] = []
    before = ""
    for kind, text in blocks:
        if lines and not (kind == before and kind in ("item", "row")):
            lines.append("")
        lines.append(text)
        before = kind
    text = "\n".join(lines).strip()
    if reader.asks_password and (len(text) < 1_500 or _SIGN_IN_WORDS.search(reader.title)):
        raise LooksLikeSignIn
    return text


class _Reader(HTMLParser):
    """Collects blocks as (kind, Markdown); those within `main` or `article` besides."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.outer: list[tuple[str, str]] = []
        self.inner: list[tuple[str, str]] = []
        self.asks_password = False
        self.title = ""
        self._open: list[str] = []
        self._text: list[str] = []
        self._prefix, self._kind = "", "text"
        self._lists: list[tuple[str, int]] = []
        self._cells: list[str] | None = None
        self._links: list[tuple[str, int]] = []
        self._silent = self._main = 0
        self._in_title = False
        self._rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "input" and named.get("type", "").lower() == "password":
            self.asks_password = True
        if tag == "title":
            self._in_title = True
        if tag in _BLOCKS:
            self.end_block()
        if tag in _VOID or len(self._open) >= DEEPEST:
            return
        self._open.append(tag)
        self._silent += tag in _SILENT
        self._main += tag in ("main", "article")
        if tag in _HEADINGS:
            self._prefix, self._kind = f"{_HEADINGS[tag]} ", "heading"
        elif tag in ("ul", "ol"):
            self._lists.append((tag, 0))
        elif tag == "li":
            self._prefix, self._kind = self._bullet(), "item"
        elif tag == "table":
            self._rows = 0
        elif tag == "tr":
            self._cells = []
        elif tag in _EMPHASIS and not self._silent:
            self._text.append(_EMPHASIS[tag])
        elif tag == "a":
            self._links.append((named.get("href", ""), len(self._text)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        if tag not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            self._close(closed)
            if closed == tag:
                return

    def handle_data(self, data: str) -> None:
        if self._in_title and len(self.title) < 500:
            self.title += data
        if not self._silent:
            self._text.append(data)

    def end_block(self) -> None:
        """What was collected becomes a block."""
        text = _SPACE.sub(" ", "".join(self._text)).strip()
        self._text.clear()
        self._links.clear()
        if text and self._cells is None:
            self._add(self._kind, self._prefix + text)
            self._prefix, self._kind = ("  " * len(self._lists) if self._lists else ""), "text"

    def _close(self, tag: str) -> None:
        if tag in ("td", "th"):
            text = _SPACE.sub(" ", "".join(self._text)).strip().replace("|", "\\|")
            self._text.clear()
            if self._cells is not None:
                self._cells.append(text)
        elif tag == "tr" and self._cells is not None:
            cells, self._cells = self._cells, None
            if any(cells):
                self._add("row", f"| {' | '.join(cells)} |")
                self._rows += 1
                if self._rows == 1:
                    self._add("row", f"|{' --- |' * len(cells)}")
        elif tag in _EMPHASIS and not self._silent:
            self._text.append(_EMPHASIS[tag])
        elif tag == "a" and self._links:
            href, at = self._links.pop()
            said = "".join(self._text[at:]).strip()
            if said and href.startswith(("https://", "http://")) and not self._silent:
                self._text[at:] = [f"[{said}]({href})"]
        elif tag in _BLOCKS:
            self.end_block()
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            self._prefix, self._kind = "", "text"
        self._silent -= tag in _SILENT
        self._main -= tag in ("main", "article")

    def _bullet(self) -> str:
        if not self._lists:
            return "- "
        kind, count = self._lists[-1]
        self._lists[-1] = (kind, count + 1)
        return "  " * (len(self._lists) - 1) + (f"{count + 1}. " if kind == "ol" else "- ")

    def _add(self, kind: str, text: str) -> None:
        self.outer.append((kind, text))
        if self._main:
            self.inner.append((kind, text))
