"""Review, inbox, verification and audit as people do them: a passage discussed, a text verified, the ledger checked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from context.models import ContextItem
from governance.models import Checkpoint, Comment
from tests.browser.conftest import NARROW, WIDE
from tests.cast import Cast, creation, publish, revision, submit

pytestmark = pytest.mark.browser
BODY = "Suppliers are paid in 30 days.\n\nLate payment costs 2 %.\n\nDisputes go to Legal."


def test_review__words_selected_and_commented__stand_beside_their_line(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body=BODY))
    change = submit(cast, revision("legal/terms", body=BODY.replace("30", "45")))
    for width, scheme in ((WIDE, "light"), (NARROW, "dark")):
        reviewer = visit("reviewer", width=width, scheme=scheme)
        reviewer.go(f"/changes/{change.pk}/")
        page = reviewer.page
        line = page.locator(".diff-new", has_text="Suppliers are paid").first
        line.locator("ins").first.dblclick()
        line.locator("[data-say]").click()
        form = page.locator("form.say")
        form.wait_for()
        assert form.locator("blockquote").inner_text() == "45"
        form.locator("textarea").fill(f"Why so late, at {width}?")
        form.get_by_role("button", name="Comment").click()
        page.locator(".beside", has_text=f"at {width}?").wait_for()
        assert reviewer.overflow <= 0
    assert [each.quote for each in Comment.objects.order_by("pk")] == ["45", "45"]


def test_review__without_scripts__a_line_is_commented_on_a_page_of_its_own(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body=BODY))
    change = submit(cast, revision("legal/terms", body=BODY.replace("30", "45")))
    reviewer = visit("reviewer", scripts=False)
    reviewer.go(f"/changes/{change.pk}/")
    reviewer.page.locator("[data-say]").first.click()
    reviewer.page.locator("form.say textarea").fill("Why?")
    reviewer.page.get_by_role("button", name="Comment", exact=True).first.click()
    assert reviewer.page.locator(".beside", has_text="Why?").count() == 1
    assert Comment.objects.get().quote == "Suppliers are paid in 45 days."


def test_inbox__a_text_is_verified_without_leaving_it(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body=BODY, owner="owner"))
    overdue = timezone.now() - timedelta(days=3)
    _set_verified_until("legal/terms", overdue)
    owner = visit("owner", width=NARROW)
    owner.go("/inbox/")
    assert "Overdue 3 days" in owner.page.locator("main").inner_text()
    owner.page.get_by_role("button", name="Terms is still true").click()
    owner.page.wait_for_url("**/inbox/")
    assert "Verified as still true until" in owner.page.locator("body").inner_text()
    assert ContextItem.objects.get(key="legal/terms").verified_until > timezone.now()


def test_audit__verified_signed_and_filtered(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body=BODY))
    for width, scheme in ((WIDE, "dark"), (NARROW, "light")):
        auditor = visit("auditor", width=width, scheme=scheme)
        auditor.go("/audit/")
        auditor.page.get_by_role("button", name="Verify now").click()
        auditor.page.get_by_text("The record is whole.").wait_for()
        auditor.go("/audit/checkpoints/")
        auditor.page.get_by_role("button", name="Sign one now").click()
        auditor.page.get_by_text("Download it and keep it elsewhere").wait_for()
        assert auditor.overflow <= 0
        auditor.go("/audit/?what=context.version.published")
        assert "1 event found" in auditor.page.locator("#events").inner_text()
    assert Checkpoint.objects.count() == 2


def test_item__slider_moved__shows_the_text_of_that_day(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body="The old words."), now=timezone.now() - timedelta(days=40))
    publish(cast, revision("legal/terms", body="The new words."), now=timezone.now() - timedelta(days=9))
    author = visit("author")
    author.go("/items/legal/terms/")
    author.page.locator("#slide").evaluate(
        "slider => { slider.value = 2; slider.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    day = (timezone.now() - timedelta(days=38)).date()
    assert author.page.locator("#slid").inner_text() == f"as of {day.day} {day:%B %Y}"
    author.page.locator("[data-slide] button").click()
    author.page.get_by_text("The old words.").wait_for()


def test_catalogue__search_kept__is_offered_as_a_view(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/terms", body=BODY))
    author = visit("author")
    author.go("/items/?q=terms")
    author.page.get_by_label("Keep this search as").fill("Our terms")
    author.page.get_by_role("button", name="Save view").click()
    author.page.get_by_role("link", name="Our terms").wait_for()


def _set_verified_until(key: str, moment: Any) -> None:
    """As time would have it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', 'verify', true)")
        ContextItem.objects.filter(key=key).update(verified_until=moment)
