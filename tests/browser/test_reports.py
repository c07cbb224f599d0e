"""The report in a browser: the figures of a month in charts, narrowed to one agent, taken away as CSV; and by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from agents.models import RunState
from tests.browser.conftest import NARROW, WIDE
from tests.cast import Cast
from tests.kpis.test_kpis import ended
from tests.runs.conftest import runner

pytestmark = pytest.mark.browser

INSPECTION = (Path(__file__).parent / "inspection.js").read_text("utf-8")


def test_reports__charts_narrowed_and_taken_away__say_the_same(visit: Any, cast: Cast) -> None:
    scorer, other, now = runner(cast), runner(cast, "other"), timezone.now()
    for days_ago in (0, 1, 1, 4):
        ended(scorer, days_ago, at=now, input_tokens=1_000, output_tokens=200)
    ended(scorer, 2, at=now, state=RunState.FAILED, reasons=[{"cause": "answered_503"}])
    ended(other, 3, at=now, state=RunState.REFUSED, cost=0, reasons=[{"cause": "routing", "gaps": [{"code": "stale"}]}])
    auditor = visit("auditor")
    page = auditor.page
    auditor.go("/reports/")
    for width, scheme in ((NARROW, "dark"), (WIDE, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert auditor.overflow <= 0
        assert page.evaluate(INSPECTION) == []

    # A bar for each day on which runs ended, with its numbers in words; and why they ended as they did.
    chart = page.get_by_role("figure").filter(has_text="the most in one: 2").locator("svg[role=img]")
    assert chart.locator("rect").count() == 5
    assert "Runs that ended" in chart.get_attribute("aria-label")
    lead = page.locator(".lead").inner_text()
    assert "6 runs ended: 4 succeeded, 1 failed, 1 was refused" in lead
    assert page.get_by_role("row", name="answered 503").count() == 1

    # What is narrowed is taken away as narrowed, and the address can be sent to somebody.
    page.get_by_label("Of", exact=True).select_option("other")
    page.get_by_role("button", name="Show").click()
    page.locator(".lead", has_text="1 run ended").wait_for()
    assert "agent=other" in page.url
    with page.expect_download() as taken:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(Path(taken.value.path()).read_text("utf-8").splitlines()))
    assert rows[0]["of"] == "all"
    assert [row["runs"] for row in rows if row["of"] == "cause of refused"] == ["1"]
    assert {row["name"] for row in rows if row["of"] == "agent"} == {other.agent.name}

    # Without scripts it is narrowed by the same button.
    plain = visit("auditor", scripts=False)
    plain.go("/reports/")
    plain.page.get_by_label("Of", exact=True).select_option("scorer")
    plain.page.get_by_role("button", name="Show").click()
    assert "5 runs ended" in plain.page.locator(".lead").inner_text()
