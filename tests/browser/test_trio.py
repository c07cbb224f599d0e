"""What people see of three agents that review a contract: the flow, the trace, the rules, a task tried, what waits.

With `SCREENSHOTS` naming a folder, each page is also left there as a picture, to be looked at.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from context.models import User
from tests.browser.conftest import Visitor
from tests.cast import PASSWORD
from tests.sample_database import become_sample
from tests.trio.conftest import Desk, load_legal, person, wire
from tests.trio.stub import Fault, serving

pytestmark = pytest.mark.browser


def look(visitor: Visitor, name: str) -> None:
    """The page fits its window; and its picture, where one is wanted."""
    assert visitor.overflow <= 0, name
    if os.environ.get("SCREENSHOTS"):
        folder = Path(os.environ["SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        visitor.page.screenshot(path=folder / f"{name}.png", full_page=True)


def sign_in_as(visit: Any, username: str) -> Visitor:
    user: User = person(username)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    visitor: Visitor = visit(username)
    return visitor


def test_trio__in_the_browser__is_followed_tried_and_decided(
    visit: Any, served_site: str, tmp_path: Path, settings: Any
) -> None:
    settings.AGENT_ALLOWED_HOSTS, settings.AGENT_PRIVATE_ADDRESSES = ["127.0.0.1"], True
    become_sample(tmp_path / "credentials.json", name="legal", load=load_legal)
    with serving() as stub:
        wire(stub.url)
        desk = Desk(stub=stub, credentials=json.loads((tmp_path / "credentials.json").read_text()))
        done = desk.review()
        stub.script("comparer", Fault(words="This is market standard."), Fault(words="This is market standard."))
        stopped = desk.review()
        counsel = sign_in_as(visit, "tomasz.wrona")

        # The trace of a run: its output, its steps in time, what it was given, how it was routed.
        counsel.go(f"/runs/{done.run('comparison').pk}/")
        page = counsel.page
        assert "the greater of GBP 2,000,000 or 150 % of the annual charges" in page.locator(".output").inner_text()
        assert page.get_by_role("rowheader", name="chat-1").count() == 1
        assert page.get_by_text("Terms comparer took it").count() == 1
        look(counsel, "run-trace")

        # The flow: who works by which texts, what is under way, and the run of it that was stopped.
        counsel.go("/flows/contract-review/")
        page.get_by_role("region", name="Context-flow map").locator("svg").first.wait_for()
        assert page.get_by_role("row", name="Compare with our terms").count() >= 1
        look(counsel, "flow-map")
        counsel.go(f"/flows/runs/{stopped.pk}/")
        look(counsel, "flow-run")

        # The decision table, and a task tried by it: the larger one goes to counsel.
        counsel.go("/routes/contract-review/")
        assert (
            "Large agreements are compared by counsel" in page.locator("section", has_text="Rules").first.inner_text()
        )
        look(counsel, "decision-table")
        for value, goes in (("84000", "risk-scorer"), ("1200000", "Above a million counsel compares and scores")):
            page.get_by_label("Type of task").select_option("score-risk")
            page.get_by_label("Total value in GBP").fill(value)
            page.get_by_role("button", name="Where would it go?").click()
            page.get_by_role("status").filter(has_text=goes).first.wait_for()
        look(counsel, "simulator")

        # What waits: the output that speaks of the market, with the reasons; mended, the chain goes on.
        counsel.go("/runs/reviews/")
        assert "1 run waits for your decision" in page.locator("h1").inner_text()
        look(counsel, "review-queue")
        page.get_by_role("link", name="Begin with the first").click()
        page.get_by_text("“market standard” is not to be used.").first.wait_for()
        look(counsel, "review")
        narrow = visit("tomasz.wrona", width=390, scheme="dark")
        for name, path in (
            ("run-trace", f"/runs/{done.run('comparison').pk}/"),
            ("flow-map", "/flows/contract-review/"),
            ("review-queue", "/runs/reviews/"),
        ):
            narrow.go(path)
            look(narrow, f"{name}-narrow-dark")
        assert stopped.steps()["score"] == "waiting"
