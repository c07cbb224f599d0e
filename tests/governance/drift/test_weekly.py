"""The weekly digest: one for each owner and week, of what waits and what they may read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.utils import timezone

from context.access import principal_for
from governance.delivering import deliver_due
from governance.drift.findings import except_finding
from governance.drift.weekly import tell_weekly
from governance.models import Finding, Notification
from tests.cast import Cast, creation, publish
from tests.governance.drift.conftest import scan

pytestmark = pytest.mark.usefixtures("only_wrong")


def test_weekly__owner_of_findings__is_mailed_once_a_week(cast: Cast) -> None:
    publish(
        cast,
        *[creation(f"legal/cap-{n}", title=f"Cap {n}", body="This is wrong.", owner="owner") for n in range(4)],
        creation("sales/price", body="This is wrong.", owner="author"),
    )
    scan(now=timezone.now())
    price = Finding.objects.get(subject_id="sales/price")
    now = timezone.now()
    until = now + timedelta(days=300)
    except_finding(actor=principal_for(cast.author), finding_id=price.pk, reason="Later.", until=until, now=now)
    Notification.objects.all().delete()

    assert [tell_weekly(now=now), tell_weekly(now=now + timedelta(minutes=30))] == [1, 0]

    notice = Notification.objects.get()
    assert notice.person == cast.owner
    assert notice.text.startswith("4 findings wait for you. “Cap 0” says wrong.")
    assert notice.text.endswith("And 1 more.")
    deliver_due(now=timezone.now())
    [letter] = mail.outbox
    assert "/findings/?owner=me" in letter.body
    assert tell_weekly(now=now + timedelta(days=7)) == 1


def test_weekly__begins_on_monday_at_the_hour_of_digests(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="This is wrong.", owner="owner"))
    scan(now=timezone.now())
    monday = datetime(2036, 11, 24, 5, 59, tzinfo=UTC) - timedelta(days=datetime(2036, 11, 24, tzinfo=UTC).weekday())
    assert tell_weekly(now=monday) == 1
    assert tell_weekly(now=monday + timedelta(minutes=2)) == 1
    assert tell_weekly(now=monday + timedelta(minutes=3)) == 0
