"""Recall: everything that used a version is named, and settled one by one by those who answer for it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import RecallCase, RecallEntry, Run, RunState
from agents.recall.cases import entries_of, extend_case, find_version, later_uses, open_case, trace
from agents.recall.settling import accept_entry, rerun_entry, settle_entries
from agents.recall.tracing import footprint_of, particulars_of, uses_of
from agents.runs.contexts import give_bundle
from agents.runs.finishing import complete_run
from agents.runs.leases import claim_run
from context.access import SYSTEM, principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextVersion
from governance.drift.findings import Sighting, open_finding
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
    done(cast, by)
    with pytest.raises(Conflict, match="closed"):
        extend_case(actor=cast.owner, case_id=opened.case.pk, now=timezone.now())


def test_case__owner_of_an_agent__is_told_but_for_who_opened_it(cast: Cast, by: Runner) -> None:
    own = runner(cast, "own", requirements=[{"key": "legal/cap"}])
    for each, person in ((by, cast.reviewer), (own, cast.owner)):
        each.agent.owner = person
        each.agent.save()
        done(cast, each)
    open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    told = Notification.objects.get(url__startswith="/recalls/")
    assert (told.person, "recalled" in told.text) == (cast.reviewer, True)
    assert RecallCase.objects.visible_to(principal_for(cast.reviewer)).count() == 1
    assert not RecallCase.objects.visible_to(principal_for(cast.author)).exists()


def test_case__by_who_does_not_answer_for_the_text__is_refused_and_unknown_versions_read_alike(
    cast: Cast, by: Runner
) -> None:
    with pytest.raises(NotPermitted):
        open_case(actor=cast.author, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now())
    author = principal_for(cast.author)
    with pytest.raises(NotPermitted):
        version = find_version(principal=author, key="legal/cap", number=1)
        trace(principal=author, version=version, now=timezone.now())
    for step in ("open", "trace"):
        assert AuditEvent.objects.filter(action=f"agents.recall.{step}.denied").count() == 1
    publish(cast, creation("legal/secret", sensitivity="confidential", owner="owner"))
    for key in ("legal/secret", "legal/nothing"):
        with pytest.raises(NotFound):
            open_case(actor=cast.outsider, key=key, number=1, reason="It was wrong.", now=timezone.now())


def test_case__agents_owner_and_who_may_not_read_the_run__see_and_do_no_more_than_is_theirs(cast: Cast) -> None:
    publish(cast, creation("legal/note", body="Notes are kept.", owner="author"))
    by = runner(cast, requirements=[{"key": "legal/note"}])
    other = runner(cast, "other", requirements=[{"key": "legal/note"}])
    for each, person in ((by, cast.reviewer), (other, cast.admin)):
        each.agent.owner = person
        each.agent.save()
    mine, theirs = done(cast, by), done(cast, other)
    case = open_case(actor=cast.author, key="legal/note", number=1, reason="It was wrong.", now=timezone.now()).case
    reviewer, author = principal_for(cast.reviewer), principal_for(cast.author)
    with pytest.raises(NotPermitted):
        extend_case(actor=cast.reviewer, case_id=case.pk, now=timezone.now())
    assert [each.run_id for each in entries_of(principal=reviewer, case=case)] == [mine.pk]
    both = entries_of(principal=author, case=case)
    assert {each.run_id for each in both} == {mine.pk, theirs.pk}
    assert particulars_of(entries=both, principal=author) == {}
    (entry,) = [each for each in both if each.run_id == theirs.pk]
    with pytest.raises(NotPermitted):
        rerun_entry(actor=cast.author, entry_id=entry.pk, now=timezone.now())
    with pytest.raises(NotFound):
        accept_entry(actor=cast.reviewer, entry_id=entry.pk, note="Fine.", now=timezone.now())
    assert accept_entry(actor=cast.author, entry_id=entry.pk, note="Fine.", now=timezone.now()).state == "accepted"


def test_case__more_uses_since_it_was_opened__are_counted_and_taken_in_once(cast: Cast, by: Runner) -> None:
    done(cast, by)
    case = open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now()).case
    with pytest.raises(Conflict):
        extend_case(actor=cast.owner, case_id=case.pk, now=timezone.now())
    done(cast, by)
    assert len(later_uses(case=case)) == 1
    assert extend_case(actor=cast.owner, case_id=case.pk, now=timezone.now()) == 1
    assert later_uses(case=case) == []
    assert AuditEvent.objects.filter(action="agents.recall.extended").count() == 1


def test_settle__several_at_once__each_by_itself_and_what_fails_stops_no_other(cast: Cast, by: Runner) -> None:
    done(cast, by)
    done(cast, by)
    case = open_case(actor=cast.owner, key="legal/cap", number=1, reason="It was wrong.", now=timezone.now()).case
    ids = list(case.entries.values_list("pk", flat=True))
    with pytest.raises(InvalidInput):
        settle_entries(actor=cast.owner, case_id=case.pk, entry_ids=ids, state="accepted", note="", now=timezone.now())
    results = settle_entries(
        actor=cast.owner, case_id=case.pk, entry_ids=[999_999, *ids], state="accepted", note="Fine.", now=timezone.now()
    )
    assert [type(each.error) for each in results] == [NotFound, type(None), type(None)]
    assert AuditEvent.objects.filter(action="agents.recall.accepted").count() == 2


def test_pages__recall_from_the_text_to_the_last_entry__work_and_hide_from_who_has_no_part(
    cast: Cast, by: Runner
) -> None:
    run = done(cast, by)
    owner, author = Client(), Client(raise_request_exception=False)
    owner.force_login(cast.owner)
    author.force_login(cast.author)
    assert "/recalls/new/?item=legal%2Fcap&amp;version=1" in owner.get("/items/legal/cap/").content.decode()
    assert "/recalls/new/" not in author.get("/items/legal/cap/").content.decode()
    item = ContextVersion.objects.get(item__key="legal/cap").item
    seen = Sighting(detector="test", summary="Off.", cause={}, evidence={}, item=item, domain=item.domain)
    about = open_finding(seen=seen, now=timezone.now(), actor=SYSTEM)
    assert "Recall version 1" in owner.get(f"/findings/{about.pk}/").content.decode()
    asked = owner.get("/recalls/new/?item=legal/cap&version=1").content.decode()
    assert "1 run" in asked
    assert owner.post("/recalls/new/", {"item": "legal/cap", "version": "1", "reason": " "}).status_code == 422
    opened = owner.post("/recalls/new/", {"item": "legal/cap", "version": "1", "reason": "It was wrong."})
    case = RecallCase.objects.get()
    assert opened["Location"] == f"/recalls/{case.pk}/"
    page = owner.get(f"/recalls/{case.pk}/").content.decode()
    for said in ("1 of 1 entry waits", "This version is in force", f"/runs/{run.pk}/"):
        assert said in page
    assert "which is recalled" in owner.get(f"/runs/{run.pk}/").content.decode()
    assert "Recall of" in owner.get("/inbox/").content.decode()
    assert author.get(f"/recalls/{case.pk}/").status_code == 404
    owner.post(f"/recalls/{case.pk}/settle/", {"all": "1", "state": "open", "settle": "rerun"})
    entry = RecallEntry.objects.get()
    assert entry.new_run is not None
    assert "Closed" in owner.get(f"/recalls/{case.pk}/").content.decode()
    told = owner.get("/api/v1/recalls/?state=closed").json()["results"]
    assert [(each["id"], each["open"]) for each in told] == [(case.pk, 0)]
    (listed,) = owner.get(f"/api/v1/recalls/{case.pk}/entries/").json()["results"]
    assert (listed["run"], listed["new_run"]) == (str(run.pk), str(entry.new_run_id))
