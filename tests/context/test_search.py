"""Search finds by meaning and by words, only what is in force and permitted, whatever it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context import search_statement
from context.access import SYSTEM, principal_for
from context.errors import InvalidInput
from context.lexemes import refresh_counts
from context.models import LexemeCount, Passage
from context.search import MOST_HITS, search, search_items
from governance.edits import EditInput
from tests.cast import creation, publish, revision


@pytest.fixture
def library(cast):
    """Eight texts: public, of Sales, confidential, for counsel only, expired, not yet true, retired, revised."""
    now = timezone.now()
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    items = publish(
        cast,
        creation("legal/liability", body="Our liability is capped at twice the annual fees.", sensitivity="public"),
        creation("sales/discounts", body="A discount above ten percent needs the approval of the head of sales."),
        creation("legal/settlements", body="The settlement authority is 50,000 euros.", sensitivity="confidential"),
        creation("legal/privileged", body="Privileged advice on the settlement of claims.", audiences=["counsel"]),
        creation("legal/old", body="The settlement form of old.", valid_to=(now + timedelta(days=1)).isoformat()),
        creation("legal/planned", body="The planned settlement.", valid_from=(now + timedelta(days=9)).isoformat()),
        creation("legal/withdrawn", body="A settlement nobody makes any more."),
        creation("legal/revised", body="Settlement in the first version: zebra."),
    )
    publish(
        cast,
        EditInput(operation="retire", key="legal/withdrawn"),
        revision("legal/revised", body="Settlement in the second version: giraffe."),
    )
    for person in (cast.author, cast.reviewer):
        person.groups.remove(cast.counsel)
    refresh_counts(now=now)
    return {item.key: item for item in items}


def found(principal, query, **more):
    more = {"at": timezone.now(), "limit": 20, **more}
    return [hit.key for hit in search(principal=principal, query=query, **more).hits]


def test_search__words_of_a_text__finds_it_first(cast, library):
    answer = search(principal=principal_for(cast.author), query="liability capped annual fees", at=timezone.now())
    hit = answer.hits[0]
    assert (hit.key, hit.version, hit.kind, hit.domain) == ("legal/liability", 1, "policy", "legal")
    assert hit.text == "Our liability is capped at twice the annual fees."
    assert hit.dense_rank == 1
    assert hit.lexical_rank == 1
    assert answer.unembedded == 0


def test_search__what_is_not_in_force__is_not_found(cast, library):
    keys = found(SYSTEM, "settlement")
    assert {"legal/settlements", "legal/privileged", "legal/old", "legal/revised"} <= set(keys)
    assert not {"legal/planned", "legal/withdrawn"} & set(keys)
    later = found(SYSTEM, "settlement", at=timezone.now() + timedelta(days=10))
    assert "legal/planned" in later
    assert "legal/old" not in later


def test_search__revised_text__is_found_by_its_new_words_only(cast, library):
    texts = [hit.text for hit in search(principal=SYSTEM, query="zebra giraffe", at=timezone.now()).hits]
    assert any("giraffe" in text for text in texts)
    assert not any("zebra" in text for text in texts)


@pytest.mark.parametrize("exact_limit", [5_000, 0], ids=["exact", "by index"])
@pytest.mark.parametrize("meaning", [0.0, 0.5, 1.0])
def test_search__what_a_reader_may_not_see__is_not_found_in_either_branch(
    cast, library, exact_limit, meaning, monkeypatch
):
    monkeypatch.setattr("context.search.statement", partial(search_statement.statement, exact_limit=exact_limit))
    outsider, author = principal_for(cast.outsider), principal_for(cast.author)
    query = "settlement authority privileged advice"
    everything = {"legal/liability", "sales/discounts", "legal/old", "legal/revised"}
    assert set(found(outsider, query, meaning=meaning)) <= everything
    assert set(found(author, query, meaning=meaning)) <= everything | {"legal/settlements"}
    assert "legal/settlements" in found(author, query, meaning=meaning)
    member = replace(author, groups=frozenset({cast.counsel.pk}))
    assert "legal/privileged" in found(member, query, meaning=meaning)
    agent = replace(member, kind="agent", domains=frozenset({cast.sales.pk}))
    assert set(found(agent, query, meaning=meaning)) <= {"sales/discounts"}


def test_search__filters__narrow_before_anything_is_left_out(cast, library):
    assert set(found(SYSTEM, "settlement", domains=["sales"])) == {"sales/discounts"}
    assert found(SYSTEM, "settlement", kinds=["term"]) == []
    assert found(SYSTEM, "settlement", kinds=["no-such", "\x00", "\ud800"]) == []
    assert found(SYSTEM, "settlement", keys=["legal/liability"]) == ["legal/liability"]


def test_search__hidden_text_appears__what_others_find_does_not_move(cast, library):
    outsider = principal_for(cast.outsider)
    before = search(principal=outsider, query="settlement discount liability version", at=timezone.now(), limit=20)
    secret = "Settlement discount liability version. " * 5
    cast.author.groups.add(cast.counsel)
    cast.reviewer.groups.add(cast.counsel)
    publish(
        cast,
        *(creation(f"legal/secret-{number}", body=secret, sensitivity="confidential") for number in range(30)),
        *(creation(f"legal/counsel-{number}", body=secret, audiences=["counsel"]) for number in range(30)),
    )
    refresh_counts(now=timezone.now())
    after = search(principal=outsider, query="settlement discount liability version", at=timezone.now(), limit=20)
    assert after == before


def test_search__rare_word_among_common_ones__decides(cast, library):
    publish(cast, *(creation(f"sales/note-{number}", body=f"A note on discount {number}.") for number in range(40)))
    publish(cast, creation("sales/rebate", body="A note on the kickback."))
    refresh_counts(now=timezone.now())
    assert found(SYSTEM, "note on discount kickback", meaning=0.0)[0] == "sales/rebate"
    counts = LexemeCount.objects.filter(domain=cast.sales)
    assert sum(counts.filter(lexeme="discount").values_list("passages", flat=True)) == 41
    assert sum(counts.filter(lexeme="kickback").values_list("passages", flat=True)) == 1


def test_search__passages_that_wait_for_their_vector__are_found_by_words_and_counted(cast, library, settings):
    settings.EMBED_INLINE_LIMIT = 0
    publish(cast, creation("sales/bonus", body="The bonus for the first quarter."))
    assert Passage.objects.filter(embedding__isnull=True).count() == 1
    answer = search(principal=principal_for(cast.author), query="bonus quarter", at=timezone.now())
    assert "sales/bonus" in [hit.key for hit in answer.hits]
    assert answer.unembedded == 1
    legal_only = search(principal=SYSTEM, query="bonus", at=timezone.now(), domains=["legal"])
    assert legal_only.unembedded == 0


def test_search__another_model__vectors_are_not_compared(cast, library, settings, monkeypatch):
    monkeypatch.setattr("context.search.model_name", lambda: "another model")
    answer = search(principal=SYSTEM, query="liability", at=timezone.now())
    assert [hit.dense_rank for hit in answer.hits] == [None]


HOSTILE = (
    *(
        "",
        "   ",
        "\x00",
        "\ud800",
        "&|!()<->:*'\\\"",
        "' | '' OR 1=1 --",
        "%s %(query)s {}",
        "settlement\x00settlement",
    ),
    *("the of and", "😀", "𓀀" * 100, "a" * 2_000, "settlement " * 181, "x' || 'y", "\\", "'", "\u202e\u200b"),
)


def test_search__hostile_questions__are_answered(cast, library):
    for query in HOSTILE:
        answer = search(principal=SYSTEM, query=query, at=timezone.now())
        assert len(answer.hits) <= 10
        if "settlement" in query:
            assert any("settlement" in hit.text.lower() for hit in answer.hits)


@given(query=st.text(max_size=60), meaning=st.sampled_from([0.0, 0.7, 1.0]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_search__any_text__is_answered(cast, library, query, meaning):
    search(principal=SYSTEM, query=query, at=timezone.now(), meaning=meaning)


def test_search__naughty_strings__are_answered(cast, library, shared_data):
    for line in json.loads((shared_data / "conformance" / "blns.json").read_text()):
        search(principal=SYSTEM, query=line[:2_000], at=timezone.now())


@pytest.mark.parametrize(
    ("query", "limit", "field"),
    [("a" * 2_001, 10, "q"), ("a", 0, "limit"), ("a", MOST_HITS + 1, "limit"), (7, 10, "q")],
)
def test_search__beyond_its_limits__says_which(cast, query, limit, field):
    with pytest.raises(InvalidInput) as refusal:
        search(principal=SYSTEM, query=query, limit=limit, at=timezone.now())
    assert refusal.value.field == field
    assert refusal.value.fix


def test_search__one_statement(cast, library, django_assert_num_queries):
    search(principal=SYSTEM, query="warm the cache", at=timezone.now())
    with django_assert_num_queries(0):  # the statement goes past the ORM, and nothing else is asked
        search(principal=SYSTEM, query="settlement", at=timezone.now())


def test_search_items__many_passages_of_one_item__stand_once(cast):
    section = "## Settlement {}\n\n" + "The settlement of claims is made in writing. " * 12
    publish(cast, creation("legal/long", body="\n\n".join(section.format(number) for number in range(8))))
    publish(cast, creation("legal/short", body="A settlement."))
    items = search_items(principal=SYSTEM, query="settlement of claims", at=timezone.now())
    assert sorted(hit.key for hit in items) == ["legal/long", "legal/short"]


def test_refresh_counts__nothing_changed__does_nothing(cast, library):
    assert refresh_counts(now=timezone.now()) is False
    publish(cast, creation("sales/other", body="Other."))
    assert refresh_counts(now=timezone.now()) is True
