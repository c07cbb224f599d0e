"""The measures of search are those of the field, and what is measured is the product's own search."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from context.errors import InvalidInput
from context.models import ContextItem
from governance.beir import read_collection
from governance.retrieval_quality import measure, ndcg, publish_collection

CORPUS = [
    {"_id": "a", "title": "Leave", "text": "Unused leave may be carried over.", "metadata": {"contract": 1}},
    {"_id": "b", "title": "Leave", "text": "Unused leave may be carried over.", "metadata": {"contract": 2}},
    {"_id": "c", "title": "", "text": "Incidents are reported at once.", "metadata": {"contract": 2}},
    {"_id": "d", "title": "Another", "text": "Unused leave.", "metadata": {"contract": 3}},
]
QUESTIONS = [
    {"_id": "1", "text": "unused leave", "metadata": {"contract": 1}},
    {"_id": "2", "text": "incidents reported", "metadata": {"contract": 2}},
    {"_id": "3", "text": "not judged", "metadata": {"contract": 3}},
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n1\td\t0\n2\tc\t2\n2\tb\t1\n")
    return tmp_path


def test_ndcg__graded_gains__are_discounted_by_place():
    relevant = {"a": 2, "b": 1}
    assert ndcg(["a", "b"], relevant, 10) == 1
    assert ndcg(["b", "a"], relevant, 10) == pytest.approx((1 + 2 / 1.58496) / (2 + 1 / 1.58496), abs=1e-4)
    assert ndcg(["x", "a"], relevant, 1) == 0


def test_measure__scoped_questions__are_asked_within_their_scope(db, folder):
    collection = read_collection(folder)
    assert set(collection.documents) == {"a", "b", "c"}
    assert set(collection.questions) == {"1", "2"}
    keys = publish_collection(collection, now=timezone.now(), progress=lambda *told: None)
    assert set(ContextItem.objects.values_list("key", flat=True)) == set(keys)
    figures = measure(collection, keys, progress=lambda *told: None)
    assert set(figures) == {"hybrid", "dense", "lexical"}
    assert figures["hybrid"]["recall@100"] == 1
    assert 0.9 < figures["hybrid"]["ndcg@10"] <= 1
    assert figures["lexical"]["ms_per_query"] > 0


def test_measure__organisation_and_contract__narrow_together(db, folder):
    lines = [
        {
            "_id": f"{org}/{name}",
            "text": f"Notice is given in writing. {org}",
            "metadata": {"org": org, "contract": n},
        }
        for org in ("A", "B")
        for n, name in enumerate(("x", "y"))
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    asked = [
        {"_id": "org", "text": "notice in writing", "metadata": {"org": "A"}},
        {"_id": "both", "text": "notice in writing", "metadata": {"org": "B", "contract": 1}},
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    (folder / "qrels" / "dev.tsv").write_text("org\tA/x\t1\norg\tA/y\t1\nboth\tB/y\t1\n")
    collection = read_collection(folder)
    assert set(collection.documents) == {"A/x", "A/y", "B/y"}
    keys = publish_collection(collection, now=timezone.now(), progress=lambda *told: None)
    figures = measure(collection, keys, progress=lambda *told: None)
    assert [figures[mode]["ndcg@10"] for mode in figures] == [1, 1, 1]


def test_measure__odd_documents__are_all_published_and_found(db, folder, monkeypatch):
    monkeypatch.setattr("governance.retrieval_quality.LONGEST_BODY", 1_000)
    lines = [
        {"_id": "no title, ünd ödd/../id", "text": "The zebra crosses."},
        {"_id": "no text", "title": "Giraffes"},
        {"_id": "nothing", "title": None, "text": ""},
        {"_id": "nul", "title": "\x00\ud800", "text": "An okapi\x00 hides."},
        {"_id": "long", "title": "t" * 900, "text": "word " * 1_000 + "The aardvark ends it."},
        {"_id": 7, "text": "The zebra crosses.", "metadata": "none"},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    asked = {"zebra": "no title, ünd ödd/../id", "giraffes": "no text", "okapi": "nul", "aardvark": "long"}
    (folder / "queries.jsonl").write_text(
        "\ufeff" + "\n".join(json.dumps({"_id": name, "text": name}) for name in (*asked, "unjudged"))
    )
    qrels = "".join(f"{question}\t0\t{document.strip()}\t1\n" for question, document in asked.items())
    (folder / "qrels" / "dev.tsv").write_text(qrels)
    collection = read_collection(folder)
    assert set(collection.questions) == set(asked)
    keys = publish_collection(collection, now=timezone.now(), progress=lambda *told: None)
    assert set(keys.values()) == {line["_id"] if line["_id"] != 7 else "7" for line in lines}
    assert sum(name == "long" for name in keys.values()) == 6
    figures = measure(collection, keys, progress=lambda *told: None)
    assert figures["lexical"]["recall@10"] >= 0.75


def test_read_collection__several_judgements__takes_the_one_named_or_test_first(folder):
    (folder / "qrels" / "train.tsv").write_text("2\tb\t1\n")
    assert set(read_collection(folder).questions) == {"1", "2"}
    assert read_collection(folder, "train").relevant == {"2": {"b": 1}}
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1.0\n")
    assert set(read_collection(folder).questions) == {"1"}


def test_read_collection__scope_on_questions_alone__is_no_filter(folder):
    bare = [{**line, "metadata": {}} for line in CORPUS]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, bare)))
    assert set(read_collection(folder).documents) == {"a", "b", "c", "d"}


BROKEN = {
    "no judgements": ("qrels/dev.tsv", None, "none"),
    "judgements without tabs": ("qrels/dev.tsv", "query-id\tcorpus-id\tscore\n1 a 1\n", "Line 2"),
    "judgements of nobody": ("qrels/dev.tsv", "9\ta\t1\n", "No question"),
    "nothing relevant": ("qrels/dev.tsv", "1\ta\t0\n", "No question"),
    "half a gain": ("qrels/dev.tsv", "1\ta\t1\n1\tb\t0.5\n", "Line 2"),
    "no documents": ("corpus.jsonl", "\n", "no document"),
    "corpus missing": ("corpus.jsonl", None, "not there"),
    "questions missing": ("queries.jsonl", None, "not there"),
    "not JSON": ("corpus.jsonl", '{"_id": "a"}\n{"_id": ', "Line 2"),
    "no name": ("queries.jsonl", '{"text": "x"}', '"_id"'),
    "a list": ("queries.jsonl", "[1]", '"_id"'),
    "two of one name": ("corpus.jsonl", '{"_id": "a"}\n{"_id": "a"}\n{"_id": "a", "text": "x"}', "Line 3"),
    "not UTF-8": ("corpus.jsonl", b"\xff\xfe", "UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_read_collection__what_cannot_be_read__is_named(folder, case):
    path, content, said = BROKEN[case]
    if content is None:
        (folder / path).unlink()
    else:
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InvalidInput) as refusal:
        read_collection(folder)
    assert said in f"{refusal.value.detail} {refusal.value.fix}"


@pytest.mark.parametrize("split", ["test", ""])
def test_read_collection__judgements_not_clear__says_which_there_are(folder, split):
    (folder / "qrels" / "dev.tsv").rename(folder / "qrels" / "one.tsv")
    (folder / "qrels" / "other.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(InvalidInput) as refusal:
        read_collection(folder, split)
    assert "one, other" in refusal.value.fix


def test_read_collection__no_folder__says_so(tmp_path):
    with pytest.raises(InvalidInput, match="no folder"):
        read_collection(tmp_path / "nowhere")
