"""Texts that stand twice and texts of which only one was edited; and the search for near vectors among many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from context.embeddings import embed_pending
from governance.drift.duplicates_likeness import likeness, paragraphs_of, why_other, words_of
from governance.drift.duplicates_passages import read_vectors
from governance.drift.duplicates_search import near_pairs, near_rows, nearest_of
from governance.models import Finding
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan

CLAUSE = (
    "The supplier keeps records of every delivery for {years} years after the end of the agreement, lets our auditors "
    "see them within five working days of a request, and mends at its own cost what they find to be wrong."
)


@pytest.fixture(autouse=True)
def _only_duplicates(settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"duplicate": "governance.drift.duplicates.DETECTOR"}


def scanned() -> list[Finding]:
    embed_pending(1_000)
    scan(now=timezone.now())
    return list(Finding.objects.filter(state="open"))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def planted(count: int, kin: int, *, seed: int = 3) -> np.ndarray:
    """Random unit vectors, of which the first `kin` are near (cosine about .98) to the `kin` that follow."""
    chance = np.random.default_rng(seed)
    rows = chance.standard_normal((count, 384))
    rows[:kin] = rows[kin : 2 * kin] + 0.2 * chance.standard_normal((kin, 384))
    return unit(rows)


def test_search__few_vectors__is_exact() -> None:
    vectors = planted(400, 40)
    found = near_pairs(vectors, least=0.9)
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(n, n + 40) for n in range(40)]
    assert np.allclose(found.cosine, np.sum(vectors[:40] * vectors[40:80], axis=1), atol=1e-5)


def test_search__many_vectors__finds_what_the_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = planted(3_000, 300)
    exact = near_pairs(vectors, least=0.9)
    monkeypatch.setattr("governance.drift.duplicates_search.EXACT_BELOW", 10)
    hashed = near_pairs(vectors, least=0.9)
    wanted = set(zip(exact.first.tolist(), exact.second.tolist(), strict=True))
    found = set(zip(hashed.first.tolist(), hashed.second.tolist(), strict=True))
    assert found <= wanted
    assert len(found) >= 0.99 * len(wanted)
    again = near_pairs(vectors, least=0.9)
    assert np.array_equal(hashed.first, again.first)


def test_search__all_the_same_or_none__ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.drift.duplicates_search.EXACT_BELOW", 10)
    same = unit(np.ones((600, 384)))
    found = near_pairs(same, least=0.95)
    assert len(found.first) > 600
    assert len(nearest_of(found, most=2).first) < len(found.first)
    assert len(near_pairs(np.empty((0, 384), dtype=np.float32), least=0.9).first) == 0


def test_search__some_against_all__is_exact() -> None:
    vectors = planted(500, 50)
    found = near_rows(vectors[:5], vectors, least=0.9)
    pairs = set(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert pairs == {(n, n) for n in range(5)} | {(n, n + 50) for n in range(5)}


def test_likeness__words__are_compared_in_order() -> None:
    one = words_of("Keep the records for six years.")
    assert likeness(one, words_of("keep THE records, for six years"), least=0.9) == 1.0
    assert 0.8 < likeness(one, words_of("Keep the records for two years."), least=0.5) < 1.0
    assert likeness(one, words_of("Nothing of it."), least=0.5) == 0.0
    assert [text.start for text in paragraphs_of("a b c\n\nd\n\ne f g", fewest_words=3)] == [0, 10]


def test_why_other__wording_is_no_reason_and_a_figure_is() -> None:
    assert why_other("Records are kept for six years.", "Records are kept for ten years.")
    assert why_other("Records are kept for six years.", "Records are kept  for six years") == ""


def test_vectors__of_passages_in_force__are_read_as_they_were_written(cast: Cast) -> None:
    [item] = publish(cast, creation("legal/audit", body=CLAUSE.format(years=6)))
    embed_pending(100)
    held = read_vectors(at=timezone.now())
    assert set(held.item_ids.tolist()) == {item.pk}
    stored = item.passages.order_by("pk").values_list("embedding", flat=True)
    assert np.allclose(held.vectors, unit(np.array([np.array(list(each)) for each in stored])), atol=1e-3)
    assert len(read_vectors(at=timezone.now(), item_ids=[item.pk + 1]).ids) == 0


def test_scan__same_passage_in_two_items__is_one_finding(cast: Cast) -> None:
    clause = CLAUSE.format(years=6)
    publish(
        cast,
        creation("legal/audit", body=f"# Audit\n\n{clause}"),
        creation("sales/supply", body=f"# Supply\n\n{clause}"),
        creation("sales/other", body="Brokers report claims by letter, and we answer within a week of their arrival."),
    )

    [finding] = scanned()

    assert finding.summary == "“Audit” and “Supply” say the same in the same words."
    assert {passage["key"] for passage in finding.evidence["passages"]} == {"legal/audit", "sales/supply"}
    assert len(scanned()) == 1


def test_scan__short_standing_phrase__is_none(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="Ask Legal first."), creation("sales/b", body="Ask Legal first."))
    assert scanned() == []


def test_scan__later_edit_reaches_one_alone__says_which_version_and_offers_the_other_text(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/audit", body=CLAUSE.format(years=6)),
        creation("sales/supply", body=CLAUSE.format(years=6)),
    )
    [same] = scanned()
    assert same.evidence["figures"]["passages"] == 1
    publish(cast, revision("legal/audit", body=CLAUSE.format(years=10)))

    [finding] = scanned()

    same.refresh_from_db()
    assert same.state == "resolved"
    assert finding.subject_id == "sales/supply"
    assert "until version 2 of “Audit”" in finding.evidence["sentence"]
    assert finding.proposal["replacements"] == [[CLAUSE.format(years=6), CLAUSE.format(years=10)]]
    publish(cast, revision("sales/supply", body=CLAUSE.format(years=10)))
    [finding] = scanned()
    assert finding.summary == "“Audit” and “Supply” say the same in the same words."


def test_scan__differs_since_ever_or_in_wording_alone__is_no_divergence(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/audit", body=CLAUSE.format(years=6)),
        creation("sales/supply", body=CLAUSE.format(years=10)),
    )
    summaries = [finding.summary for finding in scanned()]
    assert not any("still says" in summary for summary in summaries)
