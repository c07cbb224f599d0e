"""What a proposal makes of a text: its words, its data and its claims, and nothing that it does not name."""

from __future__ import annotations

from typing import Any

import pytest

from governance.drift.drafts import Proposal
from governance.drift.mending import mended

BASE: dict[str, Any] = {
    "body": "Pay in 45 days. File in 145 days.",
    "data": {"rules": [{"id": "1", "statement": "Within 45 days of inception, not 45 days."}], "limit": 45},
    "claims": [
        {"measure": "period", "quantity": 45, "unit": "days from inception"},
        {"measure": "share", "quantity": 45, "unit": "percent"},
    ],
}


def after(**proposed: Any) -> dict[str, Any]:
    return mended(Proposal(key="legal/cap", reason="R", **proposed).as_json(), BASE, {})


def test_figures__exchanged_in_data_and_claims_of_that_unit__and_nowhere_else() -> None:
    found = after(replacements=(("Pay in 45 days", "Pay in 30 days"),), figures=(("45 days", "30 days"),))
    assert found["body"] == "Pay in 30 days. File in 145 days."
    assert found["data"]["rules"][0]["statement"] == "Within 30 days of inception, not 30 days."
    assert found["data"]["limit"] == 45
    assert [claim["quantity"] for claim in found["claims"]] == [30, 45]


def test_figures__inside_a_longer_number__stay() -> None:
    assert "data" not in mended({"figures": [["5 days", "9 days"]]}, {**BASE, "data": {"a": "45 days, 1.5 days"}}, {})


@pytest.mark.parametrize("proposed", [{}, {"replacements": (("absent", "x"),)}, {"figures": (("7 weeks", "8 weeks"),)}])
def test_nothing_to_mend__gives_no_field(proposed: dict[str, Any]) -> None:
    assert after(**proposed) == {}


def test_fields_and_data__are_set_as_they_are() -> None:
    found = after(fields={"valid_to": None}, data={"limit": 50})
    assert found["valid_to"] is None
    assert (found["data"]["limit"], found["data"]["rules"]) == (50, BASE["data"]["rules"])
