"""Measures on labelled rows how well changes of substance are told from changes of form; must not read the database."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from context.errors import DomainError
from context.material import LABELS, Label, PassageChange, judge

MATERIAL = ("yes", "no", "unknown")
LONGEST_LINE = 2_000_000


class UnreadableRows(DomainError):
    """A file of labelled changes cannot be used: the line, the field and the fix are named."""

    type = "unreadable-rows"
    title = "The rows cannot be read"
    status = 422


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """Two versions of a passage and what somebody said their difference is. `label` is None where nobody said."""

    line: int
    old: str
    new: str
    label: Label | None
    material: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """Precision, recall and F1, with what they were counted from. A share of nothing is 0."""

    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return self.true / (self.true + self.false) if self.true else 0.0

    @property
    def recall(self) -> float:
        return self.true / (self.true + self.missed) if self.true else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def support(self) -> int:
        return self.true + self.missed

    def as_json(self) -> dict[str, float]:
        return {"precision": round(self.precision, 4), "recall": round(self.recall, 4), "f1": round(self.f1, 4)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """The figures for substance, yes against no, and for each label; `wrong` are the rows misjudged in substance."""

    rows: int
    material: Figure
    labels: dict[Label, Figure]
    wrong: tuple[tuple[Row, PassageChange], ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "material": self.material.as_json(),
            "labels": {label: figure.as_json() for label, figure in self.labels.items()},
        }


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, one at a time.

    Takes rows of `old`, `new`, `label`, `material`, and those of OWASP's own mapping between versions (`new` a list of
    passages, `actions`): there MODIFIED says that the substance changed and GRAMMAR that it did not; every other action
    says where a requirement went, not whether it still says the same. Requirements that went nowhere are left out.
    """
    read = 0
    try:
        with path.open("rb") as file:
            line = 0
            while content := file.readline(LONGEST_LINE + 1):
                line += 1
                if len(content) > LONGEST_LINE:
                    raise _unreadable(line, "line", f"is longer than {LONGEST_LINE:,} bytes", "Cut the texts shorter.")
                if not content.strip():
                    continue
                read += 1
                row = _row(_parsed(content, line), line)
                if row is not None:
                    yield row
    except OSError as error:
        raise UnreadableRows(
            f"{path} cannot be opened: {error.strerror}.", field="file", fix="Name a JSON Lines file."
        ) from error
    if not read:
        raise UnreadableRows(
            f"{path} holds no rows.",
            field="file",
            fix='Give one JSON object a line: {"old": …, "new": …, "label": …, "material": …}.',
        )


def measure(path: Path) -> Quality:
    """Judge every row and count. About a millisecond a row."""
    material: Counter[tuple[str, bool]] = Counter()
    labels: Counter[tuple[Label, Label]] = Counter()
    wrong: list[tuple[Row, PassageChange]] = []
    rows = 0
    for row in read_rows(path):
        rows += 1
        found = judge(row.old, row.new)
        if row.label is not None:
            labels[row.label, found.label] += 1
        material[row.material, found.material] += 1
        if (row.material, found.material) in (("yes", False), ("no", True)):
            wrong.append((row, found))
    return Quality(
        rows=rows,
        material=Figure(true=material["yes", True], false=material["no", True], missed=material["yes", False]),
        labels={label: _figure_of(label, labels) for label in LABELS},
        wrong=tuple(wrong),
    )


def _figure_of(label: Label, counts: Counter[tuple[Label, Label]]) -> Figure:
    true = counts[label, label]
    false = sum(n for (meant, found), n in counts.items() if found == label != meant)
    missed = sum(n for (meant, found), n in counts.items() if meant == label != found)
    return Figure(true=true, false=false, missed=missed)


def _parsed(content: bytes, line: int) -> dict[str, Any]:
    try:
        parsed = json.loads(content)
    except UnicodeDecodeError as error:
        raise _unreadable(line, "line", "is not UTF-8", "Save the file as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(line, "line", f"is not JSON ({error})", "Give one JSON object a line.") from error
    if not isinstance(parsed, dict):
        raise _unreadable(line, "line", "is not a JSON object", 'Give {"old": …, "new": …, "label": …, "material": …}.')
    return parsed


def _row(parsed: dict[str, Any], line: int) -> Row | None:
    old, new = parsed.get("old"), parsed.get("new")
    if not isinstance(old, str):
        raise _unreadable(line, "old", _lacking(parsed, "old"), "Give the earlier text as a string.")
    if isinstance(new, list):
        return _mapped(parsed, old, new, line)
    if not isinstance(new, str):
        raise _unreadable(line, "new", _lacking(parsed, "new"), "Give the later text as a string.")
    label, material = parsed.get("label"), parsed.get("material", "unknown")
    if label not in LABELS:
        raise _unreadable(line, "label", f"is {_shown(label)}", f"Take one of {', '.join(LABELS)}.")
    if material not in MATERIAL:
        raise _unreadable(line, "material", f"is {_shown(material)}", f"Take one of {', '.join(MATERIAL)}.")
    return Row(line=line, old=old, new=new, label=label, material=material)


def _mapped(parsed: dict[str, Any], old: str, new: list[Any], line: int) -> Row | None:
    texts = [entry.get("text") if isinstance(entry, dict) else None for entry in new]
    if not all(isinstance(text, str) for text in texts):
        raise _unreadable(line, "new", "holds an entry without text", 'Give [{"text": …}].')
    actions = parsed.get("actions")
    if not isinstance(actions, list):
        raise _unreadable(line, "actions", _lacking(parsed, "actions"), 'Give a list, such as ["MODIFIED"].')
    if not texts:
        return None
    material = "yes" if "MODIFIED" in actions else "no" if "GRAMMAR" in actions else "unknown"
    return Row(line=line, old=old, new="\n\n".join(str(text) for text in texts), label=None, material=material)


def _lacking(parsed: dict[str, Any], field: str) -> str:
    return "is missing" if field not in parsed else f"is {_shown(parsed[field])}"


def _shown(value: Any) -> str:
    said = json.dumps(value, ensure_ascii=True)
    return said if len(said) <= 60 else f"{said[:57]}…"


def _unreadable(line: int, field: str, what: str, fix: str) -> UnreadableRows:
    where = f"Line {line:,}" if field == "line" else f"Line {line:,}: “{field}”"
    return UnreadableRows(f"{where} {what}.", field=field, fix=fix, line=line)
