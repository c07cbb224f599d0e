"""How well contradictions are found, measured on labelled pairs of texts; must not decide any."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from context.claims.deciding import Contradiction, contradiction
from context.errors import InvalidInput

LABELS = ("contradiction", "entailment", "neutral")
LARGEST_FILE = 256 * 1024 * 1024  # bytes, unpacked
# Of a contract that does not speak of a hypothesis, as many passages as come nearest to it are its text.
NEAREST_PASSAGES = 3
_CONTRACT_LABELS = {"Contradiction": "contradiction", "Entailment": "entailment", "NotMentioned": "neutral"}
_WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two texts, and what people say of them. `group` keeps pairs of one source together when half is held out."""

    a: str
    b: str
    label: str
    category: str
    group: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How many contradictions were found rightly, alleged wrongly, and missed."""

    right: int
    wrong: int
    missed: int
    pairs: int

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One pair and what was decided of it."""

    pair: Pair
    found: Contradiction | None

    @property
    def is_right(self) -> bool:
        return (self.found is not None) == (self.pair.label == "contradiction")


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file: JSON lines with `a`, `b`, `label` or with breaking-nli's `sentence1`, `sentence2`,
    `gold_label`; a .zip that holds one such file; or the JSON of ContractNLI, whose hypotheses are set against the
    passages that decide them.
    """
    try:
        content = _content(path)
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", field="file", fix="Give a file of pairs.") from error
    if content.lstrip().startswith("{") and '"documents"' in content[:10_000]:
        return list(_contract_pairs(_parsed(content, 1)))
    pairs = list(_line_pairs(content))
    if not pairs:
        raise InvalidInput(f"{path} holds no pairs.", field="file", fix='Give lines with "a", "b" and "label".')
    return pairs


def in_half(pairs: Iterable[Pair], half: str) -> list[Pair]:
    """The development half or the held-out half; what belongs together stays together."""
    wanted = {"development": 0, "held-out": 1}[half]
    return [pair for pair in pairs if hashlib.sha256(pair.group.encode("utf-8", "replace")).digest()[0] % 2 == wanted]


def decide(pairs: Iterable[Pair], *, one_situation: bool = True) -> list[Outcome]:
    """What is decided of each pair. The texts of a pair are about the same, so `one_situation` holds unless said."""
    return [Outcome(pair=pair, found=contradiction(pair.a, pair.b, one_situation=one_situation)) for pair in pairs]


def score(outcomes: Sequence[Outcome]) -> Score:
    counts = Counter((outcome.found is not None, outcome.pair.label == "contradiction") for outcome in outcomes)
    return Score(right=counts[True, True], wrong=counts[True, False], missed=counts[False, True], pairs=len(outcomes))


def _content(path: Path) -> str:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith((".jsonl", ".json"))]
            if len(names) != 1:
                raise zipfile.BadZipFile(f"it holds {len(names)} files of pairs, not one")
            with archive.open(names[0]) as member:
                data = member.read(LARGEST_FILE + 1)
    else:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise InvalidInput(f"{path} is larger than {LARGEST_FILE} bytes.", field="file", limit=LARGEST_FILE)
    return data.decode("utf-8-sig")


def _parsed(line: str, number: int) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"Line {number} is no JSON: {error}", field="file") from error
    if not isinstance(row, dict):
        raise InvalidInput(f"Line {number} is no JSON object.", field="file", fix='Give "a", "b" and "label".')
    return row


def _line_pairs(content: str) -> Iterator[Pair]:
    for number, line in enumerate(io.StringIO(content), 1):
        if not line.strip():
            continue
        row = _parsed(line, number)
        a, b = row.get("a", row.get("sentence1")), row.get("b", row.get("sentence2"))
        label = row.get("label", row.get("gold_label"))
        if label == "-":
            continue  # the annotators did not agree
        if not isinstance(a, str) or not isinstance(b, str) or label not in LABELS:
            raise InvalidInput(
                f'Line {number} needs the texts "a" and "b", and a "label" out of {", ".join(LABELS)}.',
                field="file",
                fix="Mend the line, or give sentence1, sentence2 and gold_label.",
            )
        yield Pair(a=a, b=b, label=label, category=str(row.get("category", "")), group=a)


def _contract_pairs(held: Mapping[str, Any]) -> Iterator[Pair]:
    try:
        for document in held["documents"]:
            spans = [document["text"][start:end] for start, end in document["spans"]]
            words = [frozenset(_WORD.findall(span.lower())) for span in spans]
            for name, said in document["annotation_sets"][0]["annotations"].items():
                hypothesis = held["labels"][name]["hypothesis"]
                chosen = said["spans"] or _nearest(frozenset(_WORD.findall(hypothesis.lower())), words)
                yield Pair(
                    a="\n".join(spans[place] for place in chosen),
                    b=hypothesis,
                    label=_CONTRACT_LABELS[said["choice"]],
                    category=name,
                    group=str(document["id"]),
                )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"This is not in the form of ContractNLI: {error!r}.", field="file") from error


def _nearest(wanted: frozenset[str], passages: Sequence[frozenset[str]]) -> list[int]:
    order = sorted(range(len(passages)), key=lambda place: -len(wanted & passages[place]))
    return sorted(order[:NEAREST_PASSAGES])
