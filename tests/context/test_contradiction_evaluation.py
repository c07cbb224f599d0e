"""`evaluate_contradictions`: what files it reads, what it counts, and what it must reach on data nobody here wrote."""

from __future__ import annotations

import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from context.claims.evaluation import decide, in_half, read_pairs, score

ROWS = [
    {"a": "Fees are paid within 30 days.", "b": "Fees are paid within 60 days.", "label": "contradiction"},
    {"a": "Fees are paid within 30 days.", "b": "Fees are paid by cheque.", "label": "neutral"},
    {"a": "Staff may park here.", "b": "Cats sleep all day.", "label": "contradiction"},
    {"a": "Staff must park here.", "b": "Staff must not park here.", "label": "entailment"},
]


def run(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("evaluate_contradictions", str(path), *options, stdout=out)
    return out.getvalue()


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def test_evaluate__pairs__counts_precision_recall_and_f1(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(lines(*ROWS))
    figures = json.loads(run(path, "--json"))["contradiction"]
    assert figures == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    table = run(path, "--errors", "3")
    assert "contradiction" in table
    assert "Alleged wrongly: The two say the same, but one of them denies it:" in table
    assert "Missed: contradiction" in table


def test_evaluate__fields_of_breaking_nli_zipped_or_not__are_read(tmp_path: Path) -> None:
    row = {"sentence1": "Two men sit.", "sentence2": "Six men sit.", "gold_label": "contradiction", "category": "x"}
    plain, packed = tmp_path / "rows.jsonl", tmp_path / "rows.zip"
    plain.write_text(lines(row, {**row, "gold_label": "-"}))
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(plain, "data/rows.jsonl")
        archive.writestr("data/README.txt", "rows")
    assert read_pairs(plain) == read_pairs(packed)
    assert [pair.label for pair in read_pairs(plain)] == ["contradiction"]


def test_evaluate__contract_nli__hypotheses_meet_their_evidence(tmp_path: Path) -> None:
    document = {
        "id": 7,
        "text": "You may not copy plans. Rain fell.",
        "spans": [[0, 23], [24, 34]],
        "annotation_sets": [
            {
                "annotations": {
                    "one": {"choice": "Contradiction", "spans": [0]},
                    "two": {"choice": "NotMentioned", "spans": []},
                }
            }
        ],
    }
    labels = {"one": {"hypothesis": "You may copy plans."}, "two": {"hypothesis": "Rain shall fall."}}
    path = tmp_path / "dev.json"
    path.write_text(json.dumps({"documents": [document], "labels": labels}))
    first, second = read_pairs(path)
    assert (first.a, first.label, second.label) == ("You may not copy plans.", "contradiction", "neutral")
    assert "Rain fell." in second.a
    assert score(decide([first, second])).right == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no pairs"),
        ("not json\n", "Line 1 is no JSON"),
        ("[1]\n", "Line 1 is no JSON object"),
        (lines(ROWS[0], {"a": "x", "b": 3, "label": "neutral"}), "Line 2 needs the texts"),
        (lines({"a": "x", "b": "y", "label": "perhaps"}), "contradiction, entailment, neutral"),
        ('{"documents": [{"id": 1}]}', "not in the form of ContractNLI"),
        ("{" * 100_000, "Line 1 is no JSON"),
    ],
)
def test_evaluate__bad_file__is_said_with_its_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(content)
    with pytest.raises(CommandError, match=told):
        run(path)


def test_evaluate__file_is_not_there_or_no_text__is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "nothing.jsonl")
    (tmp_path / "odd.jsonl").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "odd.jsonl")
    (tmp_path / "odd.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "odd.zip")


def test_halves__are_the_whole_and_keep_a_source_together(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(lines(*({**row, "a": f"{row['a']} {n}"} for row in ROWS for n in range(10))))
    pairs = read_pairs(path)
    development, held_out = in_half(pairs, "development"), in_half(pairs, "held-out")
    assert len(development) + len(held_out) == len(pairs)
    assert not {pair.group for pair in development} & {pair.group for pair in held_out}
    assert 10 < len(development) < 30


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [
        ("drift/breaking-nli/breaking_nli_dataset.zip", 0.98, 0.93),
        ("drift/contract-nli/dev.json", 0.90, 0.40),
    ],
)
def test_development_data__precision_stays_above_ninety_percent(
    shared_data: Path, name: str, precision: float, recall: float
) -> None:
    pairs = read_pairs(shared_data / name)
    held_out = in_half(pairs, "held-out")
    outcomes = decide(held_out if len(pairs) > 5_000 else pairs)
    reached = score(outcomes)
    assert reached.precision >= precision
    assert reached.recall >= recall
    apart = {id(pair) for pair in held_out}
    assert score([outcome for outcome in outcomes if id(outcome.pair) in apart]).precision >= precision


@pytest.mark.parametrize("category", ["cardinals", "ordinals"])
def test_development_data__numbers_and_ordinals_are_decided_without_knowing_the_situation(
    shared_data: Path, category: str
) -> None:
    pairs = read_pairs(shared_data / "drift/breaking-nli/breaking_nli_dataset.zip")
    chosen = [pair for pair in pairs if pair.category == category]
    reached = score(decide(chosen, one_situation=False))
    assert reached.precision >= 0.98
    assert reached.recall >= 0.87
