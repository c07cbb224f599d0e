"""What is called so is found as it is typed, and only by those who may see it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.catalogue import find_items
from context.models import ContextItem
from context.suggestions import suggest
from governance.edits import EditInput
from tests.cast import creation, publish


@pytest.fixture
def library(cast):
    term = {"definition": "What it costs.", "aliases": ["Price ceiling"], "abbreviation": "PCP"}
    publish(
        cast,
        creation("legal/liability-cap", title="Liability cap", body="Twice the annual fees."),
        creation("legal/cap-table", title="Cap table", body="Who owns us."),
        creation("legal/100-percent", title="100% owned_companies", body="Ours."),
        creation("legal/price-cap", kind="term", title="Tariff", data=term),
        creation("legal/secret-cap", title="Cap of secrets", sensitivity="confidential"),
        creation("legal/gone", title="Cap gone"),
    )
    publish(cast, EditInput(operation="retire", key="legal/gone"))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("liab", "legal/liability-cap"),
        ("LIABILITY CAP", "legal/liability-cap"),
        ("cap t", "legal/cap-table"),
        ("table", "legal/cap-table"),
        ("legal/cap", "legal/cap-table"),
        ("liability-c", "legal/liability-cap"),
        ("libility", "legal/liability-cap"),
        ("price ceil", "legal/price-cap"),
        ("pcp", "legal/price-cap"),
        ("100%", "legal/100-percent"),
        ("owned_", "legal/100-percent"),
    ],
)
def test_suggest__what_an_item_is_called__finds_it_first(library, typed, first):
    assert suggest(principal=SYSTEM, typed=typed)[0].key == first


@pytest.mark.parametrize(
    "typed", ["", " ", "%", "_", "\\", "\x00", "\ud800", "zzzzzz", "'; --", "%(typed)s", "a" * 2_000]
)
def test_suggest__nothing_called_so__is_no_error(library, typed):
    keys = {each.key for each in suggest(principal=SYSTEM, typed=typed)}
    assert keys <= ({"legal/100-percent"} if typed in "%_" and typed.strip() else set())


def test_suggest__hidden_or_retired__is_not_suggested(cast, library):
    keys = [each.key for each in suggest(principal=principal_for(cast.outsider), typed="cap")]
    assert keys[0] == "legal/cap-table"
    assert set(keys) == {"legal/cap-table", "legal/liability-cap"}
    assert "legal/secret-cap" in [each.key for each in suggest(principal=principal_for(cast.author), typed="cap")]


def test_find_items__named_so_stand_before_those_about_it(cast, library):
    publish(
        cast, creation("legal/about", title="Fees", body="The liability cap, the liability cap, the liability cap.")
    )
    found, passages = find_items(principal=SYSTEM, words="liability cap", now=timezone.now())
    keys = dict(ContextItem.objects.values_list("pk", "key"))
    assert keys[found[0]] == "legal/liability-cap"
    assert "legal/about" in [keys[pk] for pk in found]
    assert len(found) == len(set(found))
    assert set(passages) <= set(found)
