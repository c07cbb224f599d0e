"""Passages are of a useful size, lose no word, and keep what belongs together."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.passages import MOST_TOKENS, PATH_SEPARATOR, TARGET_TOKENS, split

PARAGRAPH = "The carrier is liable for the loss of goods in its charge, up to the limit that the contract names. " * 4


def test_split__headings__each_passage_says_where_it_stands():
    headings = ["# Leave", "## Carry-over", "### Deadline", "## Sickness"]
    body = "\n\n".join(f"{heading}\n\n{PARAGRAPH}" for heading in headings)
    passages = split(title="Leave", body=body)
    assert [passage.heading_path for passage in passages] == [
        "Leave",
        "Leave › Carry-over",
        "Leave › Carry-over › Deadline",
        "Leave › Sickness",
    ]
    assert [passage.anchor for passage in passages] == ["s-leave", "s-carry-over", "s-deadline", "s-sickness"]
    assert [passage.ordinal for passage in passages] == [0, 1, 2, 3]
    assert passages[0].text == PARAGRAPH.strip()


def test_split__long_section__is_cut_between_paragraphs():
    paragraphs = [f"Paragraph {number}. {PARAGRAPH}".strip() for number in range(12)]
    passages = split(title="T", body="\n\n".join(paragraphs))
    assert len(passages) > 3
    for passage in passages:
        assert passage.token_count <= TARGET_TOKENS + 10
        assert all(part in paragraphs for part in passage.text.split("\n\n"))


def test_split__one_endless_paragraph__is_cut_between_sentences():
    passages = split(title="T", body="This is a sentence of the endless paragraph. " * 300)
    assert all(passage.text.endswith(".") for passage in passages)
    assert all(passage.token_count <= MOST_TOKENS for passage in passages)


@pytest.mark.parametrize(
    "whole",
    [
        "| a | b |\n|---|---|\n" + "\n".join(f"| {number} | some words in a row |" for number in range(40)),
        "```python\n" + "\n\n".join(f"value_{number} = compute({number})" for number in range(50)) + "\n```",
    ],
    ids=["table", "code"],
)
def test_split__table_or_code_of_bearable_size__is_kept_whole(whole):
    passages = split(title="T", body=f"{PARAGRAPH}\n\n{whole}\n\n{PARAGRAPH}")
    assert any(whole in passage.text for passage in passages)


def test_split__endless_table__each_part_has_its_head():
    rows = "\n".join(f"| {number} | some words in a row |" for number in range(2_000))
    passages = split(title="T", body=f"| a | b |\n|---|---|\n{rows}")
    assert len(passages) > 50
    assert all(passage.text.startswith("| a | b |\n|---|---|\n| ") for passage in passages)
    assert sum(passage.text.count("some words") for passage in passages) == 2_000


def test_split__endless_code__each_part_is_code():
    lines = "\n".join(f"value_{number} = {number}" for number in range(3_000))
    passages = split(title="T", body=f"~~~~text\n{lines}\n~~~~")
    assert all(passage.text.startswith("~~~~text\n") and passage.text.endswith("\n~~~~") for passage in passages)


def test_split__tiny_sections__are_joined_with_their_headings():
    passages = split(title="T", body="## Phone\n\n555 1234\n\n## Fax\n\nNone.\n\n## Mail\n\nhelp@example.org")
    assert len(passages) == 1
    assert passages[0].heading_path == "T"
    assert passages[0].text == "## Phone\n\n555 1234\n\n## Fax\n\nNone.\n\n## Mail\n\nhelp@example.org"


def test_split__tiny_section_far_from_the_next__stays_where_it_is():
    passages = split(title="T", body=f"## A\n\n### Note\n\nShort.\n\n## B\n\n### Other\n\n{PARAGRAPH}")
    assert [passage.heading_path for passage in passages] == ["T › A › Note", "T › B › Other"]


def test_split__structured_data__is_a_passage_that_reads():
    schema = {"properties": {"level": {"title": "Appetite"}, "limits": {"items": {"properties": {}}}}}
    data = {
        "limits": [{"quantity": 5000000, "unit": "EUR", "scope": "per contract"}],
        "level": "cautious",
        "aliases": ["cap", "ceiling"],
        "empty": [],
        "nested": {"deep": {"binding": True}},
    }
    (facts, text) = split(title="Liability", body=PARAGRAPH, data=data, schema=schema)
    assert facts.anchor == "facts"
    assert facts.text.splitlines() == [
        "- Appetite: cautious",
        "- Limits 1: Quantity: 5000000; Scope: per contract; Unit: EUR",
        "- Aliases: cap; ceiling",
        "- Nested:",
        "  - Deep:",
        "    - Binding: yes",
    ]
    assert text.text == PARAGRAPH.strip()


@pytest.mark.parametrize("body", ["", "  \n\n\t\n", "\n" * 1000])
def test_split__nothing_but_a_title__is_found_by_its_title(body):
    (passage,) = split(title="Travel guide", body=body)
    assert (passage.heading_path, passage.text, passage.anchor) == ("Travel guide", "Travel guide", "")


def test_split__endless_headings__fit_their_columns():
    (passage, *_) = split(title="t" * 300, body="\n".join(f"{'#' * level} {'h' * 500}" for level in range(1, 7)))
    assert len(passage.heading_path) <= 600
    assert all(len(passage.anchor) <= 200 for passage in split(title="T", body="# " + "h" * 5_000 + "\n\ntext"))
    assert "h" * 500 in split(title="T", body="# " + "h" * 500 + "\n\ntext")[0].text


@pytest.mark.parametrize(
    "body",
    [
        "x" * 1_000_000,
        "word " * 200_000,
        "# a\n" * 100_000,
        "a\n\n" * 100_000,
        ">" * 100_000,
        "|a|b|\n|-|-|\n" + "|x|y|\n" * 50_000,
        "[a]: b\n" * 40_000,
        "\x00\ud800" * 1000,
        "- item\n" * 100_000,
    ],
    ids=lambda body: f"{body[:6]!r}-{len(body)}",
)
def test_split__pathological_text__stays_small_and_quick(body):
    started = time.process_time()
    passages = split(title="T", body=body)
    assert time.process_time() - started < 8
    for passage in passages:
        assert passage.text.strip()
        assert "\x00" not in passage.text
        passage.text.encode("utf-8")
        assert len(passage.text) < 20_000  # far below what PostgreSQL can index


BLOCKS = st.sampled_from(
    [
        *("# Top", "## Second", "### Third", "###### Sixth", "Setext\n---", "A short line.", PARAGRAPH, "---"),
        *("- item one\n- item two", "1. first\n2. second", "> quoted words", "```\ncode here\n```", "<div>html</div>"),
        *("| a | b |\n|---|---|\n| cell | other |", "[reference]: https://example.org", "[^note]: footnote words"),
        "    indented code",
    ]
)


@given(st.lists(BLOCKS, max_size=25))
@settings(max_examples=200, deadline=None)
def test_split__any_document__loses_no_word_and_is_repeatable(blocks):
    body = "\n\n".join(f"{block} w{number}w" if "\n" not in block else block for number, block in enumerate(blocks))
    passages = split(title="Title", body=body)
    assert passages == split(title="Title", body=body)
    assert [passage.ordinal for passage in passages] == list(range(len(passages)))
    found = set(re.findall(r"\w+", " ".join(f"{passage.heading_path} {passage.text}" for passage in passages)))
    assert set(re.findall(r"\w+", body)) <= found
    assert all(passage.heading_path.split(PATH_SEPARATOR)[0] == "Title" for passage in passages)


def test_split__real_handbook__sizes_suit_the_model(shared_data):
    sizes = []
    for path in (shared_data / "handbooks").rglob("*.md"):
        passages = split(title=path.stem, body=path.read_text())
        sizes += [passage.token_count for passage in passages]
        assert all(first.ordinal < second.ordinal for first, second in pairwise(passages))
    assert len(sizes) > 3_000
    assert sum(size <= TARGET_TOKENS + 40 for size in sizes) > 0.96 * len(sizes)
    assert sum(size < 30 for size in sizes) < 0.1 * len(sizes)
