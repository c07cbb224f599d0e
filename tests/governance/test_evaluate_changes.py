"""`evaluate_changes`: its figures, its JSON, and what it says of a file it cannot read."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

GOOD = [
    {"old": "Within 5 days.", "new": "Within 6 days.", "label": "changed-number", "material": "yes"},
    {"old": "## 1. A title", "new": "## 2. A title", "label": "changed-number", "material": "no"},
    {"old": "You may go.", "new": "You may not go.", "label": "changed-modality", "material": "yes"},
    {"old": "See Bob Smith.", "new": "See Ann Jones.", "label": "changed-term", "material": "unknown"},
    {"old": "Some words.", "new": "Some words!", "label": "unchanged", "material": "no"},
    {"old": "It was recieved.", "new": "It was received.", "label": "changed-term", "material": "yes"},
]


def evaluate(path: Path, *options: str) -> str:
    out = StringIO()
    call_command("evaluate_changes", str(path), *options, stdout=out)
    return out.getvalue()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in GOOD) + "\n\n")
    return path


def test_evaluate__labelled_rows__figures_are_counted(rows: Path) -> None:
    figures = json.loads(evaluate(rows, "--json"))
    assert set(figures) == {"material", "labels"}
    assert figures["material"] == {"precision": 1.0, "recall": 0.6667, "f1": 0.8}
    assert list(figures["labels"]) == ["changed-number", "changed-term", "changed-modality", "reworded", "unchanged"]
    assert figures["labels"]["changed-term"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667}
    assert figures["labels"]["reworded"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_evaluate__as_a_table__names_each_label_and_the_worst_row(rows: Path) -> None:
    said = evaluate(rows, "--errors", "3")
    assert "6 rows" in said
    assert "changed-modality" in said
    assert "line 6: labelled yes, judged editorial" in said


def test_evaluate__owasps_mapping__modified_is_yes_and_grammar_no(tmp_path: Path) -> None:
    path = tmp_path / "mapping.jsonl"
    mapping = [
        {
            "old": "At least 12 characters.",
            "new": [{"text": "At least 8 characters."}],
            "actions": ["MODIFIED", "MOVED"],
        },
        {"old": "Verify users can go.", "new": [{"text": "Verify that users can go."}], "actions": ["GRAMMAR"]},
        {"old": "Gone.", "new": [], "actions": ["DELETED"]},
    ]
    path.write_text("\n".join(json.dumps(row) for row in mapping))
    assert json.loads(evaluate(path, "--json"))["material"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert "2 rows" in evaluate(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no rows"),
        (b"\n  \n", "holds no rows"),
        (b'{"old": "a"}', "Line 1: “new” is missing"),
        (b'{"old": 3, "new": "b", "label": "reworded"}', "“old” is 3"),
        (b'{"old": "a", "new": "b", "label": "changed-mood"}', '“label” is "changed-mood". Take one of changed-number'),
        (b'{"old": "a", "new": "b", "label": "reworded", "material": "maybe"}', '“material” is "maybe"'),
        (b'{"old": "a", "new": "b", "label": ["reworded"]}', '“label” is ["reworded"]'),
        (b"not json", "Line 1 is not JSON"),
        (b"[1]", "Line 1 is not a JSON object"),
        (b"[" * 200_000, "Line 1 is not JSON"),
        (b'{"old": "\xff"}', "Line 1 is not UTF-8"),
        (b'{"old": "a", "new": [1], "actions": []}', "“new” holds an entry without text"),
        (b'{"old": "a", "new": [{"text": "b"}]}', "“actions” is missing"),
    ],
)
def test_evaluate__a_bad_file__names_line_field_and_fix(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(CommandError) as refused:
        evaluate(path)
    assert said in str(refused.value)


def test_evaluate__no_such_file__is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be opened"):
        evaluate(tmp_path / "none.jsonl")


def test_evaluate__lone_surrogates_and_nul__are_only_text(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"old": "a \\ud800 \\u0000", "new": "a", "label": "unchanged", "material": "yes"}')
    assert "1 rows" in evaluate(path, "--errors", "1")


def test_evaluate__the_development_rows__stay_as_good_as_they_were(shared_data: Path) -> None:
    figures = json.loads(evaluate(shared_data / "drift" / "changes_dev.jsonl", "--json"))
    assert figures["material"]["precision"] >= 0.94
    assert figures["material"]["recall"] >= 0.9
    assert figures["labels"]["changed-modality"]["f1"] >= 0.88
    mapping = json.loads(evaluate(shared_data / "drift" / "asvs_v4_v5.jsonl", "--json"))
    assert mapping["material"]["f1"] >= 0.9
