"""Makes Markdown of what a source gave, within bounds, and its digest; must not fetch or write anything."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath

from context.formats.front_matter import FrontMatterBroken
from context.formats.pages import NothingToRead, read_page
from governance.drift.sources.html_text import LooksLikeSignIn, markdown_of
from governance.drift.sources.problems import SourceProblem, Why

LARGEST_TEXT = 1_000_000  # bytes, and characters of a body: the longest that an item takes
MOST_COMPARED = 100_000  # characters
_TEXT_TYPES = frozenset({"text/plain", "text/markdown", "text/x-markdown", "text/csv", "application/json", ""})
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_HTML_NAMES = frozenset({".html", ".htm", ".xhtml"})
_ARCHIVES = (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_PARTS = re.compile(r"\n{2,}|\n(?=\s*(?:[-*#>|]|\d+[.)]))")
_BLANKS = re.compile(r"\n{3,}")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_KNOWN_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252", "utf-16"})


def text_of(content: bytes, *, name: str, content_type: str = "") -> str:
    """The text that an item would hold, through the same reader as an import. SourceProblem where there is none."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(content) > LARGEST_TEXT:
        raise SourceProblem(Why.TOO_LARGE, f"It is larger than {LARGEST_TEXT // 1_000_000} MB, more than a text takes.")
    if content.startswith(_ARCHIVES):
        raise SourceProblem(Why.NOT_TEXT, "It is a packed archive, not a text.")
    is_html = kind in _HTML_TYPES or (kind in ("", "text/plain") and PurePosixPath(name).suffix.lower() in _HTML_NAMES)
    if not is_html and kind not in _TEXT_TYPES:
        raise SourceProblem(Why.NOT_TEXT, f"It is of the type {kind[:80]}, not a text.")
    text = _decoded(content, content_type)
    if is_html:
        try:
            text = markdown_of(text)
        except LooksLikeSignIn:
            raise SourceProblem(Why.SIGN_IN, "A page to sign in came instead of the text.") from None
    return imported(text, name=name)


def imported(text: str, *, name: str) -> str:
    """What the importer makes of the text: without front matter and template tags. SourceProblem where that is none."""
    try:
        return read_page(PurePosixPath(name or "source.md"), text).body
    except FrontMatterBroken as broken:
        raise SourceProblem(Why.NOT_TEXT, f"Its {broken}.") from None
    except NothingToRead as nothing:
        raise SourceProblem(Why.EMPTY, f"There is nothing to read in it: {nothing}.") from None


def normalised(text: str) -> str:
    """The text less what nobody reads: trailing blanks, empty lines beyond one, how a character was put together."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _BLANKS.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def fingerprint_of(text: str) -> str:
    """The digest by which two readings of a source are compared, and which an item keeps of the one it follows."""
    return f"sha256:{hashlib.sha256(normalised(text).encode()).hexdigest()}"


def share_kept(old: str, new: str) -> float:
    """How much of the longer text stands in the other word for word, by paragraphs: 1 where they are the same."""
    before, after = _paragraphs(old), _paragraphs(new)
    longest = max(sum(map(len, before)), sum(map(len, after)))
    return sum(map(len, before & after)) / longest if longest else 1.0


def differing(old: str, new: str) -> tuple[str, str, bool]:
    """Both texts without the paragraphs that they begin and end with alike, cut to what can be compared in seconds;
    and whether that is all. A source may have grown to a million characters that say something else.
    """
    before, after = normalised(old).split("\n\n"), normalised(new).split("\n\n")
    least = min(len(before), len(after))
    start = next((place for place in range(least) if before[place] != after[place]), least)
    end = next((place for place in range(least - start) if before[-1 - place] != after[-1 - place]), least - start)
    # A paragraph around the difference stays, so that what was moved or split is seen as such.
    first, last = max(start - 1, 0), max(end - 1, 0)
    cut = ["\n\n".join(parts[first : len(parts) - last]) for parts in (before, after)]
    whole = all(len(text) <= MOST_COMPARED for text in cut)
    return cut[0][:MOST_COMPARED], cut[1][:MOST_COMPARED], whole


def _paragraphs(text: str) -> set[str]:
    return {
        " ".join(part.split()) for part in re.split(r"\n{2,}|\n(?=\s*(?:[-*#>|]|\d+[.)]))", normalised(text)) if part
    }


def _decoded(content: bytes, content_type: str) -> str:
    said = _CHARSET.search(content_type)
    encoding = "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\x00" in content:
        raise SourceProblem(Why.NOT_TEXT, "It is not a text: it holds bytes that no text has.")
    elif said and said[1].lower() in _KNOWN_CHARSETS - {"utf-8", "utf8", "us-ascii", "ascii"}:
        encoding = said[1].lower()
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        named = encoding.removesuffix("-sig").upper()
        raise SourceProblem(
            Why.NOT_TEXT, f"Its characters cannot be read as {named}: byte {error.start:,} is wrong."
        ) from None
