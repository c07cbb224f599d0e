"""Drift, end to end: what is planted in the sample is found, shown with its evidence, and mended by its people."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.models import ContextItem, User
from governance.drift.shards import work_on_scans
from governance.inbox import waiting_for
from governance.models import Change, Finding
from governance.models.changes import ChangeState
from tests.cast import PASSWORD, Cast, creation, publish
from tests.governance.drift.conftest import scan
from tests.sample_database import become_sample

pytestmark = pytest.mark.browser


@pytest.fixture
def organisation(committed_db: None, tmp_path: Path) -> None:
    """The sample, whose people sign in with the password of the tests. Before the site is served: it moves in there."""
    become_sample(tmp_path / "credentials.json")
    for person in User.objects.filter(is_active=True):
        person.set_password(PASSWORD)
        person.save(update_fields=["password"])


def work() -> None:
    """What a worker would do."""
    work_on_scans(clock=timezone.now, at_most=timedelta(minutes=5))


def look(admin: Any) -> None:
    """The administrator asks for a scan, and sees on its page, without reloading it, that it is done."""
    admin.go("/findings/scans/")
    admin.page.get_by_role("button", name="Scan now").click()
    admin.page.get_by_role("heading", name=re.compile("Waiting for a worker|Looking")).wait_for()
    work()
    admin.page.get_by_role("heading", name="Done").wait_for()


def mend(visit: Any, finding: Finding) -> None:
    """Whoever owns the text drafts what the finding proposes and submits it; others approve, the last publishes."""
    assert finding.item is not None
    writer = finding.item.owner or finding.owner
    assert writer is not None
    author = visit(writer.username)
    author.go(f"/findings/{finding.pk}/")
    author.page.get_by_role("button", name="Draft the mended text").click()
    author.page.wait_for_url(re.compile(r"/changes/\d+/$"))
    author.page.get_by_role("button", name="Submit for review").click()
    author.page.get_by_text("You wrote this change. Somebody else has to approve it.").wait_for()
    change = Change.objects.latest("pk")
    while change.state == ChangeState.IN_REVIEW:
        person = next(
            user
            for user in User.objects.filter(is_active=True).order_by("pk")
            if change.pk in {each.change.pk for each in waiting_for(principal_for(user))}
        )
        approver = visit(person.username)
        approver.go(f"/changes/{change.pk}/")
        approver.page.get_by_role("button", name="Approve").click()
        approver.page.get_by_text("You approved it.").wait_for()
        change.refresh_from_db()
    approver.page.get_by_role("button", name="Publish now").click()
    approver.page.get_by_text("Published.", exact=False).first.wait_for()


@pytest.mark.slow
def test_sample__planted_contradiction_expiry_and_rename__are_found_shown_and_mended(
    organisation: None, visit: Any
) -> None:
    admin = visit("callum.reid")
    look(admin)
    admin.go("/findings/")
    board = admin.page.locator("main").inner_text()
    assert "cannot both be right" in board
    assert "“Four-day week pilot in Rotterdam” ended on" in board
    assert "“Qualification criteria: storage and stock throughput” calls “Slackwater”" in board

    # The contradiction: two passages beside each other, the figures marked in both.
    contradiction = Finding.objects.get(detector="contradiction")
    keys = {item.key for item in contradiction.concerned.all()}
    assert keys == {"finance/broker-settlement-policy", "sales/broker-terms-of-business"}
    admin.go(f"/findings/{contradiction.pk}/")
    exhibits = admin.page.locator(".exhibit")
    assert exhibits.count() == 2
    assert sorted(mark for mark in admin.page.locator(".exhibit mark").all_inner_texts() if "days" in mark) == [
        "30 days",
        "45 days",
    ]
    lefts = [exhibits.nth(place).bounding_box()["x"] for place in range(2)]
    assert lefts[0] != lefts[1]
    mend(visit, contradiction)

    # What is over: taken out. What has a new name: written so.
    expiry = Finding.objects.get(summary__startswith="“Four-day week pilot in Rotterdam” ended on")
    mend(visit, expiry)
    rename = Finding.objects.get(detector="terminology", summary__contains="“Slackwater”")
    assert "StoreSafe" in str(rename.evidence)
    mend(visit, rename)
    assert "StoreSafe" not in ContextItem.objects.get(key="sales/qualification-warehouse-risks").current_version.body

    # The next scan sees that they are mended, and says what did it.
    look(admin)
    for finding in (contradiction, expiry, rename):
        finding.refresh_from_db()
        admin.go(f"/findings/{finding.pk}/")
        assert finding.state == "resolved", (finding.summary, finding.evidence)
        assert finding.reason in admin.page.locator(".lead").inner_text()
    assert contradiction.resolved_by_version is not None
    assert "was retired" in expiry.reason
    assert rename.resolved_by_version is not None


def test_findings__without_scripts__filter_choose_and_settle(visit: Any, cast: Cast, settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"wrong": "tests.governance.drift.conftest.DETECTOR"}
    publish(cast, creation("legal/cap", body="This is wrong.", owner="owner"))
    scan(now=timezone.now())
    owner = visit("owner", scripts=False)
    owner.go("/findings/")
    owner.page.get_by_label("owned by").select_option("me")
    owner.page.get_by_role("button", name="Show").click()
    owner.page.wait_for_url(re.compile("owner=me"))
    owner.page.locator("input[name=finding]").first.check()
    owner.page.get_by_text("Do something with those chosen").click()
    owner.page.get_by_role("button", name="I see to them").click()
    owner.page.get_by_text("1 finding taken in hand.").wait_for()
    assert Finding.objects.get().state == "acknowledged"
