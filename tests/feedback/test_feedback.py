"""Feedback: a finding once, never an echo of what was served, and never context."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.feedback.firewall import SHINGLE, WINDOW, echo_of, prints_of, served_to, words_of
from agents.feedback.reporting import Report, report_feedback
from agents.models import Feedback
from context.access import principal_for
from context.errors import InvalidInput, NotFound
from context.models import ContextVersion
from governance.models import Change, Finding
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish

CAP = (
    "The liability of the broker is capped at twice the annual fees. The cap does not hold for wilful misconduct, "
    "for injury to persons, or where the law forbids it. Claims are made in writing within ninety days."
)
OWN = "A customer told us that the annual fees were never agreed for this product line, so no cap can be worked out."


@pytest.fixture
def served(cast: Cast) -> Presented:
    """An agent that was given `legal/cap`."""
    publish(cast, creation("legal/cap", body=CAP), creation("legal/terms", body="Payment is due after thirty days."))
    agent = give(
        cast, contract(cast, [{"key": "legal/cap"}]), scopes=("bundles:read", "context:read", "feedback:write")
    )
    agent.bundle()
    return agent


def say(agent: Presented, **body: Any) -> Any:
    return Client(raise_request_exception=False).post(
        "/api/v1/feedback/",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {agent.bearer}"},
    )


def test_gap__said_by_an_agent__opens_one_finding_and_is_counted_when_said_again(cast: Cast, served: Presented) -> None:
    first = say(served, kind="gap", text=OWN, contract="review").json()
    assert (first["state"], first["times"]) == ("noted", 1)
    finding = Finding.objects.get(pk=first["finding"])
    assert OWN in finding.evidence["sentence"]
    again = say(served, kind="gap", text=OWN.upper() + "!", contract="review").json()
    assert (again["id"], again["times"]) == (first["id"], 2)
    assert Finding.objects.count() == 1


@pytest.mark.parametrize(
    "text",
    [
        CAP,
        CAP.upper(),
        "I found this: " + CAP,
        "**The liability** of the broker is *capped* at twice the annual fees, the cap does not hold for wilful "
        "misconduct",
    ],
)
def test_firewall__served_text_that_comes_back__is_an_echo_and_opens_nothing(
    cast: Cast, served: Presented, text: str
) -> None:
    said = say(served, kind="gap", text=text, contract="review").json()
    assert said["state"] == "echo"
    assert said["echoes"] == [{"key": "legal/cap", "version": 1}]
    assert said["finding"] is None
    assert not Finding.objects.exists()


def test_firewall__own_words_around_a_short_quotation__are_new_evidence(cast: Cast, served: Presented) -> None:
    quoted = "the liability of the broker is capped at twice the annual fees"
    said = say(served, kind="gap", text=f"{OWN} The text only says {quoted}.").json()
    assert said["state"] == "noted"
    assert 0 < said["served_share"] < 0.6


def test_firewall__text_that_others_were_served__is_no_echo_of_ones_own(cast: Cast, served: Presented) -> None:
    other = give(cast, slug="other", scopes=("feedback:write",))
    assert say(other, kind="gap", text=CAP).json()["state"] == "noted"


def test_correction__with_a_proposal__leads_to_a_draft_and_changes_no_context(cast: Cast, served: Presented) -> None:
    before = ContextVersion.objects.count(), Change.objects.count()
    proposal = "The broker is liable up to three times the fees agreed for the product line that the claim is about."
    said = say(served, kind="correction", about="legal/cap", text=f"It quotes: {CAP}", proposal=proposal).json()
    assert said["state"] == "noted"
    finding = Finding.objects.get(pk=said["finding"])
    assert finding.evidence["proposal"]["fields"]["body"] == proposal
    assert (ContextVersion.objects.count(), Change.objects.count()) == before
    assert say(served, kind="correction", about="legal/cap", text="Wrong.", proposal=CAP).json()["state"] == "echo"


def test_outcome__is_kept_and_opens_nothing(cast: Cast, served: Presented) -> None:
    assert say(served, kind="outcome", text="Accepted as it was.", outcome="accepted").json()["finding"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "praise"}, "kind"),
        ({"text": "…"}, "text"),
        ({"text": "x" * 5_000}, "text"),
        ({"kind": "correction"}, "about"),
        ({"kind": "contradiction", "about": "legal/cap"}, "other"),
        ({"kind": "outcome"}, "outcome"),
        ({"outcome": "accepted"}, "outcome"),
    ],
)
def test_report__what_says_nothing__names_the_field(cast: Cast, body: dict[str, str], field: str) -> None:
    report = Report(**{"kind": "gap", "text": "Something.", **body})
    with pytest.raises(InvalidInput) as refused:
        report_feedback(actor=principal_for(cast.owner), report=report, now=timezone.now())
    assert refused.value.field == field


def test_report__about_what_one_may_not_see__reads_as_if_it_were_not_there(cast: Cast, served: Presented) -> None:
    publish(cast, creation("sales/secret", sensitivity="confidential"))
    answers = [say(served, kind="correction", about=key, text="Wrong.") for key in ("sales/secret", "sales/nothing")]
    assert {answer.status_code for answer in answers} == {404}
    with pytest.raises(NotFound):
        report = Report(kind="correction", about="sales/secret", text="Wrong.")
        report_feedback(actor=principal_for(cast.outsider), report=report, now=timezone.now())
    assert not Feedback.objects.exists()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("abcdefghij"), min_size=30, max_size=60), st.integers(0, 20), st.data())
def test_prints__run_of_eight_words_in_common__is_always_noticed(letters: list[str], start: int, data: Any) -> None:
    words = [f"w{letter}{place}" for place, letter in enumerate(letters)]
    length = SHINGLE + WINDOW - 1
    quoted = words[start : start + length]
    around = [f"x{number}" for number in range(data.draw(st.integers(0, 12)))]
    assert prints_of(words) & prints_of([*around, *quoted, *around[::-1]])


def test_echo__of_nothing_served_or_a_few_words__is_none(cast: Cast, served: Presented) -> None:
    now = timezone.now()
    mine = served_to(agent_id=served.agent.pk, now=now)
    assert len(mine) == 1
    assert echo_of(text="the broker is", served=mine).share == 0
    assert echo_of(text=CAP, served=set()).share == 0
    assert words_of("Über-Größe 30") == ["über", "grösse", "30"]
