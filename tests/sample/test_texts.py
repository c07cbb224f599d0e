"""The files of the sample: enough texts, of every kind, valid, long enough, with histories that differ."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from context import kinds
from governance.sample.history import WRITTEN_AT, moved_by
from governance.sample.reading import Sample, SampleBroken, replaced

SCHEMAS = {entry["slug"]: entry["schema"] for entry in kinds.built_in_kinds()}


def test_texts__there_are_at_least_eighty_of_all_nine_kinds_and_four_sensitivities(sample: Sample) -> None:
    found = Counter(text.latest["kind"] for text in sample.texts.values())
    assert len(sample.texts) >= 80
    assert set(found) == set(SCHEMAS)
    assert min(found.values()) >= 5
    words = {text.latest.get("sensitivity", "internal") for text in sample.texts.values()}
    assert words == {"public", "internal", "confidential", "restricted"}


def test_texts__every_version_fits_its_kind(sample: Sample) -> None:
    for text in [*sample.texts.values(), *sample.proposed.values()]:
        for slug, payload in text.versions:
            where = f"{text.key} by {slug}"
            assert kinds.violations(payload["data"], SCHEMAS[payload["kind"]]) == [], where
            assert kinds.violations(payload["claims"], kinds.claims_schema(), root="claims") == [], where


def test_texts__every_body_has_eighty_to_five_hundred_words(sample: Sample) -> None:
    lengths = {text.key: len(text.latest["body"].split()) for text in sample.texts.values()}
    assert {key: count for key, count in lengths.items() if not 80 <= count <= 500} == {}


def test_texts__at_least_twenty_five_have_versions_and_each_version_reads_differently(sample: Sample) -> None:
    with_history = [text for text in sample.texts.values() if len(text.versions) > 1]
    assert len(with_history) >= 25
    assert any(len(text.versions) >= 3 for text in with_history)
    for text in with_history:
        bodies = [payload["body"] for _, payload in text.versions]
        assert len(set(bodies)) == len(bodies), text.key


def test_texts__relations_lead_to_texts(sample: Sample) -> None:
    for text in [*sample.texts.values(), *sample.proposed.values()]:
        for relation in text.relations:
            assert relation["key"] in sample.texts, text.key
            assert relation["key"] != text.key


def test_changes__every_published_change_does_something_and_says_why(sample: Sample) -> None:
    used = {slug for text in sample.texts.values() for slug, _ in text.versions}
    used |= {text.retired_by for text in sample.texts.values() if text.retired_by}
    for entry in sample.published:
        assert entry["slug"] in used or entry.get("cross_references"), entry["slug"]
        assert len(entry["reason"]) > 30
        approvers = [said if isinstance(said, str) else said["by"] for said in entry["approved_by"]]
        assert entry["author"] not in approvers


def test_replaced__text_that_is_not_there_once__is_refused(sample: Sample) -> None:
    payload = sample.texts["legal/clause-payment"].latest
    with pytest.raises(SampleBroken, match="0 times"):
        replaced(payload, {"text": [["no such words", ""]]}, name="x")
    with pytest.raises(SampleBroken, match="times"):
        replaced(payload, {"text": [["the", "a"]]}, name="x")


@pytest.mark.parametrize(("days", "weeks"), [(0, 0), (6, 0), (7, 1), (200, 28)])
def test_history__loaded_later__moves_by_whole_weeks(days: int, weeks: int) -> None:
    assert moved_by(WRITTEN_AT + timedelta(days=days, hours=12)) == timedelta(weeks=weeks)


def test_history__loaded_on_the_day_it_was_written_for__does_not_move() -> None:
    assert moved_by(datetime(2026, 11, 20, 23, 59, tzinfo=UTC)) == timedelta(0)
