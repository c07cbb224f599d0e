"""What time does to texts: overdue, ended, about to end; and that confirming or publishing mends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.digests import iso
from governance.drift.tuning import tune_detector
from governance.inbox import inbox_for
from governance.models import Finding
from governance.verification import verify_items
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _only_stale(settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"stale": "governance.drift.stale.DETECTOR"}


def test_stale__overdue__is_found_once_and_resolved_by_confirming_it(cast: Cast) -> None:
    begun = timezone.now()
    publish(cast, creation("legal/cap", title="Cap", owner="owner", review_interval_days=90), now=begun)

    scan(now=begun + 89 * DAY)
    assert not Finding.objects.exists()
    scan(now=begun + 91 * DAY)
    scan(now=begun + 95 * DAY)

    finding = Finding.objects.get()
    due = begun + 90 * DAY
    assert finding.summary == f"Nobody confirmed “Cap” by {due:%d %B %Y}."
    assert finding.evidence["figures"]["Review interval, days"] == 90
    assert (finding.owner, finding.times_opened) == (cast.owner, 1)
    verify_items(actor=cast.owner, keys=["legal/cap"], now=begun + 96 * DAY)
    scan(now=begun + 97 * DAY)
    finding.refresh_from_db()
    assert finding.state == "resolved"
    assert finding.reason.startswith("Olga Owner confirmed “Cap”")


def test_stale__overdue__waits_for_the_grace_of_its_domain_and_weighs_more_the_longer_it_lasts(cast: Cast) -> None:
    begun = timezone.now()
    publish(cast, creation("legal/cap", owner="owner", review_interval_days=90, sensitivity="confidential"), now=begun)
    tune_detector(
        actor=cast.owner,
        detector="stale",
        domain=cast.legal,
        enabled=True,
        severity=None,
        hold_back=False,
        options={"grace_days": 10},
        now=begun,
    )
    scan(now=begun + 99 * DAY)
    assert not Finding.objects.exists()
    scan(now=begun + 101 * DAY)
    light = Finding.objects.get().severity
    scan(now=begun + 400 * DAY)
    grave = Finding.objects.get().severity
    assert light < grave
    scan(now=begun + 401 * DAY, full=True)
    assert (Finding.objects.get().severity, Finding.objects.get().times_opened) == (grave, 1)


def test_stale__validity__ending_then_ended_then_followed(cast: Cast) -> None:
    # In the past: what is published is never known before the database's clock says so.
    begun = timezone.now() - 70 * DAY
    end = begun + 60 * DAY
    publish(cast, creation("legal/pilot", title="Pilot", valid_to=iso(end)), now=begun)

    scan(now=begun + DAY)
    assert not Finding.objects.exists()
    scan(now=begun + 40 * DAY)
    ending = Finding.objects.get()
    assert (ending.summary, ending.severity) == (
        f"“Pilot” ends on {end:%d %B %Y} and nothing is published to follow it.",
        1,
    )
    scan(now=end + DAY)
    ending.refresh_from_db()
    assert (ending.summary, ending.severity) == (
        f"“Pilot” ended on {end:%d %B %Y} and no text is in force since.",
        2,
    )
    publish(cast, revision("legal/pilot", body="For good.", valid_to=None), now=end + 2 * DAY)
    scan(now=end + 3 * DAY)
    ending.refresh_from_db()
    assert ending.proposal["retire"] is True
    assert (ending.state, ending.reason, ending.resolved_by_version) == (
        "resolved",
        "Version 2 of “Pilot” ended it.",
        2,
    )


def test_stale__ended_and_overdue__is_one_finding_as_what_is_over_is_not_to_be_confirmed(cast: Cast) -> None:
    begun = timezone.now() - 70 * DAY
    publish(cast, creation("legal/pilot", valid_to=iso(begun + 10 * DAY), review_interval_days=5), now=begun)
    scan(now=begun + 20 * DAY)
    assert "ended on" in Finding.objects.get().evidence["sentence"]


def test_stale__ending_with_a_successor_published__is_none(cast: Cast) -> None:
    begun = timezone.now()
    end = begun + 20 * DAY
    publish(cast, creation("legal/pilot", valid_to=iso(end)), now=begun)
    publish(cast, revision("legal/pilot", body="Next.", valid_from=iso(end), valid_to=None), now=begun + DAY)

    scan(now=begun + 2 * DAY)

    assert not Finding.objects.exists()


def test_stale__in_the_inbox__an_overdue_text_stands_once_and_an_ended_one_besides(cast: Cast) -> None:
    begun = timezone.now() - 200 * DAY
    publish(
        cast,
        creation("legal/cap", title="Cap", owner="owner", review_interval_days=90),
        creation("legal/pilot", title="Pilot", owner="owner", valid_to=iso(begun + 60 * DAY)),
        now=begun,
    )
    scan(now=timezone.now())
    assert Finding.objects.count() == 2

    waiting = inbox_for(principal=principal_for(cast.owner), now=timezone.now())

    assert sorted((entry.kind, entry.title) for entry in waiting) == [("finding", "Pilot"), ("verification", "Cap")]
