"""A run whose texts change while it is paused or handed to another agent: who goes on is asked how."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import HandOff, Run, RunState
from agents.runs.contexts import give_bundle
from agents.runs.finishing import hand_off
from agents.runs.leases import claim_run
from agents.runs.pausing import ContextMoved, pause_run, resume_run
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import principal_for
from context.errors import InvalidInput
from governance.models import AuditEvent
from tests.cast import Cast, creation, publish, revision
from tests.runs.conftest import Runner, runner

OLD, NEW = "The cap is twice the fees.", "The cap is the fees."


class Held:
    """A run of the scorer's that was given the old text, and what may happen to it then."""

    def __init__(self, cast: Cast) -> None:
        publish(cast, creation("legal/cap", body=OLD))
        self.cast = cast
        self.scorer, self.other = (
            runner(cast, slug, requirements=[{"key": "legal/cap"}]) for slug in ("scorer", "other")
        )
        self.run: Run = open_run(
            actor=principal_for(cast.owner),
            order=RunOrder(task_type="score", task={"clause": "We pay in 90 days."}),
            assignment=Assignment(agent=self.scorer.agent, contract_version=self.scorer.terms),
            now=timezone.now(),
        )
        self.token = self.claim(self.scorer)
        assert OLD in self.text(self.scorer, self.token)

    def claim(self, by: Runner) -> str:
        claim = claim_run(agent=by.known, now=timezone.now())
        assert claim is not None
        return claim.token

    def text(self, by: Runner, token: str) -> str:
        served = give_bundle(agent=by.known, run_id=self.run.pk, token=token, form="markdown", now=timezone.now())
        return served.answer.decode()

    def hand_off(self, choice: str = "") -> HandOff:
        return hand_off(
            agent=self.scorer.known,
            run_id=self.run.pk,
            token=self.token,
            to="other",
            contract="other-contract",
            reason="Extracted",
            payload=None,
            choice=choice,
            now=timezone.now(),
        )

    def resume(self, choice: str = "") -> Run:
        return resume_run(actor=principal_for(self.cast.owner), run_id=self.run.pk, choice=choice, now=timezone.now())

    def state(self) -> str:
        self.run.refresh_from_db()
        return self.run.state


@pytest.fixture
def held(cast: Cast) -> Held:
    return Held(cast)


def moved_on(held: Held, way: str, choice: str = "") -> None:
    """The run goes to the other agent, or back to its own after a pause."""
    if way == "hand-off":
        held.hand_off(choice)
        return
    if held.state() == RunState.RUNNING:
        pause_run(agent=held.scorer.known, run_id=held.run.pk, token=held.token, reason="Lunch", now=timezone.now())
    held.resume(choice)


WAYS = pytest.mark.parametrize("way", ["hand-off", "pause"])


@WAYS
def test_moved__nothing_changed__nobody_is_asked(held: Held, way: str) -> None:
    moved_on(held, way)
    assert held.state() == RunState.QUEUED


@WAYS
def test_moved__text_changed_meanwhile__is_told_and_the_run_stays_until_a_choice_is_made(held: Held, way: str) -> None:
    publish(held.cast, revision("legal/cap", body=NEW))
    with pytest.raises(ContextMoved) as asked:
        moved_on(held, way)
    (text,) = asked.value.extra["moved"]
    assert (text["key"], text["held_version"], text["now_version"]) == ("legal/cap", 1, 2)
    assert held.state() == (RunState.RUNNING if way == "hand-off" else RunState.PAUSED)
    assert not HandOff.objects.exists()
    with pytest.raises(InvalidInput):
        moved_on(held, way, "whatever")


@WAYS
@pytest.mark.parametrize(("choice", "text"), [("continue", OLD), ("rebase", NEW)])
def test_moved__agent_goes_on__with_the_texts_that_were_chosen(held: Held, way: str, choice: str, text: str) -> None:
    publish(held.cast, revision("legal/cap", body=NEW))
    moved_on(held, way, choice)
    by = held.other if way == "hand-off" else held.scorer
    assert text in held.text(by, held.claim(by))
    event = AuditEvent.objects.filter(action__in=["agents.run.handed_off", "agents.run.resumed"]).get()
    assert (event.data["choice"], event.data["moved"]) == (choice, [{"key": "legal/cap", "held": 1, "now": 2}])


@WAYS
def test_moved__person_chosen__run_waits_for_one(held: Held, way: str) -> None:
    publish(held.cast, revision("legal/cap", body=NEW))
    moved_on(held, way, "person")
    assert held.state() == RunState.WAITS_FOR_PERSON
    assert claim_run(agent=held.other.known, now=timezone.now()) is None


def test_hand_off__over_rest__asks_with_what_changed_and_takes_the_choice(held: Held) -> None:
    publish(held.cast, revision("legal/cap", body=NEW))
    client = Client(headers={"Authorization": f"Bearer {held.scorer.presented.bearer}"})
    said = {"lease_token": held.token, "to": "other", "contract": "other-contract"}

    def post(**more: Any) -> Any:
        sent = json.dumps({**said, **more})
        return client.post(f"/api/v1/runs/{held.run.pk}/hand-off/", sent, content_type="application/json")

    asked = post()
    assert (asked.status_code, asked.json()["type"].rpartition("/")[2]) == (409, "context-moved")
    assert asked.json()["moved"][0]["key"] == "legal/cap"
    assert post(choice="later").status_code == 422
    done = post(choice="rebase").json()
    assert (done["state"], done["agent"]) == ("queued", "other")
