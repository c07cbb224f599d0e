"""Programs that present agents' keys: declared, noted, sanctioned, blocked."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from agents import programs
from agents.drift.programs import DETECTOR
from agents.models import UnsanctionedUse
from agents.programs import admit_program, check_programs, settle_use
from context.errors import InvalidInput, NotPermitted
from governance.drift.detectors import Looking, Subjects
from governance.models import AuditEvent
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish


@pytest.fixture
def agent(cast: Cast) -> Presented:
    publish(cast, creation("legal/cap"))
    return give(cast, contract(cast, [{"key": "legal/cap"}]))


def ask(agent: Presented, program: str) -> int:
    return int(agent.post({"contract": "review"}, HTTP_USER_AGENT=program).status_code)


def test_request__program_that_no_agent_declares__is_served_and_noted_once_a_minute(agent: Presented) -> None:
    assert [ask(agent, "curl/8.1") for _ in range(3)] == [200, 200, 200]
    use = UnsanctionedUse.objects.get()
    assert (use.kind, use.name, use.agent, use.times, use.state) == ("user_agent", "curl/8.1", agent.agent, 1, "open")


def test_request__declared_program_or_none__is_not_noted(agent: Presented) -> None:
    agent.agent.programs = ["comparer/"]
    agent.agent.save()
    assert [ask(agent, "comparer/2.0 linux"), ask(agent, "")] == [200, 200]
    assert not UnsanctionedUse.objects.exists()


def test_settle__blocked__refused_at_its_next_request_whatever_key_and_others_are_not(
    agent: Presented, cast: Cast
) -> None:
    ask(agent, "curl/8.1")
    use = UnsanctionedUse.objects.get()
    settle_use(actor=cast.admin, use=use, state="blocked", reason="Nobody knows it", now=timezone.now())
    answer = agent.post({"contract": "review"}, HTTP_USER_AGENT="curl/8.1")
    assert (answer.status_code, json.loads(answer.content)["type"].rsplit("/", 1)[-1]) == (403, "program-blocked")
    assert ask(agent, "curl/8.2") == 200
    settle_use(actor=cast.admin, use=use, state="open", reason="", now=timezone.now())
    assert ask(agent, "curl/8.1") == 200
    actions = AuditEvent.objects.filter(subject_type="program").order_by("sequence").values_list("action", flat=True)
    assert list(actions) == ["agents.program.blocked", "agents.program.reopened"]


def test_settle__sanctioned__is_noted_no_more(agent: Presented, cast: Cast) -> None:
    ask(agent, "curl/8.1")
    use = UnsanctionedUse.objects.get()
    settle_use(actor=cast.admin, use=use, state="sanctioned", reason="Ours", now=timezone.now())
    UnsanctionedUse.objects.update(last_seen_at=timezone.now() - timezone.timedelta(minutes=5))
    assert ask(agent, "curl/8.1") == 200
    assert UnsanctionedUse.objects.get().times == 1


@pytest.mark.parametrize("who", ["owner", "auditor", "author"])
def test_settle__anybody_but_an_administrator__is_refused(agent: Presented, cast: Cast, who: str) -> None:
    ask(agent, "curl/8.1")
    with pytest.raises(NotPermitted):
        settle_use(
            actor=getattr(cast, who), use=UnsanctionedUse.objects.get(), state="blocked", reason="", now=timezone.now()
        )


def test_note__more_names_than_there_is_room_for__are_counted_together(
    agent: Presented, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "MOST_PROGRAMS", 3)
    for number in range(10):
        admit_program(kind="user_agent", stated=f"bot/{number}", agent_id=agent.agent.pk)
    assert sorted(UnsanctionedUse.objects.values_list("name", flat=True)) == ["", "bot/0", "bot/1", "bot/2"]


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("a\x00b\r\nSet-Cookie: x", "a b Set-Cookie: x"),
        ("x" * 900, "x" * 200),
        ("\ud800bad", "bad"),
        ("\u202eevil", "evil"),
    ],
)
def test_note__hostile_name__is_kept_printable_and_short(agent: Presented, stated: str, kept: str) -> None:
    admit_program(kind="mcp_client", stated=stated, agent_id=agent.agent.pk)
    assert UnsanctionedUse.objects.get().name == kept


def test_declare__beginning_that_covers_everything__is_refused() -> None:
    with pytest.raises(InvalidInput):
        check_programs(["a"])
    assert check_programs(["reviewer/1", " reviewer/1 ", ""]) == ["reviewer/1"]


def test_detector__program_that_nobody_settled__is_a_finding_until_somebody_does(agent: Presented, cast: Cast) -> None:
    ask(agent, "curl/8.1")
    looking = Looking(full=True, defaults={option.name: option.default for option in DETECTOR.options})
    found = list(DETECTOR.detect(Subjects(), now=timezone.now(), context=looking))
    assert [draft.summary for draft in found] == [
        "curl/8.1 asks for context with a key of “Comparer”, and no agent declares it."
    ]
    settle_use(actor=cast.admin, use=UnsanctionedUse.objects.get(), state="sanctioned", reason="", now=timezone.now())
    assert list(DETECTOR.detect(Subjects(), now=timezone.now(), context=looking)) == []
