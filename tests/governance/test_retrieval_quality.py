"""The measures of search are those of the field, and what is measured is the product's own search."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from context.errors import InvalidInput
from context.models import ContextItem
from governance.retrieval_quality import measure, ndcg, publish_collection, read_collection

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


@pytest.mark.parametrize("split", ["test", ""])
def test_read_collection__judgements_not_clear__says_which_there_are(folder, split):
    (folder / "qrels" / "other.tsv").write_text("query-id\tcorpus-id\tscore\n")
    with pytest.raises(InvalidInput) as refusal:
        read_collection(folder, split)
    assert "dev, other" in refusal.value.fix
