"""The editor of a flow in a browser: fields and triggers without a line of JSON, each fault beside its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import NARROW
from tests.cast import Cast

pytestmark = pytest.mark.browser

INSPECTION = (Path(__file__).parent / "inspection.js").read_text("utf-8")


def test_flow__started_with_fields_and_by_a_trigger__is_written_by_hand_and_told_what_is_wrong(
    visit: Any, cast: Cast
) -> None:
    owner = visit("owner", width=NARROW, scheme="dark")
    page = owner.page
    owner.go("/flows/new/")
    for name, kind in (("document", "text"), ("mode", "one of these")):
        page.get_by_role("button", name="Add a field").click()
        # What was just added is where the typing goes.
        page.locator("input[name=field-name]:focus").wait_for()
        page.keyboard.type(name)
        page.locator("select[name=field-type]").last.select_option(label=kind)
    page.get_by_role("button", name="Add a trigger").click()
    page.locator("input[name=trigger-name]:focus").wait_for()
    page.keyboard.type("law")
    page.get_by_label("It starts when").select_option(label="a change is published")
    page.get_by_role("button", name="Add a step").click()
    page.locator("input[name=step-name]:focus").wait_for()
    page.keyboard.type("find")
    page.get_by_role("button", name="Check and draw").click()

    field = page.locator("#field-1")
    assert "Say what there is to choose from" in field.locator(".error").inner_text()
    assert "It would start at every publication" in page.locator("#trigger-0 .error").first.inner_text()
    assert owner.overflow <= 0
    assert page.evaluate(INSPECTION) == []
    field.get_by_label("One of").fill("fast, exact")
    page.get_by_role("button", name="Write it as JSON Schema").click()
    page.get_by_label("JSON Schema").wait_for()
    written = page.get_by_label("JSON Schema").input_value()
    assert '"enum": [\n        "fast",\n        "exact"' in written
    page.get_by_role("button", name="Show it as a table").click()
    page.locator("#field-1").wait_for()
    assert page.locator("#field-1").get_by_label("One of").input_value() == "fast, exact"
    assert page.locator("#trigger-0").get_by_label("Name").input_value() == "law"
