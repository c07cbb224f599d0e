"""A contract in a browser: proposed in rows, previewed, corrected, approved by somebody else, tried; a gap assigned."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from agents.models import ContextContract
from governance.models import Finding
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish

pytestmark = pytest.mark.browser


def test_contract__proposed_approved_tried_and_its_gap_assigned(visit: Any, cast: Cast, served_site: str) -> None:
    publish(
        cast,
        creation("legal/cap", title="Cap", body="Capped at one year of fees.", owner="owner"),
        creation("sales/prices", title="Prices", body="Our prices.", owner="owner"),
    )
    held = contract(cast, [{"key": "legal/cap"}])
    comparer = give(cast, held)

    # The owner adds a requirement; a misspelt key is told beside its row, and nothing typed is lost.
    owner = visit("owner")
    owner.go("/contracts/review/")
    owner.page.get_by_role("link", name="Edit", exact=True).click()
    row = owner.page.locator("#r-1")
    row.get_by_label("Key of one text").fill("sales/price")
    owner.page.get_by_label("Why").fill("Prices belong to it.")
    owner.page.get_by_role("button", name="Save to the draft").last.click()
    owner.page.get_by_role("heading", name="Nothing was saved yet").wait_for()
    assert "There is no item 'sales/price'" in owner.page.locator("#r-1 .error").inner_text()
    assert owner.page.get_by_label("Why").input_value() == "Prices belong to it."
    row.get_by_label("Key of one text").fill("sales/prices")
    owner.page.get_by_role("button", name="Preview").click()
    owner.page.get_by_role("heading", name="What it would bring now").wait_for()
    assert "Prices" in owner.page.locator("section", has_text="What it would bring now").inner_text()
    owner.page.get_by_role("button", name="Save to the draft").last.click()
    owner.page.wait_for_url(re.compile(r"/changes/\d+/$"))
    assert "sales/prices" in owner.page.locator(".edit").inner_text()
    owner.page.get_by_role("button", name="Submit for review").click()
    owner.page.get_by_text("You wrote this change. Somebody else has to approve it.").wait_for()
    address = owner.page.url.removeprefix(served_site)

    # Somebody else approves and publishes.
    reviewer = visit("reviewer")
    reviewer.go(address)
    reviewer.page.get_by_role("button", name="Approve").click()
    reviewer.page.get_by_role("button", name="Publish now").click()
    reviewer.page.get_by_text("Published", exact=True).first.wait_for()
    held.refresh_from_db()
    assert held.current_version is not None
    assert held.current_version.number == 2

    # The agent does not reach Sales: it is refused, the page says why, and the owner makes it a task.
    asked = Request(
        f"{served_site}/api/v1/bundles/",
        data=json.dumps({"contract": "review"}).encode(),
        headers={"Authorization": f"Bearer {comparer.bearer}", "Content-Type": "application/json"},
    )
    with pytest.raises(HTTPError):
        urlopen(asked)
    owner.go("/contracts/review/?try=1&agent=comparer#try")
    assert "Refused" in owner.page.locator("#try").inner_text()
    owner.go("/gaps/")
    owner.page.get_by_role("link", name="Assign sales/prices").click()
    owner.page.get_by_role("button", name="Assign").click()
    assert "Choose who fills it" in owner.page.locator(".field-bad .error").inner_text()
    owner.page.get_by_label("Who fills it").select_option("author")
    owner.page.get_by_role("button", name="Assign").click()
    owner.page.get_by_text("has it in their inbox").wait_for()
    assert Finding.objects.get(detector="gap-to-fill").owner == cast.author
    author = visit("author")
    author.go("/inbox/")
    assert "sales/prices" in author.page.locator("main").inner_text()
    assert ContextContract.objects.count() == 1
