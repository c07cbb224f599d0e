"""Long lists of the agents floor: paged, narrowed, honest about how many there are, and no dearer for being long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.contract_availability import availability_of, lacking_in
from agents.models import Budget, ContextContract, Refusal, UnsanctionedUse
from agents.registry import save_agent
from context.access import principal_for
from context.models import Sensitivity
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish, revision

PAGES = ("/contracts/", "/gaps/?days=7", "/agents/unsanctioned/", "/budgets/", "/agents/", "/skew/")


def asked(cast: Cast, address: str) -> tuple[str, int]:
    """What the administrator sees there, and with how many queries."""
    client = Client()
    client.force_login(cast.admin)
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode(), len(captured)


def add(cast: Cast, first: int, last: int) -> None:
    """So many more of everything: agents with a contract, a budget and a refusal each, and unknown programs."""
    now = timezone.now()
    for n in range(first, last):
        torn = [{"key": "legal/torn"}] if n in (1, 3) else []
        held = contract(cast, [{"key": "legal/cap"}, *torn], slug=f"held-{n}")
        assert held.current_version is not None
        agent = save_agent(
            actor=cast.admin, slug=f"agent-{n}", name=f"Agent {n}", purpose="Tests.", owner=cast.owner,
            clearance=Sensitivity.INTERNAL, domains=[cast.legal], contracts=[held], now=now,
        )  # fmt: skip
        Budget.objects.create(agent=agent, period="month", tokens=100 + n)
        Refusal.objects.create(
            agent=agent, contract_version=held.current_version, refused_at=now - timedelta(hours=n),
            gaps=[{"requirement": f"legal/gone-{n}", "code": "missing", "owner": None, "fix": "Write it."}],
        )  # fmt: skip
        UnsanctionedUse.objects.create(
            kind="user_agent", name=f"script/{n}", agent=agent, times=n, first_seen_at=now, last_seen_at=now,
            **({"state": "blocked", "settled_at": now, "settled_by": cast.admin} if n % 2 else {}),
        )  # fmt: skip


@pytest.fixture
def few(cast: Cast) -> Cast:
    publish(cast, *[creation(f"legal/{name}", owner="owner", body="Capped.") for name in ("cap", "torn", "other")])
    give(cast, contract(cast, [{"key": "legal/cap"}], slug="whole"))
    add(cast, 0, 4)
    publish(cast, revision("legal/torn", relations=[{"type": "conflicts_with", "key": "legal/other"}]))
    return cast


def test_pages__seven_times_as_much__are_paged_and_take_no_more_queries(few: Cast) -> None:
    before = {address: asked(few, address)[1] for address in PAGES}
    add(few, 4, 28)
    dearer, shown = {}, {}
    for address in PAGES:
        shown[address], queries = asked(few, address)
        if queries > before[address]:
            dearer[address] = (before[address], queries)
    assert dearer == {}
    # Each says how many there are, and shows no more than a page of them.
    assert "1 to 25 of 29" in shown["/contracts/"]
    assert "You may know of <strong>29 contracts</strong>. Of the 25 on this page" in shown["/contracts/"]
    assert "1 to 25 of 28" in shown["/gaps/?days=7"]
    assert "1 to 25 of 28" in shown["/budgets/"]
    assert "<strong>14 programs</strong>" in shown["/agents/unsanctioned/"]
    assert shown["/agents/unsanctioned/"].count("Sanction script/") == 14


def test_lists__narrowed_by_words__show_those_alone_and_lead_back(few: Cast) -> None:
    for address, kept, gone in (
        ("/contracts/?q=held-2", "/contracts/held-2/", "/contracts/held-1/"),
        ("/gaps/?q=gone-2&why=missing", "legal/gone-2", "legal/gone-1"),
        ("/agents/unsanctioned/?q=script/2", "script/2", "script/0"),
        ("/agents/unsanctioned/?show=settled", "script/1", "script/2"),
        ("/budgets/?q=Agent+2", "of 102", "of 101"),
    ):
        listed = asked(few, address)[0]
        main = listed[listed.index("<main") :]
        assert kept in main, address
        assert gone not in main, address
    assert "No contract with “zebra”" in asked(few, "/contracts/?q=zebra")[0]
    assert "No gap is like that" in asked(few, "/gaps/?why=stale")[0]


def test_lacking__of_many_contracts__is_what_each_lacks_alone(few: Cast) -> None:
    contracts = list(ContextContract.objects.select_related("current_version"))
    principal = principal_for(few.admin)
    alone: dict[int, Any] = {}
    for each in contracts:
        gaps = availability_of(principal=principal, contract=each).available.gaps
        alone[each.pk] = tuple(dict.fromkeys(gap.code for gap in gaps if gap.required))
    assert lacking_in(principal=principal, contracts=contracts) == alone
    assert set(alone.values()) == {(), ("contradicted",)}


def test_budget__that_cannot_be__is_told_beside_its_field_with_all_that_was_typed(few: Cast) -> None:
    client = Client()
    client.force_login(few.admin)
    typed = {"of": "agent:agent-1", "period": "day", "tokens": "lots", "cost": "2.50", "reason": "First weeks"}
    for back, place in (("", "/budgets/"), ("agent", "/agents/agent-1/")):
        answer = client.post("/budgets/set/", {**typed, "back": back})
        page = answer.content.decode()
        assert answer.status_code == 422, place
        beside = page[page.index('<label for="b-tokens">') :]
        assert "not a whole number" in beside[: beside.index("b-cost")]
        assert 'value="lots"' in page
        assert 'value="First weeks"' in page
    assert not Budget.objects.filter(period="day").exists()
