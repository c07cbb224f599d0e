"""The pages of runs: what happened, what waits, and decisions bound to the output that was read."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Run, RunState
from agents.runs.finishing import complete_run
from agents.runs.leases import claim_run
from agents.runs.steps import StepReport, report_step
from context.access import principal_for
from context.models import Sensitivity
from governance.inbox import inbox_for
from tests.cast import Cast
from tests.runs.conftest import Runner, runner, started


@pytest.fixture
def by(cast: Cast) -> Runner:
    warned = {"type": "forbidden_terms", "terms": ["synergy"], "if_failed": "warn"}
    return runner(cast, output_checks=[{"type": "human_review"}, warned], output_schema=None)


def reviewed(cast: Cast, by: Runner, output: object) -> Run:
    run = started(cast, by)
    now = timezone.now()
    claim = claim_run(agent=by.known, now=max(now, run.not_before))
    assert claim is not None
    report = StepReport(key="ask", operation="chat", name="Ask", model="stub-1", input_tokens=12, output_tokens=3)
    report_step(agent=by.known, run_id=run.pk, token=claim.token, report=report, now=timezone.now())
    return complete_run(agent=by.known, run_id=run.pk, token=claim.token, output=output, now=timezone.now())


def signed_in(cast: Cast, who: str) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(getattr(cast, who))
    return client


def test_runs__none_yet__says_how_one_begins(cast: Cast) -> None:
    page = signed_in(cast, "owner").get("/runs/").content.decode()
    assert "No run yet" in page
    assert "POST /api/v1/runs/" in page


def test_run__in_review__is_listed_shown_with_its_steps_and_waits_in_the_inbox(cast: Cast, by: Runner) -> None:
    run = reviewed(cast, by, {"note": "<b>synergy</b>"})
    owner = signed_in(cast, "owner")
    listed = owner.get("/runs/").content.decode()
    assert "Output in review" in listed
    assert "1 run waits for you" in listed
    page = owner.get(f"/runs/{run.pk}/").content.decode()
    for said in ("&lt;b&gt;synergy", "synergy” is not to be used", 'class="waterfall"', "Chat Ask", "15 tokens"):
        assert said in page
    waiting = inbox_for(principal=principal_for(cast.owner), now=timezone.now())
    (entry,) = [each for each in waiting if "run" in each.kind]
    assert entry.url == f"/runs/{run.pk}/review/"
    assert signed_in(cast, "outsider").get(f"/runs/{run.pk}/").status_code == 404


def test_run__approved_on_the_page__succeeds_and_a_stale_page_is_told(cast: Cast, by: Runner) -> None:
    run = reviewed(cast, by, "fine")
    owner = signed_in(cast, "owner")
    stale = owner.post(f"/runs/{run.pk}/review/", {"decision": "approve", "digest": "0" * 64})
    assert stale.status_code == 412
    assert "not the one you read" in stale.content.decode()
    without = owner.post(f"/runs/{run.pk}/review/", {"decision": "reject", "digest": run.output_digest})
    assert without.status_code == 422
    done = owner.post(
        f"/runs/{run.pk}/review/", {"decision": "edit", "digest": run.output_digest, "output": '"better"'}
    )
    assert done.status_code == 302
    run.refresh_from_db()
    assert (run.state, run.output) == (RunState.SUCCEEDED, "better")


def test_run__above_ones_clearance__is_named_to_who_asked_and_its_texts_are_withheld(cast: Cast, by: Runner) -> None:
    run = reviewed(cast, by, "secret words")
    cast.owner.clearance = Sensitivity.PUBLIC
    cast.owner.save()
    Run.objects.filter(pk=run.pk).update(sensitivity=Sensitivity.RESTRICTED)
    page = signed_in(cast, "owner").get(f"/runs/{run.pk}/").content.decode()
    assert "above your clearance" in page
    assert "secret words" not in page
    assert "We pay in 90 days" not in page


def test_run__paused_and_resumed_and_cancelled_on_the_page(cast: Cast, by: Runner) -> None:
    run = started(cast, by)
    owner = signed_in(cast, "owner")
    for verb, state in (("pause", RunState.PAUSED), ("resume", RunState.QUEUED), ("cancel", RunState.CANCELLED)):
        answer = owner.post(f"/runs/{run.pk}/steer/", {"verb": verb, "reason": "Because."})
        assert answer.status_code == 302, answer.content
        run.refresh_from_db()
        assert run.state == state
        assert owner.get(f"/runs/{run.pk}/").status_code == 200


def test_review__queue_and_page__show_what_is_due_first_with_what_the_checks_found_marked(
    cast: Cast, by: Runner
) -> None:
    later, run = reviewed(cast, by, "plain"), reviewed(cast, by, {"note": "<b>synergy</b>", "also": ["x", 1, None]})
    Run.objects.filter(pk=run.pk).update(due_at=timezone.now() - timezone.timedelta(hours=2))
    owner = signed_in(cast, "owner")
    queue = owner.get("/runs/reviews/").content.decode()
    assert queue.index(str(run.pk)) < queue.index(str(later.pk))
    assert "1 is overdue" in queue
    page = owner.get(f"/runs/{run.pk}/review/").content.decode()
    assert "1 of 2" in page
    assert "&lt;b&gt;synergy" in page
    assert "<b>synergy" not in page
    assert 'id="at-1" class="out-mark"' in page
    assert 'href="#at-1"' in page
    moved = owner.post(f"/runs/{run.pk}/review/", {"decision": "approve", "digest": run.output_digest, "on": "1"})
    assert moved["Location"] == f"/runs/{later.pk}/review/"
    assert "No run waits" in signed_in(cast, "author").get("/runs/reviews/").content.decode()
