"""Reads one Markdown page of a documentation tree: title, text, metadata; must not know other pages or records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from markdown_it import MarkdownIt

from context.formats import front_matter, template_tags
from context.markdown import heading_text_and_anchor, headings, storable

LONGEST_TITLE = 300
MOST_TAGS = 30
LONGEST_TAG = 60
INDEX_NAMES = frozenset({"index", "readme", "_index"})
_HAS_WORDS = re.compile(r"\w")


class NothingToRead(ValueError):
    """The page has no text of its own; the message says so in a person's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A page as it was read. `path` is relative to its tree; `addresses` are where the site says it stands or stood."""

    path: PurePosixPath
    title: str
    body: str
    fields: Mapping[str, Any]
    tags: tuple[str, ...]
    locale: str | None
    addresses: tuple[str, ...]
    anchors: frozenset[str]
    left_out: Counter[str] = field(default_factory=Counter)
    unresolved: Counter[str] = field(default_factory=Counter)


def read_page(path: PurePosixPath, text: str) -> Page:
    """The page in `text`. Raises front_matter.FrontMatterBroken or NothingToRead."""
    head = front_matter.read(storable(text))
    cleaned = template_tags.clean(head.body)
    body = cleaned.text.strip("\n").rstrip() + "\n"
    if not _HAS_WORDS.search(body):
        target = head.fields.get("redirect_to")
        raise NothingToRead(f"nothing but a redirect to {str(target)[:200]}" if target else "empty")
    found = _headings(body)
    return Page(
        path=path,
        title=_title(head.fields.get("title"), found, path),
        body=body,
        fields=head.fields,
        tags=_tags(head.fields),
        locale=_locale(head.fields),
        addresses=tuple(
            str(address)
            for name in ("permalink", "url", "redirect_from", "aliases", "slug")
            for address in _listed(head.fields.get(name))
            if name != "slug" or "/" in str(address)
        ),
        anchors=frozenset(anchor for _, anchor in found),
        left_out=cleaned.left_out,
        unresolved=cleaned.unresolved,
    )


def _headings(body: str) -> list[tuple[str, str]]:
    parser = MarkdownIt("commonmark", {"maxNesting": 20})
    parser.core.ruler.enableOnly(["normalize", "block"])
    return [(text, anchor) for _, text, anchor in headings(parser.parse(body))]


def _title(given: Any, found: Sequence[tuple[str, str]], path: PurePosixPath) -> str:
    candidates = [str(given) if isinstance(given, str | int | float) else ""]
    candidates += [text for text, _ in found[:1]]
    candidates.append(name_of(path).replace("-", " ").replace("_", " ").strip().capitalize())
    for candidate in candidates:
        title = heading_text_and_anchor(" ".join(template_tags.clean(candidate).text.split()))[0]
        if title:
            return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"
    return "Untitled"


def name_of(path: PurePosixPath) -> str:
    """What the page is called by its place: its file's name, or its folder's where it is the folder's index."""
    if path.stem.lower() in INDEX_NAMES and path.parent.name:
        return path.parent.name
    return path.stem


def _tags(fields: Mapping[str, Any]) -> tuple[str, ...]:
    found = []
    for name in ("tags", "categories", "keywords"):
        for entry in _listed(fields.get(name)):
            parts = re.split(r"[,;]", entry) if isinstance(entry, str) else [str(entry)]
            found += [" ".join(part.split()) for part in parts]
    kept = dict.fromkeys(tag for tag in found if tag and len(tag) <= LONGEST_TAG)
    return tuple(list(kept)[:MOST_TAGS])


def _locale(fields: Mapping[str, Any]) -> str | None:
    given = fields.get("lang") or fields.get("locale") or fields.get("language")
    if isinstance(given, str) and re.fullmatch(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*", given) and len(given) <= 35:
        return given.replace("_", "-")
    return None


def _listed(value: Any) -> list[Any]:
    if value is None or isinstance(value, Mapping):
        return []
    return list(value) if isinstance(value, list) else [value]
