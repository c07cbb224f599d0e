"""Search over HTTP: permitted passages, filters by name, and refusals that name the parameter."""

from __future__ import annotations

import json

import pytest

from context.search import MOST_HITS
from tests.api.conftest import Callers, assert_problem
from tests.cast import Cast, creation, publish

SEARCH = "/api/v1/context/search/"


def test_search__words_of_a_text__its_passage_and_only_for_who_may_see_it(cast: Cast, callers: Callers) -> None:
    publish(
        cast,
        creation("legal/liability", body="The liability cap is twice the annual fee."),
        creation("legal/settlements", body="The liability of past settlements.", sensitivity="confidential"),
        creation("sales/discounts", body="A discount lowers the price."),
    )

    def keys(query: str, caller: str = "author") -> set[str]:
        response = getattr(callers, caller).get(f"{SEARCH}?{query}")
        assert response.status_code == 200, response.content
        return {hit["key"] for hit in json.loads(response.content)["results"]}

    assert {"legal/liability", "legal/settlements"} <= keys("q=liability")
    assert "legal/settlements" not in keys("q=liability", "outsider")
    assert keys("q=liability&domain=sales&domain=finance") <= {"sales/discounts"}
    assert keys("q=liability&kind=term") == set()
    hit = json.loads(callers.author.get(f"{SEARCH}?q=liability+cap&k=1").content)["results"][0]
    assert (hit["key"], hit["version"], hit["sensitivity"]) == ("legal/liability", 1, "internal")
    assert "twice the annual fee" in hit["text"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=%20", "q"),
        ("q=%00", "q"),
        ("q=" + "a" * 2001, "q"),
        ("q=a&k=0", "k"),
        (f"q=a&k={MOST_HITS + 1}", "k"),
        ("q=a&k=x", "k"),
        ("q=a&kind=nonsense", "kind"),
        ("q=a&domain=nowhere", "domain"),
        ("q=a&q=b", "q"),
        ("q=a&limit=5", "limit"),
    ],
)
def test_search__parameter_that_makes_no_sense__is_named(cast: Cast, callers: Callers, query: str, field: str) -> None:
    assert assert_problem(callers.author.get(f"{SEARCH}?{query}"), 400)["field"] == field
