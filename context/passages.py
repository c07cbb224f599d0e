"""Splits an item's text into passages of a size that search and bundles can use; must not store or embed them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from markdown_it import MarkdownIt
from numpy.typing import NDArray

from context.formats.facts import lines_of
from context.markdown import DEEPEST_NESTING, headings, storable
from context.tokens import count_tokens

TARGET_TOKENS = 180  # with its headings, what the bundled embedding model reads whole (256 of its own tokens)
MOST_TOKENS = 280  # a paragraph up to this size is kept whole
MOST_TOKENS_WHOLE = 1_200  # and a table or a block of code up to this
FEWEST_TOKENS = 30  # a section below this joins its neighbour
LONGEST_IN_PATH = 80  # characters of a heading that stand in the path; seven of them fit its column
PATH_SEPARATOR = " › "
FACTS_ANCHOR = "facts"

_LINE = re.compile(r"\n")
_CUTS = (
    re.compile(r"\n[ \t]*\n"),
    re.compile(r"\n(?=[ \t]*(?:[-*+]|\d+[.)])[ \t])"),
    re.compile(r"(?<=[.!?…])[\"”’)\]*_]*\s+|\n(?=[|>])"),
    re.compile(r"\s+"),
)
_HARD_CUT = 600  # characters, where a text has no space to be cut at
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageDraft:
    """A passage before it is a row. `heading_path` begins with the item's title; `text` is Markdown."""

    ordinal: int
    heading_path: str
    anchor: str
    text: str
    token_count: int
    embedding: NDArray[np.float32] | None = None
    embedding_model: str = ""


@dataclass(slots=True)
class _Section:
    path: tuple[str, ...]
    anchor: str
    blocks: list[tuple[str, str]] = field(default_factory=list)  # (type of the Markdown block, its source)


@dataclass(slots=True)
class _Chunk:
    path: tuple[str, ...]
    anchor: str
    text: str
    tokens: int


def split(
    *, title: str, body: str, data: Mapping[str, Any] | None = None, schema: Mapping[str, Any] | None = None
) -> list[PassageDraft]:
    """The passages of one version, in order: its facts (structured data) first, then its text by headings.

    Every word of the body is in some passage, a heading's in its path (without the targets of links in it).
    The same input gives the same passages.
    """
    root = _shortened(storable(title))
    chunks: list[_Chunk] = []
    facts = storable("\n".join(lines_of(data or {}, schema)))
    if facts:
        chunks += _packed(_Section(path=(root,), anchor=FACTS_ANCHOR, blocks=[("bullet_list_open", facts)]))
    own = [chunk for section in _sections(root, storable(body)) for chunk in _packed(section)]
    chunks += _joined(own)
    if not chunks:  # an item of a title alone is still to be found by it
        chunks = [_Chunk(path=(root,), anchor="", text=root, tokens=0)]
    return [
        PassageDraft(
            ordinal=ordinal,
            heading_path=PATH_SEPARATOR.join(chunk.path),
            anchor=chunk.anchor,
            text=chunk.text,
            token_count=count_tokens(chunk.text),
        )
        for ordinal, chunk in enumerate(chunks)
    ]


def _sections(root: str, source: str) -> Iterator[_Section]:
    lines = source.split("\n")
    tokens = _block_parser().parse(source)
    heading_at = {index: (text, anchor) for index, text, anchor in headings(tokens) if tokens[index].level == 0}
    starts = [
        (token.map[0], index)
        for index, token in enumerate(tokens)
        if token.level == 0 and token.nesting >= 0 and token.map
    ]
    section = _Section(path=(root,), anchor="")
    stack: list[tuple[int, str]] = []
    position = 0
    # A block reaches to the start of the next one, so that what makes no token (link definitions) is not lost.
    for place, (start, index) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else len(lines)
        _add(section, "paragraph_open", lines[position:start])
        position = end
        if index not in heading_at:
            _add(section, tokens[index].type, lines[start:end])
            continue
        yield section
        text, anchor = heading_at[index]
        level = int(tokens[index].tag[1:])
        stack = [entry for entry in stack if entry[0] < level] + [(level, text)]
        path = tuple(_shortened(entry[1]) for entry in stack if entry[1])
        if path and path[0].casefold() == root.casefold():
            path = path[1:]
        section = _Section(path=(root, *path), anchor=anchor)
        if len(text) > LONGEST_IN_PATH:
            _add(section, "paragraph_open", [text])
        own_map = tokens[index].map or [start, start + 1]
        _add(section, "paragraph_open", lines[own_map[1] : end])
    _add(section, "paragraph_open", lines[position:])
    yield section


def _add(section: _Section, kind: str, lines: Sequence[str]) -> None:
    text = "\n".join(lines).strip("\n").rstrip()
    if text.strip():
        section.blocks.append((kind, text))


def _packed(section: _Section) -> Iterator[_Chunk]:
    """The blocks of a section, put together up to the target size. A heading above nothing is a chunk without text."""
    pieces = [piece for kind, text in section.blocks for piece in _pieces(kind, text)]
    sized = [(piece, count_tokens(piece)) for piece in pieces]
    groups: list[tuple[list[str], int]] = []
    for piece, tokens in sized:
        if groups and groups[-1][1] + tokens <= TARGET_TOKENS:
            groups[-1][0].append(piece)
            groups[-1] = (groups[-1][0], groups[-1][1] + tokens)
        else:
            groups.append(([piece], tokens))
    if len(groups) > 1 and groups[-1][1] < FEWEST_TOKENS and groups[-2][1] + groups[-1][1] <= MOST_TOKENS:
        rest, tokens = groups.pop()
        groups[-1] = (groups[-1][0] + rest, groups[-1][1] + tokens)
    for texts, tokens in groups:
        yield _Chunk(path=section.path, anchor=section.anchor, text="\n\n".join(texts), tokens=tokens)
    if not groups and len(section.path) > 1:
        yield _Chunk(path=section.path, anchor=section.anchor, text="", tokens=0)


def _pieces(kind: str, text: str) -> Iterator[str]:
    tokens = count_tokens(text)
    if tokens <= MOST_TOKENS or (kind in {"table_open", "fence", "code_block"} and tokens <= MOST_TOKENS_WHOLE):
        yield text
    elif kind == "table_open":
        yield from _with_frame(text, heading_lines=2, closing="")
    elif kind == "fence" and (fence := _FENCE.match(text)):
        yield from _with_frame(text.rstrip("\n"), heading_lines=1, closing=fence[1])
    else:
        yield from (piece.strip("\n").rstrip() for piece in _cut(text, 0) if piece.strip())


def _with_frame(text: str, *, heading_lines: int, closing: str) -> Iterator[str]:
    """Parts of a long table or block of code, each with the table's head or between fences of its own."""
    lines = text.split("\n")
    head, rows = lines[:heading_lines], lines[heading_lines:]
    if closing and rows and rows[-1].strip().startswith(closing):
        rows = rows[:-1]
    if count_tokens("\n".join(head)) > TARGET_TOKENS:
        yield from (piece.strip("\n") for piece in _cut(text, 0) if piece.strip())
        return
    foot = [closing] if closing else []
    for part in _cut("\n".join(rows), len(_CUTS) - 1, first=_LINE):
        if part.strip():
            yield "\n".join([*head, part.strip("\n"), *foot])


def _cut(text: str, depth: int, first: re.Pattern[str] | None = None) -> Iterator[str]:
    """Slices of `text` up to the target size, cut where its structure allows; joined together they are the text."""
    if first is None and depth >= len(_CUTS):
        yield from (text[start : start + _HARD_CUT] for start in range(0, len(text), _HARD_CUT))
        return
    ends = [match.end() for match in (first or _CUTS[depth]).finditer(text)]
    slices = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True) if start < end]
    parts: list[str] = []
    size = 0
    for each in slices:
        tokens = count_tokens(each)
        if size and size + tokens > TARGET_TOKENS:
            yield "".join(parts)
            parts, size = [], 0
        if tokens > MOST_TOKENS:
            yield from _cut(each, depth if first else depth + 1)
        else:
            parts.append(each)
            size += tokens
    if parts:
        yield "".join(parts)


def _joined(chunks: Sequence[_Chunk]) -> list[_Chunk]:
    """Tiny sections joined with the neighbour that shares their place; a heading above sections needs no chunk."""
    groups: list[list[_Chunk]] = []
    common: tuple[str, ...] = ()
    size = 0
    for index, chunk in enumerate(chunks):
        following = chunks[index + 1] if index + 1 < len(chunks) else None
        if not chunk.text and following and following.path[: len(chunk.path)] == chunk.path != following.path:
            continue  # its words stand in the path of the sections below it
        if not chunk.text:
            chunk = _Chunk(path=chunk.path, anchor=chunk.anchor, text="", tokens=count_tokens(chunk.path[-1]))
        shared = _shared(common, chunk.path) if groups else ()
        near = len(shared) >= max(1, len(common) - 1, len(chunk.path) - 1)
        if groups and near and size + chunk.tokens <= TARGET_TOKENS and min(size, chunk.tokens) < FEWEST_TOKENS:
            groups[-1].append(chunk)
            common, size = shared, size + chunk.tokens
        else:
            groups.append([chunk])
            common, size = chunk.path, chunk.tokens
    return [_merged(group) for group in groups]


def _merged(group: Sequence[_Chunk]) -> _Chunk:
    path = group[0].path
    for chunk in group[1:]:
        path = _shared(path, chunk.path)
    if len(group) == 1:
        return _Chunk(path=path, anchor=group[0].anchor, text=group[0].text or path[-1], tokens=group[0].tokens)
    texts: list[str] = []
    shown = path
    for chunk in group:
        if chunk.path not in (shown, path):
            texts += [f"{'#' * min(6, depth + 1)} {name}" for depth, name in _below(path, shown, chunk.path)]
        shown = chunk.path
        if chunk.text:
            texts.append(chunk.text)
    return _Chunk(path=path, anchor=group[0].anchor, text="\n\n".join(texts) or path[-1], tokens=0)


def _below(common: tuple[str, ...], shown: tuple[str, ...], path: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """The headings between what was shown last and this path, with their depth."""
    start = max(len(common), len(_shared(shown, path))) if len(path) > len(shown) else len(common)
    yield from ((depth, path[depth]) for depth in range(min(start, len(path) - 1), len(path)))


def _shared(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    return first[:length]


def _shortened(heading: str) -> str:
    words = " ".join(heading.split())
    return words if len(words) <= LONGEST_IN_PATH else words[: LONGEST_IN_PATH - 1].rstrip() + "…"


@cache
def _block_parser() -> MarkdownIt:
    """Finds blocks only: what stands inside a paragraph does not matter here, and costs most of a parse."""
    parser = MarkdownIt("commonmark", {"maxNesting": DEEPEST_NESTING})
    parser.enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser
