"""Terms bring their definitions and copies stand once, of what the reader may read, and never past the budget."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.access import Principal
from governance.edits import EditInput
from tests.cast import Cast, creation, publish, revision
from tests.context.test_bundles import by_key, put_together, read, reader_of

CLAUSE = (
    "Either party may end this agreement on thirty days' written notice. Notice takes effect when it is received, "
    "and fees that were paid in advance are returned in proportion to the time that is left of the current term."
)


def term(key: str, title: str, definition: str = "What it means here.", **more: Any) -> EditInput:
    data = {"definition": definition, **more.pop("data", {})}
    return creation(key, kind="term", title=title, body=more.pop("body", ""), data=data, **more)


def entries_of(cast: Cast, *keys: str, principal: Principal | None = None, **order: Any) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        # As a commit would, which a test never reaches: what was published gets its epoch.
        cursor.execute("SET CONSTRAINTS becomes_an_epoch IMMEDIATE; SET CONSTRAINTS becomes_an_epoch DEFERRED")
    told = read(put_together(cast, *map(by_key, keys), principal=principal, **order))
    return [(entry["key"], entry["why"]) for entry in told["entries"]]


@pytest.mark.parametrize(
    ("used", "named"),
    [
        ("The risk appetite is low.", {"title": "Risk appetite"}),
        ("Our RISK\nAPPETITES are low.", {"title": "Risk appetite"}),
        ("See the NDA.", {"title": "Confidentiality agreement", "data": {"abbreviation": "NDA"}}),
        ("A floating policy ends.", {"title": "Open cover", "data": {"deprecated_aliases": ["Floating policy"]}}),
        ("A standing cover ends.", {"title": "Open cover", "data": {"aliases": ["standing cover"]}}),
    ],
)
def test_definitions__text_names_a_term__its_definition_comes_last(
    cast: Cast, used: str, named: dict[str, Any]
) -> None:
    publish(cast, creation("legal/a", body=used), creation("legal/b", body="Another."), term("legal/term", **named))
    assert entries_of(cast, "legal/a", query="another", most_matches=1) == [
        ("legal/a", "required"),
        ("legal/b", "match"),
        ("legal/term", "definition"),
    ]


@pytest.mark.parametrize(
    ("used", "title"),
    [("Report it at once.", "IT"), ("The capacity.", "Cap"), ("A cap on liability.", "Liability cap"), ("a b", "A")],
)
def test_definitions__other_words__bring_nothing(cast: Cast, used: str, title: str) -> None:
    publish(cast, creation("legal/a", body=used), term("legal/term", title))
    assert entries_of(cast, "legal/a") == [("legal/a", "required")]


def test_definitions__longer_name__is_meant_alone(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/a", body="The liability cap is one year."),
        term("legal/cap", "Liability cap"),
        term("legal/liability", "Liability"),
    )
    assert entries_of(cast, "legal/a") == [("legal/a", "required"), ("legal/cap", "definition")]


def test_definitions__term_there_already__comes_once(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="The appetite."), term("legal/appetite", "Appetite", "An appetite."))
    assert entries_of(cast, "legal/a", "legal/appetite") == [("legal/a", "required"), ("legal/appetite", "required")]


@pytest.mark.parametrize(
    "hidden", [{"sensitivity": "confidential"}, {"audiences": ["counsel"]}, {"key": "sales/appetite"}]
)
def test_definitions__hidden_term__leaves_no_trace(cast: Cast, hidden: dict[str, Any]) -> None:
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    publish(cast, creation("legal/a", body="The appetite is low."))
    without = put_together(cast, by_key("legal/a"), query="appetite", most_matches=4)
    key = hidden.pop("key", "legal/appetite")
    publish(cast, term(key, "Appetite", **hidden))
    assert put_together(cast, by_key("legal/a"), query="appetite", most_matches=4).answer == without.answer
    everywhere = reader_of(cast, clearance=3, domains=None, groups=frozenset({cast.counsel.pk}))
    assert (key, "definition") in entries_of(cast, "legal/a", principal=everywhere)


def test_definitions__term_not_in_force__does_not_come(cast: Cast) -> None:
    now = timezone.now()
    publish(
        cast,
        creation("legal/a", body="Planned and withdrawn and revised."),
        term("legal/planned", "Planned", valid_from=(now + timedelta(days=2)).isoformat()),
        term("legal/withdrawn", "Withdrawn"),
        term("legal/revised", "Revised", "As it was."),
    )
    publish(cast, EditInput(operation="retire", key="legal/withdrawn"))
    assert entries_of(cast, "legal/a") == [("legal/a", "required"), ("legal/revised", "definition")]
    publish(cast, revision("legal/revised", title="Renamed", data={"definition": "As it is."}))
    assert entries_of(cast, "legal/a") == [("legal/a", "required")]


def test_definitions__published_since_the_last_request__come_with_the_next(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="The appetite is low."))
    assert entries_of(cast, "legal/a") == [("legal/a", "required")]
    publish(cast, term("legal/appetite", "Appetite"))
    assert ("legal/appetite", "definition") in entries_of(cast, "legal/a")


def test_definitions__of_the_past__are_those_of_then(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="The appetite is low."), term("legal/appetite", "Appetite", "As it was."))
    then = timezone.now()
    publish(cast, revision("legal/appetite", data={"definition": "As it is."}))
    for as_of, said in ((None, "As it is."), (then, "As it was.")):
        told = read(put_together(cast, by_key("legal/a"), as_of=as_of))
        assert told["entries"][1]["data"]["definition"] == said


def test_definitions__past_the_budget__stand_in_the_manifest_with_their_cost(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="The appetite is low."), term("legal/appetite", "Appetite", "Long. " * 40))
    told = read(put_together(cast, by_key("legal/a"), token_budget=30))
    (left,) = told["manifest"]["left_out"]
    assert (left["key"], left["why"]) == ("legal/appetite", "over_budget")
    assert left["tokens"] > 30
    assert read(put_together(cast, by_key("legal/a"), most_definitions=0))["manifest"]["left_out"] == []


def test_matches__copies__stand_once_and_the_next_takes_their_place(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/a", title="Notice", body=CLAUSE),
        creation("legal/b", title="Notice", body=f"{CLAUSE} "),
        creation("legal/c", title="Fees", body="Fees are due on receipt of an invoice, not on notice."),
    )
    told = read(put_together(cast, query="written notice fees", most_matches=2))
    assert {entry["key"] for entry in told["entries"]} == {"legal/a", "legal/c"}
    (left,) = told["manifest"]["left_out"]
    assert (left["key"], left["why"], left["instead"]) == ("legal/b", "near_duplicate", "legal/a")
    assert left["tokens"] > 0


def test_matches__copy_of_a_required_text__is_left_out_for_it(cast: Cast) -> None:
    publish(cast, creation("legal/a", body=CLAUSE), creation("legal/b", body=CLAUSE))
    told = read(put_together(cast, by_key("legal/a"), query="notice", most_matches=4))
    assert [entry["key"] for entry in told["entries"]] == ["legal/a"]
    assert told["manifest"]["left_out"][0]["instead"] == "legal/a"


def test_matches__required_copies__are_both_there(cast: Cast) -> None:
    publish(cast, creation("legal/a", body=CLAUSE), creation("legal/b", body=CLAUSE))
    assert entries_of(cast, "legal/a", "legal/b") == [("legal/a", "required"), ("legal/b", "required")]


def test_matches__hidden_original__does_not_hide_its_copy(cast: Cast) -> None:
    publish(cast, creation("legal/b", body=CLAUSE))
    without = put_together(cast, query="notice", most_matches=4)
    publish(cast, creation("legal/a", body=CLAUSE, sensitivity="confidential"))
    assert put_together(cast, query="notice", most_matches=4).answer == without.answer


def test_matches__neighbouring_passages__are_one_entry(cast: Cast) -> None:
    section = "## Notice {0}\n\n" + "Notice number {0} is given in writing before the term ends. " * 12
    publish(cast, creation("legal/a", body="\n\n".join(section.format(number) for number in range(3))))
    (entry,) = read(put_together(cast, query="notice in writing", most_matches=4))["entries"]
    places = [entry["text"].find(f"Notice number {number}") for number in range(3)]
    assert sorted(places) == places
    assert places[0] >= 0
    assert "[…]" not in entry["text"]


@given(
    budget=st.integers(10, 400),
    most_matches=st.integers(0, 4),
    form=st.sampled_from(["json", "markdown"]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_assemble__definitions_and_copies__keep_to_the_budget_and_account_for_all(
    cast: Cast, library: None, budget: int, most_matches: int, form: str
) -> None:
    order: dict[str, Any] = {
        "query": "notice of the term",
        "most_matches": most_matches,
        "token_budget": budget + (130 if form == "markdown" else 0),
        "form": form,
    }
    told = read(put_together(cast, by_key("legal/a"), **order))
    manifest = told["manifest"]
    entries = [entry["key"] for entry in told["entries"]]
    left = [each["key"] for each in manifest["left_out"]]
    assert manifest["total"] <= manifest["budget"]
    if form == "json":
        assert manifest["total"] == sum(each["tokens"] for each in manifest["entries"])
    assert entries[0] == "legal/a"
    assert len(set(entries)) == len(entries)
    assert not set(entries) & set(left)
    assert [entry["why"] for entry in told["entries"]] == sorted(
        (entry["why"] for entry in told["entries"]), key=["required", "match", "definition"].index
    )
    for each in manifest["left_out"]:
        assert each["tokens"] > 0
        assert each["why"] in ("over_budget", "near_duplicate")
        assert ("instead" in each) == (each["why"] == "near_duplicate")
        assert each.get("instead", entries[0]) in entries


@pytest.fixture
def library(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/a", body="A notice of the term."),
        *(creation(f"legal/copy-{number}", body=CLAUSE) for number in range(3)),
        term("legal/notice", "Notice", "What one side tells the other in writing. " * 6),
        term("legal/term", "Term", "How long an agreement lasts."),
        term("legal/party", "Party", "Whoever signs."),
    )
