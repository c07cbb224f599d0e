"""Reads a collection in BEIR's form: documents, questions, what people judged relevant; must not search or store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from context.errors import InvalidInput

SCOPES = ("org", "contract")
PREFERRED = ("test", "dev", "train")  # which judgements to use where there are several and none is named
Scope = tuple[str, ...]  # a value for each of SCOPES, empty where nothing is said
NO_SCOPE: Scope = ("",) * len(SCOPES)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    title: str
    text: str
    scope: Scope = NO_SCOPE


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    text: str
    scope: Scope = NO_SCOPE


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """Documents and judged questions by their names, and the gain of each relevant document by question."""

    documents: Mapping[str, Document]
    questions: Mapping[str, Question]
    relevant: Mapping[str, Mapping[str, int]]


def read_collection(directory: Path, split: str = "") -> Collection:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv` (unless `split` says: test, else dev, else train).

    Where every question names an organisation or a contract, only documents of those are kept. Titles and texts may
    be missing, judgements with or without a first line of names. InvalidInput names the file and line of what cannot
    be read, and what is missing altogether.
    """
    if not directory.is_dir():
        raise InvalidInput(f"{directory} is no folder.", field="directory", fix="Give a folder in the form of BEIR.")
    relevant = _judgements(_judged_in(directory, split))
    documents = {
        name: Document(title=_text(row, "title"), text=_text(row, "text"), scope=_scope(row))
        for name, row in _rows(directory / "corpus.jsonl")
    }
    if not documents:
        raise InvalidInput(f"{directory / 'corpus.jsonl'} holds no document.", field="directory", fix="Fill it.")
    # A scope is a filter only where documents have one, too.
    scoped = any(document.scope != NO_SCOPE for document in documents.values())
    questions = {
        name: Question(text=_text(row, "text"), scope=_scope(row) if scoped else NO_SCOPE)
        for name, row in _rows(directory / "queries.jsonl")
        if name in relevant
    }
    if not questions:
        raise InvalidInput(
            f"No question of {directory / 'queries.jsonl'} has a relevant document among the judgements.",
            field="split",
            fix="Name other judgements with --split, or check that both files name questions alike.",
        )
    asked = {question.scope for question in questions.values()}
    if NO_SCOPE not in asked:
        documents = {
            name: document
            for name, document in documents.items()
            if any(within(document.scope, each) for each in asked)
        }
    return Collection(documents=documents, questions=questions, relevant=relevant)


def within(scope: Scope, asked: Scope) -> bool:
    """Whether what stands in `scope` may answer a question asked within `asked`."""
    return all(wanted in ("", present) for present, wanted in zip(scope, asked, strict=True))


def _judged_in(directory: Path, split: str) -> Path:
    folder = directory / "qrels"
    there = {path.stem: path for path in sorted(folder.glob("*.tsv"))} if folder.is_dir() else {}
    if split:
        chosen = there.get(split)
    elif len(there) == 1:
        chosen = next(iter(there.values()))
    else:
        chosen = next((there[name] for name in PREFERRED if name in there), None)
    if chosen is None:
        raise InvalidInput(
            f"{directory} has no {split or 'single'} set of judgements to use.",
            field="split",
            fix=f"Name one with --split; there are: {', '.join(there) or 'none'}.",
        )
    return chosen


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    """Question, document and gain by tabs, or TREC's four columns; a first line that judges nothing is passed over."""
    relevant: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) == 4:
            cells = [cells[0], *cells[2:]]
        gain = _number(cells[2]) if len(cells) == 3 else None
        if gain is None and number == 1:
            continue
        if gain is None:
            raise InvalidInput(
                f"Line {number} of {path} is not a question, a document and a whole number, with tabs between them.",
                field="qrels",
                fix="Mend the line.",
            )
        if gain > 0:
            relevant.setdefault(cells[0], {})[cells[1]] = gain
    return relevant


def _number(cell: str) -> int | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and content of each line. The same line twice is one; two that differ under one name are an error."""
    if not path.is_file():
        raise InvalidInput(f"{path} is not there.", field="directory", fix="Give a folder in the form of BEIR.")
    seen: dict[str, int] = {}
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(
                f"Line {number} of {path} is not JSON: {error}.", field="directory", fix="Mend the line."
            ) from error
        name = row.get("_id") if isinstance(row, dict) else None
        if not isinstance(name, str | int) or name == "":
            raise InvalidInput(f'Line {number} of {path} has no "_id".', field="directory", fix="Name each line.")
        content = hash(line)
        if seen.setdefault(str(name), content) != content:
            raise InvalidInput(
                f"Line {number} of {path} is a second, different {str(name)[:80]!r}.",
                field="directory",
                fix="Give each line a name of its own.",
            )
        yield str(name), row


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not text in UTF-8: {error}.", field="directory", fix="Convert it.") from error


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return _UNSTORABLE.sub(" ", value if isinstance(value, str) else "" if value is None else str(value))


def _scope(row: Mapping[str, Any]) -> Scope:
    metadata = row.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return tuple("" if metadata.get(name) is None else str(metadata[name]) for name in SCOPES)
