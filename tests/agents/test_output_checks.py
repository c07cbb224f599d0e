"""Output checks: each finds what it is for, names the place and the text, and leaves alone what is right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agents.output_checks.judging import run_checks
from agents.output_checks.model import Known, at, output_of


def text(key: str, body: str = "", *, title: str = "", **data: Any) -> Any:
    """A version as the checks read one."""
    item = SimpleNamespace(key=key)
    return SimpleNamespace(item=item, number=1, title=title or key, body=body, data=data)


APPETITE = text(
    "legal/liability",
    limits=[
        {"measure": "liability cap", "comparator": "at_most", "quantity": 250_000, "unit": "EUR"},
        {"measure": "payment term", "comparator": "at_most", "quantity": 60, "unit": "days"},
    ],
)


def found(check: dict[str, Any], output: Any, task: Any = None, **known: Any) -> list[tuple[str, str]]:
    failings = run_checks([check], output_of(output, task=task), Known(**known))
    return [(failing.place, failing.detail) for failing in failings]


def test_forbidden_terms__whole_words_in_any_case__are_found_with_their_place() -> None:
    check = {"type": "forbidden_terms", "terms": ["best efforts", "Guarantee"]}
    output = {"notes": ["We use BEST  efforts.", "guaranteed is another word"], "a/b": "We guarantee it."}
    assert [place for place, _ in found(check, output)] == ["/notes/0", "/a~1b"]


def test_deprecated_terms__alias_that_a_term_deprecates__names_the_word_to_use() -> None:
    term = text("sales/storecare", title="StoreCare", deprecated_aliases=["StoreSafe"], aliases=["SC"])
    check = {"type": "deprecated_terms"}
    assert found(check, {"a": "The StoreSafe add-on"}, terms=[term]) == [
        ("/a", "“StoreSafe” is deprecated: the term is “StoreCare”.")
    ]
    assert found(check, {"a": "StoreCare, or SC"}, terms=[term]) == []
    assert found({**check, "domain": "legal"}, {"a": "The StoreSafe add-on"}, terms=[term]) == []


def test_required_clauses__word_for_word_but_for_spaces_quotes_and_case__pass() -> None:
    check = {"type": "required_clauses", "clauses": [{"text": "The seller's liability is capped."}]}
    assert found(check, {"draft": "1. the seller’s  liability\nis capped."}) == []
    assert [detail for _, detail in found(check, {"draft": "The seller's liability is not capped."})]


def test_required_clauses__clause_that_the_agent_may_not_read__is_left_to_a_person() -> None:
    check = {"type": "required_clauses", "clauses": [{"key": "legal/cap"}], "if_failed": "reject"}
    failing = run_checks([check], output_of("x"), Known())
    assert [each.if_failed for each in failing] == ["review"]
    given = Known(in_force={"legal/cap": text("legal/cap", "**Liability** is capped.")})
    assert run_checks([check], output_of("…Liability is capped."), given) == []
    assert [each.if_failed for each in run_checks([check], output_of("Nothing."), given)] == ["reject"]


@pytest.mark.parametrize(
    ("output", "beyond"),
    [
        ({"summary": "A liability cap of EUR 400,000 is accepted."}, 1),
        ({"summary": "A liability cap of EUR 250,000 is accepted."}, 0),
        ({"summary": "The payment term is 3 months."}, 1),
        ({"summary": "The payment term is 8 weeks."}, 0),
        ({"summary": "The premium is EUR 400,000."}, 0),
        ({"liability_cap": 400_000}, 1),
        ({"liability_cap": 200_000}, 0),
        ({"liability_cap": True}, 0),
    ],
)
def test_numeric_limits__figures_in_sentences_and_fields__are_held_to_the_appetite(output: Any, beyond: int) -> None:
    check = {"type": "numeric_limits", "appetite": "legal/liability"}
    assert len(found(check, output, in_force={"legal/liability": APPETITE})) == beyond


def test_numeric_limits__appetite_not_available__is_left_to_a_person() -> None:
    check = {"type": "numeric_limits", "appetite": "legal/liability"}
    assert [each.if_failed for each in run_checks([check], output_of({}), Known())] == ["review"]


def test_numeric_limits__place_with_nothing_there__fails() -> None:
    check = {"type": "numeric_limits", "appetite": "legal/liability", "place": "/cap"}
    assert found(check, {"other": 1}, in_force={"legal/liability": APPETITE}) == [
        ("/cap", "There is nothing at this place.")
    ]


def test_citations__given_text_cited_and_figures_borne_out__pass() -> None:
    check = {"type": "citations_required", "of": "required"}
    known = {"given": [text("legal/cap", "We accept at most 60 days.")], "required": frozenset({"legal/cap"})}
    assert found(check, {"a": "Within 60 days [legal/cap@1]."}, **known) == []
    assert found(check, {"a": "Within 90 days [legal/cap@1]."}, **known) == [
        ("/a", "No text that was given bears out “90 days”.")
    ]
    assert found(check, {"a": "Within 90 days [legal/cap]."}, task={"term": "90 days"}, **known) == []


def test_citations__none_or_of_a_text_that_was_not_given__fail() -> None:
    check = {"type": "citations_required"}
    known = {"given": [text("legal/cap", "Cap.")]}
    assert found(check, {"a": "As we say."}, **known) == [
        ("", "The output cites no given text; it must cite at least 1.")
    ]
    assert ("/a", "legal/other is cited, but was not given.") in found(check, {"a": "legal/cap legal/other"}, **known)


def test_contradiction__output_against_a_given_text__is_shown_with_the_reason() -> None:
    check = {"type": "no_contradiction"}
    given = [text("legal/terms", "Invoices must be paid within 30 days of receipt.")]
    (place, detail), *more = found(check, {"a": "Invoices must be paid within 90 days of receipt."}, given=given)
    assert (place, more) == ("/a", [])
    assert "legal/terms (version 1)" in detail
    assert found(check, {"a": "Invoices must be paid within 30 days of receipt."}, given=given) == []


def test_checks__warned_of_only__say_so() -> None:
    check = {"type": "forbidden_terms", "terms": ["synergy"], "if_failed": "warn"}
    assert [each.if_failed for each in run_checks([check], output_of("synergy"), Known())] == ["warn"]


def test_checks__huge_output__ends_with_a_bounded_list() -> None:
    check = {"type": "forbidden_terms", "terms": ["x"]}
    assert len(run_checks([check], output_of(["x"] * 5_000), Known())) == 100


def test_pointer__escaped_and_absent_places__are_told_apart() -> None:
    assert at({"a/b": {"~": [0, None]}}, "/a~1b/~0/1") == (True, None)
    assert at({"a": []}, "/a/0") == (False, None)


def test_human_review__every_nth__is_the_same_for_the_same_run_and_about_one_in_n() -> None:
    check = {"type": "human_review", "every": 4}
    chosen = [bool(run_checks([check], output_of(1), Known(run=str(run)))) for run in range(400)]
    assert chosen == [bool(run_checks([check], output_of(1), Known(run=str(run)))) for run in range(400)]
    assert 70 <= sum(chosen) <= 130


@pytest.mark.parametrize(("output", "asked"), [({"harm": 7}, 1), ({"harm": 6}, 0), ({"harm": "high"}, 1), ({}, 1)])
def test_human_review__chance_of_harm__asks_from_the_figure_on_and_where_none_is_told(output: Any, asked: int) -> None:
    check = {"type": "human_review", "place": "/harm", "at_least": 7, "if_failed": "reject"}
    found = run_checks([check], output_of(output), Known(run="x"))
    assert [failing.if_failed for failing in found] == ["review"] * asked
