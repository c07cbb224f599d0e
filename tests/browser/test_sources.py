"""A file that a text was written from changed: it is seen on the text, shown as evidence, and mended by its people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from context.models import ContextItem
from governance.models import Finding
from tests.browser.test_drift import look, mend, organisation

pytestmark = [pytest.mark.browser, pytest.mark.slow]
__all__ = ["organisation"]

KEY = "hr/expenses-policy"


def test_sample__planted_source_change__is_found_shown_and_mended(
    organisation: None, visit: Any, tmp_path: Path
) -> None:
    finding = Finding.objects.get(detector="source")
    owner = visit("liam.costello")
    owner.go(f"/items/{KEY}/")
    part = owner.page.locator("#source")
    part.get_by_text("Changed", exact=True).wait_for()
    part.get_by_role("link", name=re.compile("2 substantive")).click()

    owner.page.wait_for_url(re.compile(f"/findings/{finding.pk}/$"))
    assert owner.page.locator(".exhibit").count() == 4
    marked = owner.page.locator(".exhibit mark").all_inner_texts()
    assert any("55" in mark for mark in marked)
    assert any("62" in mark for mark in marked)
    mend(visit, finding)

    version = ContextItem.objects.get(key=KEY).current_version
    assert version is not None
    assert "62 pence a mile" in version.body
    assert "Rotterdam EUR 175" in version.body
    look(visit("callum.reid"))
    finding.refresh_from_db()
    assert (finding.state, finding.resolved_by_version) == ("resolved", version.number)
    owner.go(f"/items/{KEY}/")
    owner.page.locator("#source").get_by_text("In agreement").wait_for()

    # A newer file, by the page: compared at once.
    newer = tmp_path / "rates.md"
    newer.write_text(version.body.replace("62 pence", "64 pence"), "utf-8")
    owner.page.get_by_label("A newer file").set_input_files(newer)
    owner.page.get_by_role("button", name="Upload and compare").click()
    owner.page.get_by_text("Taken, and compared with the text in force.").wait_for()
    assert Finding.objects.get(detector="source").state == "open"
