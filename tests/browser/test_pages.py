"""Every page, wide and narrow, light and dark: it answers, fits its window, and can be read and operated by anyone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.models import ContextItem
from governance.changes import submit_change
from governance.comments import add_comment
from governance.drift.findings import Sighting, open_finding
from governance.personal_tokens import issue_token
from tests.agents.conftest import contract, give
from tests.browser.conftest import NARROW, WIDE
from tests.cast import Cast, creation, propose, publish, revision, submit

pytestmark = pytest.mark.browser

INSPECTION = (Path(__file__).parent / "inspection.js").read_text("utf-8")
OPENED = "document.querySelectorAll('details.pop').forEach((each) => { each.open = true; })"
BODY = """## Payment

Invoices are paid within **30 days**, see [liability](item:legal/liability).

| Amount | Approver |
|---|---|
| up to 10,000 EUR | a team lead, or whoever stands in for them while they are away |

```
a_very_long_line_of_code_that_does_not_break_anywhere_and_would_push_the_page_wider_than_its_window = 1
```
"""
# (address, who looks). `{open}` and `{draft}` are the numbers of a change in review and of a draft.
PAGES = (
    ("/", "reviewer"),
    ("/", "outsider"),
    ("/profile/", "author"),
    ("/inbox/", "reviewer"),
    ("/inbox/", "outsider"),
    ("/findings/", "owner"),
    ("/findings/{finding}/", "owner"),
    ("/changes/{stale}/", "author"),
    ("/changes/{stale}/edits/{stale_edit}/rebase/", "author"),
    ("/items/", "author"),
    ("/items/?q=payment&kind=policy", "author"),
    ("/items/?q=zzzzzz&domain=finance", "author"),
    ("/items/legal/payment-terms/", "author"),
    ("/items/legal/payment-terms/?as_of=2020-01-01", "author"),
    ("/items/legal/payment-terms/versions/1/", "author"),
    ("/items/legal/payment-terms/diff/?from=1&to=2", "author"),
    ("/items/legal/payment-terms/edit/", "author"),
    ("/items/legal/payment-terms/retire/", "author"),
    ("/items/new/", "author"),
    ("/items/new/?kind=policy", "author"),
    ("/items/new/?kind=risk_appetite", "author"),
    ("/changes/?show=all", "author"),
    ("/changes/?show=waiting", "author"),
    ("/changes/{open}/", "author"),
    ("/changes/{open}/", "reviewer"),
    ("/changes/{draft}/", "author"),
    ("/changes/{many}/", "reviewer"),
    ("/domains/", "author"),
    ("/domains/legal/", "author"),
    ("/domains/finance/", "author"),
    ("/policies/", "author"),
    ("/audit/", "auditor"),
    ("/audit/?who=nobody", "auditor"),
    ("/audit/3/", "auditor"),
    ("/audit/checkpoints/", "auditor"),
    ("/changes/{stale}/edits/{stale_edit}/?say=1", "author"),
    ("/agents/", "owner"),
    ("/agents/", "outsider"),
    ("/agents/comparer/", "owner"),
    ("/gaps/", "owner"),
    ("/gaps/?days=7", "outsider"),
    ("/skew/", "owner"),
    ("/budgets/", "owner"),
    ("/contracts/review/edit/", "owner"),
    ("/agents/unsanctioned/", "auditor"),
    ("/contracts/", "owner"),
    ("/contracts/review/", "owner"),
    ("/contracts/review/?try=1&agent=comparer&query=payment", "owner"),
    ("/items/no/such-item/", "author"),
    ("/sign-in/", ""),
)


@pytest.fixture
def places(cast: Cast, settings: Any) -> dict[str, int]:
    """An organisation with something on every page; the numbers of its changes."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    publish(
        cast,
        creation("legal/payment-terms", title="Payment terms", body=BODY, owner="owner", tags=["suppliers"]),
        creation("legal/liability", title="Liability", body="Capped.", relations=[]),
        creation(
            "legal/supplier",
            kind="term",
            title="Supplier",
            data={"definition": "Who sells to us.", "aliases": ["vendor"]},
        ),
        creation(
            "sales/next-year", title="Prices of next year", valid_from=(timezone.now() + timedelta(days=40)).isoformat()
        ),
    )
    comparer = give(
        cast, contract(cast, [{"key": "legal/payment-terms"}, {"kind": "term", "domain": "legal", "required": False}])
    )
    comparer.bundle()
    publish(
        cast,
        revision(
            "legal/payment-terms",
            body=BODY.replace("30 days", "45 days"),
            data={"rules": [{"id": "1", "obligation": "must", "statement": "Pay in time."}]},
            relations=[{"type": "conflicts_with", "key": "legal/liability"}],
        ),
    )
    assert comparer.post({"contract": "review"}).status_code == 409
    contract(cast, [{"key": "legal/liability", "max_age_days": 1, "must_be_verified": True}], slug="other")
    issue_token(user=cast.author, name="A script", actor=principal_for(cast.author), now=timezone.now())
    many = propose(cast, *[creation(f"sales/rule-{n}", body=f"Rule {n}.") for n in range(60)], title="Many rules")
    submit_change(actor=cast.author, change_id=many.pk, now=timezone.now())
    in_review = submit(
        cast,
        revision("legal/payment-terms", body=BODY.replace("30 days", "60 days"), tags=["suppliers", "terms"]),
        creation("legal/force-majeure", title="Force majeure", body="War and flood."),
    )
    draft = propose(cast, revision("legal/liability", body="Capped at the fees."), title="A draft")
    add_comment(
        actor=cast.reviewer,
        change_id=in_review.pk,
        text="Is that in the contract?",
        key="legal/payment-terms",
        quote="60 days",
        now=timezone.now(),
    )
    stale = propose(
        cast, revision("legal/liability", body="Capped at one year of fees."), title="A draft made too early"
    )
    publish(cast, revision("legal/liability", body="Not capped."))
    finding = open_finding(
        seen=Sighting(
            detector="contradictions",
            severity=3,
            item=ContextItem.objects.get(key="legal/payment-terms"),
            cause={"with": "legal/liability"},
            summary="Two texts give different periods.",
            evidence={"passages": [{"key": "legal/liability", "text": "Capped."}], "days": 45},
        ),
        now=timezone.now(),
    )
    return {
        "open": in_review.pk,
        "draft": draft.pk,
        "many": many.pk,
        "stale": stale.pk,
        "stale_edit": stale.edits.get().pk,
        "finding": finding.pk,
    }


@pytest.mark.slow
def test_pages__every_page__answers_fits_and_can_be_read_by_anyone(visit: Any, places: dict[str, int]) -> None:
    found = []
    for who in sorted({who for _, who in PAGES}):
        visitor = visit(who)
        for address in [address.format(**places) for address, reader in PAGES if reader == who]:
            answer = visitor.go(address)
            expected = 404 if "no/such" in address else 200
            if answer.status != expected:
                found.append(f"{address} for {who}: {answer.status}")
                continue
            for width, scheme in ((NARROW, "dark"), (WIDE, "light")):
                visitor.page.set_viewport_size({"width": width, "height": 900})
                visitor.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                if visitor.overflow > 0:
                    found.append(f"{address} at {width}: {visitor.overflow} pixels too wide")
                found += [f"{address} for {who} at {width}: {each}" for each in visitor.page.evaluate(INSPECTION)]
                # What opens on a button stays within the window too.
                visitor.page.evaluate(OPENED)
                if visitor.overflow > 0:
                    found.append(f"{address} at {width}, opened: {visitor.overflow} pixels too wide")
                visitor.page.evaluate(OPENED.replace("true", "false"))
    assert found == []


def test_pages__keyboard__reaches_search_lists_and_help(visit: Any, places: dict[str, int]) -> None:
    author = visit("author")
    author.go("/items/")
    author.page.locator("h1").click()
    author.page.keyboard.press("/")
    assert author.page.evaluate("document.activeElement.id") == "q"
    author.page.keyboard.press("Escape")
    author.page.keyboard.press("j")
    author.page.keyboard.press("j")
    author.page.keyboard.press("k")
    first = author.page.locator("[data-rows] .row-title").first
    assert first.evaluate("element => element === document.activeElement")
    author.page.keyboard.press("?")
    assert author.page.get_by_role("dialog").is_visible()
    author.page.keyboard.press("Escape")
    author.page.keyboard.press("g")
    author.page.keyboard.press("d")
    author.page.wait_for_url("**/domains/")
    author.page.keyboard.press("Tab")
    assert author.page.evaluate("document.activeElement.className") == "skip"


def test_catalogue__typing__narrows_the_results_without_leaving_the_page(visit: Any, places: dict[str, int]) -> None:
    author = visit("author")
    author.go("/items/")
    author.page.get_by_label("Search by words or meaning").press_sequentially("paym")
    author.page.locator("#results", has_text="“paym”").wait_for()
    assert author.page.locator("[data-rows] .row-title").first.inner_text() == "Payment terms"
    assert "q=paym" in author.page.url
    author.page.locator("input[name=kind][value=term]").check()
    author.page.locator("#results", has_text="within these filters").wait_for()
    author.page.go_back()
    author.page.locator(".shell").wait_for()
    author.page.locator("#results", has_text="“paym”").wait_for()


def test_change__many_edits__each_is_fetched_when_opened(visit: Any, places: dict[str, int]) -> None:
    reviewer = visit("reviewer")
    reviewer.go(f"/changes/{places['many']}/")
    folds = reviewer.page.locator(".edit-fold")
    assert folds.count() == 50
    folds.first.locator("summary").click()
    folds.first.get_by_text("Rule 0.").first.wait_for()


def test_theme__dark_chosen__stays_dark_on_the_next_page(visit: Any, places: dict[str, int]) -> None:
    author = visit("author", scheme="light")
    author.page.locator(".side").get_by_role("button", name="Dark").click()
    author.page.wait_for_load_state("networkidle")
    author.go("/items/")
    assert author.page.locator("html").get_attribute("data-theme") == "dark"
    red, green, blue = author.page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    )
    assert max(red, green, blue) < 60


def test_edit__typed_and_left__is_offered_again(visit: Any, places: dict[str, int]) -> None:
    author = visit("author")
    author.go("/items/legal/payment-terms/edit/")
    author.page.get_by_label("Markdown").fill("Half a thought")
    author.page.get_by_text("Kept as typed").wait_for()
    later = visit("author")
    later.go("/items/legal/payment-terms/edit/")
    later.page.get_by_role("link", name="Go on with it").click()
    assert later.page.get_by_label("Markdown").input_value() == "Half a thought"
    owner = visit("owner")
    owner.go("/items/legal/payment-terms/edit/")
    owner.page.get_by_text("has this form open too").wait_for()


def test_change__talked_about_and_set_on_the_newer_version__can_be_submitted(
    visit: Any, places: dict[str, int]
) -> None:
    reviewer = visit("reviewer")
    reviewer.go(f"/changes/{places['open']}/")
    assert "Is that in the contract?" in reviewer.page.locator("#discussion").inner_text()
    # Beside the passage it is about, the remark leads to where it is answered, opened and ready to type.
    reviewer.page.get_by_role("link", name="Reply or settle").click()
    reviewer.page.locator("textarea:focus").wait_for()
    reviewer.page.keyboard.type("It is, in clause 4.")
    reviewer.page.get_by_role("button", name="Reply").click()
    reviewer.page.locator("#discussion").get_by_text("It is, in clause 4.").wait_for()
    author = visit("author")
    author.go(f"/changes/{places['stale']}/")
    author.page.get_by_role("link", name="Set the edit of legal/liability on version 2").click()
    author.page.get_by_label("Take mine").check()
    author.page.get_by_role("button", name="Set on version 2").click()
    author.page.get_by_text("The edit stands on version 2 now.").wait_for()
    author.page.get_by_role("button", name="Submit for review").click()
    author.page.get_by_text("You wrote this change. Somebody else has to approve it.").wait_for()
