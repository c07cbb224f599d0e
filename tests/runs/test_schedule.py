"""What the schedule does by itself: each part is registered, may be lost or come twice, also at once."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.authentication import authenticate
from agents.memory.keeping import remember, sweep
from agents.models import MemoryEntry, Receipt, ReceiptSeal, Run, RunState, Scope
from agents.routing.asking import Question
from agents.runs.leases import claim_run, take_back_expired
from agents.runs.starting import RunOrder, start_run
from agents.runs.waiting import look_again
from agents.sealing import seal_receipts
from config.api.idempotency import forget_answers
from config.celery import app
from context.access import principal_for
from governance.audit.verification import verify_chain
from governance.models import AuditEvent
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish, revision
from tests.governance.test_races import together
from tests.routing.conftest import publish_rules, rule, rules, to

AT_ONCE = 4
SCOPES = (Scope.BUNDLES_READ, Scope.MEMORY_WRITE, Scope.RUNS_WRITE)


def test_schedule__each_entry__is_a_task_that_workers_know_and_expires_before_it_piles_up() -> None:
    app.loader.import_default_modules()
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["task"] in app.tasks, name
        assert entry["options"]["expires"] <= entry["schedule"].run_every.total_seconds(), name


def test_schedule__done_twice_with_nothing_to_do__says_nothing_the_second_time(
    cast: Cast, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_CHECKPOINT_DIRECTORY = tmp_path
    app.loader.import_default_modules()
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    told: list[Counter[str]] = []
    for _ in range(3):
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            app.tasks[entry["task"]].run()
        told.append(Counter(AuditEvent.objects.values_list("action", flat=True)))
    assert told[1] == told[2]


def test_schedule__the_same_at_once_by_several_workers__each_thing_is_done_once(cast: Cast, committed_db: None) -> None:
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    given = give(cast, contract(cast, [{"key": "legal/cap"}]), slug="first", scopes=SCOPES)
    agent = authenticate(f"Bearer {given.bearer}")
    waiting = to("first", incomplete={"do": "wait", "hours": 1, "then": "refuse"})
    publish_rules(cast, rules(rule("all", then=waiting)))
    now = timezone.now()

    def start() -> Run:
        return start_run(
            actor=principal_for(cast.owner),
            name="owner",
            question=Question(rule_set="routes", task_type="review", task={"number": 1}),
            order=RunOrder(task_type="review", task={"number": 1}),
            now=timezone.now(),
        )

    leased = [start() for _ in range(5)]
    assert all(claim_run(agent=agent, lease_seconds=5, now=timezone.now()) for _ in leased)
    for number in range(5):
        given.bundle(task={"number": number})
        expires = now + timedelta(minutes=1)
        remember(agent=agent, namespace="agent:first", key=f"k{number}", value=1, expires_at=expires, now=now)
    publish(cast, revision("legal/cap", valid_from="2019-01-01T00:00:00Z", valid_to="2020-01-01T00:00:00Z"))
    in_vain = [start() for _ in range(3)]
    later = now + timedelta(hours=2)

    def whole_schedule(number: int) -> None:
        take_back_expired(now=later)
        look_again(now=later)
        sweep(now=later)
        seal_receipts(now=later)
        forget_answers(now=later)

    assert together(AT_ONCE, whole_schedule) == {"done": AT_ONCE}

    told = Counter(AuditEvent.objects.values_list("action", flat=True))
    assert told["agents.run.returned"] == len(leased)
    assert told["agents.run.waited_in_vain"] == len(in_vain)
    assert set(Run.objects.filter(pk__in=[run.pk for run in in_vain]).values_list("state", flat=True)) == {
        RunState.REFUSED
    }
    swept = AuditEvent.objects.filter(action="agents.memory.expired")
    assert (MemoryEntry.objects.count(), sum(event.data["entries"] for event in swept)) == (0, 5)
    seals = ReceiptSeal.objects.all()
    assert sum(seal.count for seal in seals) == Receipt.objects.count() > 0
    assert verify_chain().broken_sequence is None
