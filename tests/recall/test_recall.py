"""Recall: everything that used a version is named, and settled one by one by those who answer for it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from agents.models import RecallCase, RecallEntry, Run, RunState
from agents.recall.cases import open_case
from agents.recall.settling import accept_entry, rerun_entry
from agents.recall.tracing import footprint_of, uses_of
from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run
from agents.runs.leases import claim_run
from context.access import principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextVersion
from governance.models import AuditEvent, Notification
from tests.cast import Cast, creation, publish, revision
from tests.runs.conftest import Runner, runner, started


@pytest.fixture
def by(cast: Cast) -> Runner:
    publish(cast, creation("legal/cap", body="The cap is twice the fees.", owner="owner"))
    return runner(cast, requirements=[{"key": "legal/cap"}])


def done(cast: Cast, by: Runner) -> Run:
    """A run that was given the text and has succeeded."""
    run = started(cast, by)
    now = timezone.now()
    claim = claim_run(agent=by.known, now=max(now, run.not_before))
    assert claim is not None
    give_bundle(agent=by.known, run_id=run.pk, token=claim.token, now=now)
    return complete_run(agent=by.known, run_id=run.pk, token=claim.token, output={"score": 1}, now=timezone.now())


def version(number: int = 1) -> ContextVersion:
    return ContextVersion.objects.get(item__key="legal/cap", number=number)


def test_trace__runs_and_agents_that_had_the_version__are_named_and_those_of_another_are_not(
    cast: Cast, by: Runner
) -> None:
    run = done(cast, by)
    publish(cast, revision("legal/cap", body="The cap is the fees."))
    done(cast, by)
    (used,) = uses_of(version_id=version().pk)
    assert (used.run_id, used.agent_id, used.times) == (run.pk, by.agent.pk, 1)
    found = footprint_of(version_id=version().pk)
    assert (found.runs, found.decisions, [each[0] for each in found.agents]) == (1, 0, [by.agent])


def test_case__opened_and_worked_through__closes_with_its_last_entry(cast: Cast, by: Runner) -> None:
    first, second = done(cast, by), done(cast, by)
    opened = open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    assert (opened.runs, opened.agents) == (2, 0)
    one, two = RecallEntry.objects.order_by("pk")
    assert {one.run_id, two.run_id} == {first.pk, second.pk}
    again = rerun_entry(actor=cast.owner, entry_id=one.pk, now=timezone.now())
    assert again.new_run is not None
    assert (again.new_run.state, again.new_run.task) == (RunState.QUEUED, first.task)
    with pytest.raises(Conflict):
        accept_entry(actor=cast.owner, entry_id=one.pk, note="Fine.", now=timezone.now())
    with pytest.raises(InvalidInput):
        accept_entry(actor=cast.owner, entry_id=two.pk, note=" ", now=timezone.now())
    assert RecallCase.objects.get().closed_at is None
    accept_entry(actor=cast.owner, entry_id=two.pk, note="The cap was not asked for.", now=timezone.now())
    assert RecallCase.objects.get().closed_at is not None
    told = AuditEvent.objects.filter(action__startswith="agents.recall.").order_by("sequence")
    assert [event.action.rpartition(".")[2] for event in told] == ["opened", "rerun", "accepted"]


def test_case__open_already__is_not_opened_twice(cast: Cast, by: Runner) -> None:
    done(cast, by)
    open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    with pytest.raises(Conflict):
        open_case(actor=cast.owner, key="legal/cap", number=1, reason="Again.", now=timezone.now())


def test_case__nothing_used_the_version__is_closed_as_it_is_opened(cast: Cast, by: Runner) -> None:
    opened = open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    assert opened.case.closed_at is not None


def test_case__owner_of_an_agent__is_told(cast: Cast, by: Runner) -> None:
    by.agent.owner = cast.reviewer
    by.agent.save()
    done(cast, by)
    open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    assert "recalled" in Notification.objects.get(person=cast.reviewer, url__startswith="/recalls/").text
    assert RecallCase.objects.visible_to(principal_for(cast.reviewer)).count() == 1
    assert not RecallCase.objects.visible_to(principal_for(cast.author)).exists()


def test_case__by_who_does_not_answer_for_the_text__is_refused_and_unknown_versions_read_alike(
    cast: Cast, by: Runner
) -> None:
    with pytest.raises(NotPermitted):
        open_case(actor=cast.author, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    assert AuditEvent.objects.filter(action="agents.recall.open.denied").count() == 1
    publish(cast, creation("legal/secret", sensitivity="confidential", owner="owner"))
    for key in ("legal/secret", "legal/nothing"):
        with pytest.raises(NotFound):
            open_case(actor=cast.outsider, key=key, number=1, reason="It was wrong.", now=timezone.now())
