"""A past moment is judged with what the agent might read then, and never with more than it may read now."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents.as_of import rights_begin
from agents.keys import revoke_key
from agents.models import AgentRights
from governance.edits import EditInput
from governance.verification import verify_items
from tests.agents.conftest import Presented, agreed, contract, give
from tests.cast import Cast, creation, publish, revision

LONG_AGO = timezone.now() - timedelta(days=60)
THEN = LONG_AGO + timedelta(days=10)
LATER = LONG_AGO + timedelta(days=20)


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    """An agent of Legal since long ago, whose contract asks for an internal text and for another if there is one."""
    publish(cast, creation("legal/cap", body="Capped at one year.", owner="owner"), now=LONG_AGO)
    publish(cast, creation("legal/plan", body="The plan.", sensitivity="confidential"), now=LONG_AGO)
    held = contract(cast, [{"key": "legal/cap"}, {"key": "legal/plan", "required": False}], now=LONG_AGO)
    with rights_begin(LONG_AGO):
        return give(cast, held)


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [entry["key"] for entry in json.loads(answer.content)["entries"]]


def ask(agent: Presented, at: datetime) -> Any:
    return agent.post({"contract": "review", "as_of": at.isoformat()})


def test_as_of__before_the_agent_had_the_contract__says_so(comparer: Presented) -> None:
    answer = ask(comparer, LONG_AGO - timedelta(days=1))
    assert answer.status_code == 404
    assert titles(ask(comparer, THEN)) == ["legal/cap"]


def test_as_of__clearance_raised_since__shows_what_was_permitted_then(cast: Cast, comparer: Presented) -> None:
    with rights_begin(LATER):
        give(cast, comparer.agent.contracts.get(), clearance=2)
    assert titles(ask(comparer, THEN)) == ["legal/cap"]
    assert titles(ask(comparer, LATER)) == ["legal/cap", "legal/plan"]


def test_as_of__clearance_lowered_since__shows_no_more_than_is_permitted_now(cast: Cast, comparer: Presented) -> None:
    with rights_begin(LATER):
        give(cast, comparer.agent.contracts.get(), clearance=2)
    assert titles(ask(comparer, LATER)) == ["legal/cap", "legal/plan"]
    give(cast, comparer.agent.contracts.get(), clearance=1)
    assert titles(ask(comparer, LATER)) == ["legal/cap"]


def test_as_of__text_and_clearance_raised_since__is_still_what_was_permitted_then(
    cast: Cast, comparer: Presented
) -> None:
    publish(cast, revision("legal/cap", body="Capped at two years.", sensitivity="confidential"), now=LATER)
    with rights_begin(LATER):
        give(cast, comparer.agent.contracts.get(), clearance=2)
    answer = ask(comparer, THEN)
    assert titles(answer) == ["legal/cap"]
    assert json.loads(answer.content)["entries"][0]["text"] == "Capped at one year."


def test_as_of__domain_given_since__was_not_the_agents_then(cast: Cast, comparer: Presented) -> None:
    publish(cast, creation("sales/list", body="The list."), now=LONG_AGO)
    held = contract(cast, [{"key": "legal/cap"}, {"key": "sales/list", "required": False}], now=LONG_AGO)
    with rights_begin(LATER):
        give(cast, held, domains=[cast.legal, cast.sales])
    assert titles(ask(comparer, THEN)) == ["legal/cap"]
    assert titles(ask(comparer, LATER)) == ["legal/cap", "sales/list"]


def test_as_of__suspended_then__had_no_right_to_anything(cast: Cast, comparer: Presented) -> None:
    with rights_begin(THEN):
        comparer.agent.state = "suspended"
        comparer.agent.save()
    with rights_begin(LATER):
        comparer.agent.state = "sanctioned"
        comparer.agent.save()
    assert ask(comparer, THEN).status_code == 404
    assert titles(ask(comparer, LATER)) == ["legal/cap"]


def test_as_of__contract_revised_since__is_answered_by_the_version_held_then(cast: Cast, comparer: Presented) -> None:
    publish(cast, creation("legal/new", body="New."), now=LONG_AGO)
    contract(cast, [{"key": "legal/new"}], now=LATER)
    assert titles(ask(comparer, THEN)) == ["legal/cap"]
    assert titles(ask(comparer, LATER)) == ["legal/new"]


def test_as_of__key_revoked_since__is_refused_whatever_it_asks_about(cast: Cast, comparer: Presented) -> None:
    assert ask(comparer, THEN).status_code == 200
    revoke_key(actor=cast.admin, key=comparer.key, now=timezone.now())
    assert ask(comparer, THEN).status_code == 401


def test_as_of__contract_taken_away_since__is_not_there(cast: Cast, comparer: Presented) -> None:
    give(cast)
    answer = ask(comparer, THEN)
    assert answer.status_code == 404


def test_as_of__verified_in_between__counts_what_was_verified_until_then(cast: Cast, comparer: Presented) -> None:
    publish(cast, creation("legal/short", owner="owner", review_interval_days=5), now=LONG_AGO)
    contract(cast, [{"key": "legal/short", "must_be_verified": True}], now=LONG_AGO)
    verify_items(actor=cast.owner, keys=["legal/short"], now=LATER)
    verify_items(actor=cast.owner, keys=["legal/short"], now=timezone.now())
    states = {
        moment: ask(comparer, moment).status_code
        for moment in (
            LONG_AGO + timedelta(days=4),
            LONG_AGO + timedelta(days=6),
            LATER + timedelta(days=4),
            LATER + timedelta(days=6),
        )
    }
    assert list(states.values()) == [200, 409, 200, 409]


def test_rights__written_by_hand__are_refused_by_the_database(comparer: Presented) -> None:
    assert AgentRights.objects.filter(agent=comparer.agent).count() == 1
    for statement in (
        "UPDATE agents_agentrights SET clearance = 3",
        "DELETE FROM agents_agentrights",
        "INSERT INTO agents_agentrights (agent_id, from_at, state, clearance, domain_ids, group_ids, contract_ids) "
        "SELECT agent_id, from_at - interval '1 year', state, 3, domain_ids, group_ids, contract_ids "
        "FROM agents_agentrights",
        "INSERT INTO context_verification (item_id, verified_at, verified_until) "
        "SELECT item_id, verified_at - interval '1 year', verified_until FROM context_verification",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_rights__said_to_have_begun_before_others__begin_with_them(cast: Cast, comparer: Presented) -> None:
    with rights_begin(LATER):
        give(cast, comparer.agent.contracts.get(), clearance=0)
    with rights_begin(LONG_AGO):
        give(cast, comparer.agent.contracts.get(), clearance=2)
    assert titles(ask(comparer, THEN)) == ["legal/cap"]


def test_agreed__contract__is_known_from_its_publication_on(cast: Cast, comparer: Presented) -> None:
    held = agreed(cast, slug="late", payload={"name": "Late", "owner": "owner", "domain": "legal"}, now=LATER)
    with rights_begin(LONG_AGO):
        give(cast, comparer.agent.contracts.get(), held)
    assert comparer.post({"contract": "late", "as_of": THEN.isoformat()}).status_code == 404


def matched(agent: Presented, at: datetime, query: str = "How much liability is capped?") -> list[tuple[str, str]]:
    answer = agent.post({"contract": "asking", "query": query, "as_of": at.isoformat()})
    assert answer.status_code == 200, answer.content
    return [(each["key"], each["text"]) for each in json.loads(answer.content)["entries"]]


@pytest.fixture
def asker(cast: Cast) -> Presented:
    """An agent of Legal since long ago, whose contract requires nothing and answers questions."""
    publish(cast, creation("legal/cap", body="Liability is capped at one year of fees."), now=LONG_AGO)
    publish(cast, creation("legal/old", body="Liability of the old kind is capped, too."), now=LONG_AGO)
    required = [{"key": "legal/none", "required": False}]
    publish(cast, creation("legal/none", body="Cats and dogs."), now=LATER)
    held = contract(cast, required, slug="asking", most_matches=4, now=LONG_AGO)
    with rights_begin(LONG_AGO):
        return give(cast, held)


def test_question_about_the_past__text_replaced_and_text_retired_since__are_found_as_they_were(
    cast: Cast, asker: Presented
) -> None:
    publish(cast, revision("legal/cap", body="Liability is capped at two years of fees."), now=LATER)
    publish(cast, EditInput(operation="retire", key="legal/old"), now=LATER)
    assert sorted(matched(asker, THEN)) == [
        ("legal/cap", "Liability is capped at one year of fees."),
        ("legal/old", "Liability of the old kind is capped, too."),
    ]
    later = matched(asker, LATER + timedelta(days=1))
    assert [each for each in later if "capped" in each[1]] == [
        ("legal/cap", "Liability is capped at two years of fees.")
    ]


def test_question_about_the_past__text_opened_since__what_it_said_before_stays_hidden(
    cast: Cast, asker: Presented
) -> None:
    secret = creation("legal/secret", body="Liability of the merger is capped.", sensitivity="confidential")
    publish(cast, secret, now=LONG_AGO)
    publish(cast, revision("legal/secret", body="Nothing of note.", sensitivity="internal"), now=LATER)
    assert "legal/secret" not in dict(matched(asker, THEN))
    with rights_begin(LATER):
        give(cast, asker.agent.contracts.get(), clearance=2)
    assert "legal/secret" not in dict(matched(asker, THEN))  # cleared since, and not then


def test_question_about_the_past__item_restricted_since__is_not_there(cast: Cast, asker: Presented) -> None:
    publish(cast, revision("legal/cap", body="Capped by the board.", sensitivity="confidential"), now=LATER)
    assert dict(matched(asker, THEN)).keys() == {"legal/old"}


def test_past_passage__written_by_anybody_but_the_pen__is_refused(cast: Cast, asker: Presented) -> None:
    publish(cast, revision("legal/cap", body="Capped at two years."), now=LATER)
    for statement in ("UPDATE context_pastpassage SET text = 'x'", "DELETE FROM context_pastpassage"):
        with pytest.raises(DatabaseError, match="only by publishing"), transaction.atomic():
            connection.cursor().execute(statement)
