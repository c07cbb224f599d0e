"""Scans: what is looked at, found once, settled by itself, and gone on with after a worker was killed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.errors import NotPermitted
from context.models import ContextItem, Hold, RoleGrant
from governance.drift.detectors import Detector, Scope
from governance.drift.findings import dismiss_finding, except_finding
from governance.drift.scan import progress_of, request_due_scan, request_scan
from governance.drift.shards import work_on_scans
from governance.drift.tuning import tune_detector
from governance.edits import EditInput
from governance.models import AuditEvent, Finding, Notification, Scan, ScanShard, ScanState
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import SHOWN, scan

pytestmark = pytest.mark.usefixtures("only_wrong")
HOUR = timedelta(hours=1)


def test_scan__first__looks_at_everything_and_opens_one_finding_a_cause(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong.", owner="owner"), creation("sales/price", body="Fine."))
    now = timezone.now()

    done = scan(now=now)

    [finding] = Finding.objects.all()
    assert (finding.detector, finding.subject_id, finding.owner, finding.state) == (
        "wrong",
        "legal/cap",
        cast.owner,
        "open",
    )
    assert finding.evidence["passages"][0]["marks"] == [[8, 13]]
    assert list(finding.concerned.all()) == [finding.item]
    assert (done.state, progress_of(done).opened) == (ScanState.DONE, 1)
    assert Notification.objects.filter(person=cast.owner, kind="finding_opened").count() == 1
    actions = AuditEvent.objects.filter(action__contains="governance.").order_by("-sequence")[:3]
    assert [event.action for event in actions] == [
        "governance.scan.ended",
        "governance.finding.opened",
        "governance.scan.requested",
    ]


def test_scan__after_another__looks_only_at_what_changed_and_its_neighbours(cast: Cast) -> None:
    [cap, *_] = publish(cast, *[creation(f"legal/cap-{n}", body="Fine.") for n in range(4)])
    [price] = publish(
        cast, creation("sales/price", body="Fine.", relations=[{"type": "depends_on", "key": "legal/cap-2"}])
    )
    scan(now=timezone.now())
    SHOWN.clear()
    publish(cast, revision("legal/cap-0", body="Now it is wrong."), revision("legal/cap-2", body="Fine, too."))

    scan(now=timezone.now())

    near = ContextItem.objects.get(key="legal/cap-2")
    assert sorted(SHOWN) == [(cap.pk, near.pk), (price.pk,)]
    assert Finding.objects.get().subject_id == "legal/cap-0"
    SHOWN.clear()
    scan(now=timezone.now())
    assert SHOWN == []


def test_scan__cause_is_gone__finding_resolves_and_says_which_version_did_it(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong.", title="Cap"))
    scan(now=timezone.now())
    publish(cast, revision("legal/cap", body="This is right."))

    done = scan(now=timezone.now())

    finding = Finding.objects.get()
    assert (finding.state, finding.resolved_by_version) == ("resolved", 2)
    assert finding.reason == "Version 2 of “Cap” ended it."
    assert progress_of(done).resolved == 1
    publish(cast, revision("legal/cap", body="This is wrong again."))
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert (finding.state, finding.times_opened) == ("open", 2)


def test_scan__item_is_retired__finding_resolves(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong.", title="Cap"))
    scan(now=timezone.now())
    publish(cast, EditInput(operation="retire", key="legal/cap"))

    scan(now=timezone.now())

    assert Finding.objects.get().reason == "“Cap” was retired."


def test_scan__dismissed__stays_quiet_until_the_evidence_changes(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong."))
    scan(now=timezone.now())
    finding = Finding.objects.get()
    dismiss_finding(actor=principal_for(cast.owner), finding_id=finding.pk, reason="It is a quote.", now=timezone.now())

    scan(now=timezone.now(), full=True)
    finding.refresh_from_db()
    assert finding.state == "dismissed"

    publish(cast, revision("legal/cap", body="This is very wrong."))
    scan(now=timezone.now())
    finding.refresh_from_db()
    assert (finding.state, finding.times_opened) == ("open", 2)


def test_scan__excepted__comes_back_after_its_end(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong."))
    now = timezone.now()
    scan(now=now)
    finding = Finding.objects.get()
    except_finding(
        actor=principal_for(cast.owner), finding_id=finding.pk, reason="Until May.", until=now + HOUR * 48, now=now
    )

    scan(now=now + HOUR, full=True)

    assert Finding.objects.count() == 1
    assert not Finding.objects.awaiting(now + HOUR).exists()
    assert Finding.objects.awaiting(now + HOUR * 49).get().due_at >= now + HOUR * 48


def test_scan__asked_for_twice__is_one(cast: Cast) -> None:
    first = request_scan(actor=principal_for(cast.admin), now=timezone.now())
    assert request_scan(actor=SYSTEM, now=timezone.now()) == first
    assert request_scan(actor=SYSTEM, now=timezone.now(), full=True) != first


def test_scan__by_whom__those_who_answer_for_the_domain(cast: Cast) -> None:
    now = timezone.now()
    RoleGrant.objects.create(user=cast.outsider, role="steward", domain=cast.sales)

    request_scan(actor=principal_for(cast.outsider), now=now, domain=cast.sales)
    request_scan(actor=principal_for(cast.owner), now=now, domain=cast.legal)
    for actor, domain in (
        (cast.outsider, None),
        (cast.outsider, cast.legal),
        (cast.author, cast.legal),
        (cast.owner, None),
    ):
        with pytest.raises(NotPermitted):
            request_scan(actor=principal_for(actor), now=now, domain=domain)
    assert AuditEvent.objects.filter(action="governance.scan.request.denied").count() == 4


def test_scan__of_one_domain__leaves_the_others(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="Wrong: wrong."), creation("sales/price", body="Also wrong."))
    scan(now=timezone.now(), domain=cast.sales)
    assert [finding.subject_id for finding in Finding.objects.all()] == ["sales/price"]
    scan(now=timezone.now())
    assert Finding.objects.count() == 2


def test_scan__schedule__full_first_then_what_changed_then_full_again(cast: Cast) -> None:
    now = timezone.now()
    first = request_due_scan(now=now)
    assert first is not None
    assert first.full
    work_on_scans(clock=lambda: now, at_most=HOUR)
    assert request_due_scan(now=now + timedelta(minutes=30)) is None
    second = request_due_scan(now=now + HOUR)
    assert second is not None
    assert not second.full
    work_on_scans(clock=lambda: now + HOUR, at_most=HOUR)
    third = request_due_scan(now=now + timedelta(days=8))
    assert third is not None
    assert third.full


def test_tuning__another_word__makes_the_next_scan_look_anew(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is odd."), creation("sales/price", body="This is odd."))
    scan(now=timezone.now())
    tune_detector(
        actor=cast.owner,
        detector="wrong",
        domain=cast.legal,
        enabled=True,
        severity=4,
        hold_back=False,
        options={"word": "odd"},
        now=timezone.now(),
    )

    scan(now=timezone.now())

    [finding] = Finding.objects.all()
    assert (finding.subject_id, finding.severity) == ("legal/cap", 4)


def test_tuning__switched_off_in_a_domain__is_not_looked_at(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong."), creation("sales/price", body="This is wrong."))
    tune_detector(
        actor=cast.owner,
        detector="wrong",
        domain=cast.legal,
        enabled=False,
        severity=None,
        hold_back=False,
        options={},
        now=timezone.now(),
    )
    scan(now=timezone.now())
    assert [finding.subject_id for finding in Finding.objects.all()] == ["sales/price"]


def test_tuning__switched_off_after_it_found_something__leaves_the_finding_to_people(cast: Cast, settings: Any) -> None:
    settings.DRIFT_DETECTORS = {
        "wrong": "tests.governance.drift.conftest.DETECTOR",
        "paired": "tests.governance.drift.conftest.PAIRED",
    }
    publish(cast, creation("legal/cap", body="This is wrong."))
    scan(now=timezone.now())
    assert Finding.objects.unsettled().count() == 2
    for name in settings.DRIFT_DETECTORS:
        tune_detector(
            actor=cast.owner,
            detector=name,
            domain=cast.legal,
            enabled=False,
            severity=None,
            hold_back=False,
            options={},
            now=timezone.now(),
        )
    publish(cast, revision("legal/cap", body="This is still wrong."))

    scan(now=timezone.now())
    scan(now=timezone.now(), full=True)

    assert Finding.objects.unsettled().count() == 2


def test_tuning__hold_back__keeps_a_grave_finding_from_verified_contracts_until_it_is_settled(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", body="This is wrong."))
    tune_detector(
        actor=cast.admin,
        detector="wrong",
        domain=None,
        enabled=True,
        severity=3,
        hold_back=True,
        options={},
        now=timezone.now(),
    )
    scan(now=timezone.now())
    assert list(Hold.objects.values_list("item_id", "code")) == [(cap.pk, "contradicted")]
    publish(cast, revision("legal/cap", body="This is right."))
    scan(now=timezone.now())
    assert not Hold.objects.exists()


def test_shard__detector_fails__others_go_on_and_the_scan_ends_incomplete(cast: Cast, settings: object) -> None:
    settings.DRIFT_DETECTORS = {
        "broken": "tests.governance.drift.test_scan.BROKEN",
        "wrong": "tests.governance.drift.conftest.DETECTOR",
    }
    publish(cast, creation("legal/cap", body="This is wrong."))
    asked = request_scan(actor=SYSTEM, now=timezone.now())
    for _ in range(6):
        try:
            work_on_scans(clock=timezone.now, at_most=HOUR)
        except ZeroDivisionError:
            continue
    asked.refresh_from_db()
    assert asked.state == ScanState.INCOMPLETE
    assert Finding.objects.count() == 1
    failed = ScanShard.objects.get(scan=asked, state="failed")
    assert failed.error.startswith("ZeroDivisionError")
    assert Scan.objects.count() == 1


def _divide(subjects: object, *, now: object, context: object) -> list[object]:
    return [1 // 0]


BROKEN = Detector(name="broken", question="?", scope=Scope.ITEMS, detect=_divide)
