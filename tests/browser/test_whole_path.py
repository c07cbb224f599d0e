"""The main job, end to end: a person edits, another approves, an agent fetches, an auditor checks."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.utils import timezone

from agents.models import Receipt
from agents.sealing import seal_receipts
from governance.models import AuditEvent, Change
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish, revision

pytestmark = pytest.mark.browser

OLD = "Invoices of suppliers are paid within 30 days of receipt.\n\nA longer term needs the consent of Finance."
NEW = "Invoices of suppliers are paid within 45 days of receipt.\n\nA longer term needs the consent of Finance."


def fetch(site: str, bearer: str) -> dict[str, Any]:
    asked = Request(
        f"{site}/api/v1/bundles/",
        data=json.dumps({"contract": "review"}).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    with urlopen(asked) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def test_whole_path__edit_review_publish_fetch_audit__each_sees_what_the_one_before_did(
    visit: Any, cast: Cast, served_site: str
) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body=OLD, owner="owner"))
    comparer = give(cast, contract(cast, [{"key": "legal/payment-terms"}]))
    assert "30 days" in fetch(served_site, comparer.bearer)["entries"][0]["text"]

    # The author edits, reads the difference, submits, and cannot approve.
    author = visit("author")
    author.go("/items/legal/payment-terms/")
    author.page.get_by_role("link", name="Propose an edit").click()
    author.page.get_by_label("Markdown").fill(NEW)
    author.page.locator("#preview", has_text="45 days").wait_for()
    author.page.get_by_label("Why").fill("The works council agreed to 45 days.")
    author.page.get_by_role("button", name="Save to the draft").last.click()
    author.page.wait_for_url(re.compile(r"/changes/\d+/$"))
    assert author.page.locator(".diff-new ins").all_inner_texts() == ["45"]
    assert author.page.locator(".diff-old del").all_inner_texts() == ["30"]
    assert "1 word added, 1 removed" in author.page.locator(".lead").inner_text()
    author.page.get_by_role("button", name="Submit for review").click()
    author.page.get_by_text("You wrote this change. Somebody else has to approve it.").wait_for()
    assert author.page.get_by_role("button", name="Approve").count() == 0
    address = author.page.url.removeprefix(served_site)

    # Also not by sending what the page does not offer.
    change = Change.objects.latest("pk")
    refused = author.page.evaluate(
        """async ([address, digest]) => {
            const token = document.querySelector("input[name=csrfmiddlewaretoken]").value;
            const answer = await fetch(address + "review/", {method: "POST", body: new URLSearchParams(
                {csrfmiddlewaretoken: token, decision: "approve", digest: digest})});
            return await answer.text();
        }""",
        [address, change.digest],
    )
    assert "You wrote this change" in refused
    change.refresh_from_db()
    assert change.state == "in_review"
    assert AuditEvent.objects.filter(action="governance.review.denied", subject_id=str(change.pk)).count() == 1

    # Until somebody else approves, agents get the old text.
    assert "30 days" in fetch(served_site, comparer.bearer)["entries"][0]["text"]

    # The reviewer finds it waiting, reads the difference, approves and publishes.
    reviewer = visit("reviewer")
    assert reviewer.page.get_by_role("heading", level=1).inner_text() == "1 change waits for you"
    reviewer.page.get_by_role("link", name="Review the first").click()
    reviewer.page.wait_for_url(f"{served_site}{address}")
    assert reviewer.page.locator(".diff-new ins").all_inner_texts() == ["45"]
    reviewer.page.get_by_label("Comment").first.fill("Read against the minutes of the works council.")
    reviewer.page.get_by_role("button", name="Approve").click()
    reviewer.page.get_by_text("You approved it.").wait_for()
    reviewer.page.get_by_role("button", name="Publish now").click()
    reviewer.page.get_by_text("Published. Agents get the new text from now on.").wait_for()

    # The agent gets the new text with its proof, at once.
    (entry,) = fetch(served_site, comparer.bearer)["entries"]
    assert entry["text"] == NEW
    assert entry["version"] == 2
    assert re.fullmatch(r"[0-9a-f]{64}", entry["digest"])
    assert entry["approvals"][0]["approver"] == "Rui Reviewer"

    # Its page says so too.
    author.go("/items/legal/payment-terms/")
    assert "45 days" in author.page.locator("article.text").inner_text()
    provenance = author.page.get_by_role("complementary", name="About this item").inner_text()
    assert "Rui Reviewer" in provenance
    assert "Ada Author" in provenance
    assert entry["digest"][:12] in provenance

    # What the agent was served is a receipt each time, which the record seals.
    (seal,) = seal_receipts(now=timezone.now())
    assert seal.count == Receipt.objects.count() == 3

    # The auditor reads each step and verifies the record.
    auditor = visit("auditor")
    auditor.go(f"/audit/?about={change.title}")
    told = auditor.page.locator("#events").inner_text()
    for step in ("Drafted a change", "Submitted for review", "Was refused a review", "Approved", "Published a change"):
        assert step in told, step
    auditor.go("/audit/")
    whole = auditor.page.locator("#events").inner_text()
    assert "Published a version" in whole
    assert "Sealed receipts of agents" in whole
    assert f"Receipts {seal.first_receipt} to {seal.last_receipt}" in whole
    auditor.page.get_by_role("button", name="Verify now").click()
    auditor.page.get_by_text("The record is whole.").wait_for()
    checked = auditor.page.locator(".telling").inner_text()
    assert f"{AuditEvent.objects.count()} events checked" in checked
    assert AuditEvent.objects.latest("sequence").hash in checked.replace("\n", "")


def test_conflict__another_version_published_meanwhile__nothing_typed_is_lost(
    visit: Any, cast: Cast, served_site: str
) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body=OLD))
    author = visit("author")
    author.go("/items/legal/payment-terms/edit/")
    publish(cast, revision("legal/payment-terms", body="Somebody else was faster."))
    author.page.get_by_label("Markdown").fill(NEW)
    author.page.get_by_label("Why").fill("The works council agreed.")
    author.page.get_by_role("button", name="Save to the draft").last.click()
    author.page.get_by_role("heading", name="Somebody published version 2 while you wrote").wait_for()
    assert author.page.get_by_label("Markdown").input_value() == NEW
    assert author.page.get_by_label("Why").input_value() == "The works council agreed."
    author.page.get_by_role("button", name="Save over version 2").click()
    author.page.wait_for_url(re.compile(r"/changes/\d+/$"))
    assert "Somebody else was faster." in author.page.locator(".diff-old del").all_inner_texts()


def test_invalid_input__field_left_empty__error_stands_beside_it_and_in_a_summary_that_leads_there(
    visit: Any, cast: Cast
) -> None:
    author = visit("author")
    author.go("/items/new/?kind=precedent&domain=legal")
    author.page.get_by_label("Title").first.fill("Harbour case")
    author.page.get_by_label("Facts", exact=True).last.fill("A carrier claimed demurrage.")
    author.page.get_by_role("button", name="Save to the draft").last.click()
    summary = author.page.get_by_role("alert")
    summary.wait_for()
    assert "Nothing was saved yet" in summary.inner_text()
    assert author.page.get_by_label("Title").first.input_value() == "Harbour case"
    assert author.page.get_by_label("Facts", exact=True).last.input_value() == "A carrier claimed demurrage."
    assert Change.objects.count() == 0


def test_without_scripts__edit_and_preview__work_all_the_same(visit: Any, cast: Cast) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body=OLD))
    author = visit("author", scripts=False)
    author.go("/items/?q=payment")
    assert author.page.get_by_role("link", name="Payment terms").is_visible()
    author.go("/items/legal/payment-terms/edit/")
    author.page.get_by_label("Markdown").fill(NEW)
    author.page.get_by_role("button", name="Preview").click()
    assert "45 days" in author.page.locator("#preview").inner_text()
    author.page.get_by_role("button", name="Add rule").click()
    author.page.get_by_label("Statement").fill("Pay within 45 days.")
    assert author.page.get_by_label("Markdown").input_value() == NEW
    author.page.get_by_label("Obligation").select_option("must")
    author.page.get_by_label("Why").fill("The works council agreed.")
    author.page.get_by_role("button", name="Save to the draft").last.click()
    author.page.wait_for_url(re.compile(r"/changes/\d+/$"))
    assert "Rules" in author.page.locator(".fields-diff").inner_text()
