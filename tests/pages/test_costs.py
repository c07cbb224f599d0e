"""What a page costs does not grow with what it lists."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.changes import submit_change
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, propose, publish, revision

# The most queries a page may take, whoever looks: measured, and a little room.
MOST = {
    "/": 60,
    "/items/": 20,
    "/items/?q=rule": 22,
    "/domains/": 16,
    "/domains/legal/": 18,
    "/changes/?show=all": 50,
    "/changes/?show=mine": 50,
    "/audit/": 14,
    "/policies/": 24,
    "/agents/": 14,
    "/contracts/": 24,
}


def queries(person: Any, address: str) -> int:
    client = Client()
    client.force_login(person)
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return len(captured)


def grow(cast: Cast, start: int, count: int) -> None:
    publish(cast, *[creation(f"legal/rule-{n}", owner="owner", body="A rule.") for n in range(start, start + count)])
    for n in range(start, start + count):
        change = propose(cast, creation(f"legal/idea-{n}"))
        if n % 2:
            submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())


@pytest.mark.parametrize("address", MOST)
def test_page__three_times_as_much_to_list__takes_no_more_queries(cast: Cast, address: str) -> None:
    grow(cast, 0, 4)
    give(cast, contract(cast, [{"key": "legal/rule-0"}]))
    looks = {"/audit/": cast.auditor, "/agents/": cast.admin, "/contracts/": cast.admin}.get(address, cast.reviewer)
    few = queries(looks, address)
    grow(cast, 4, 12)
    many = queries(looks, address)
    assert many <= few
    assert few <= MOST[address]


def test_change__six_and_sixty_edits__take_as_many_queries(cast: Cast) -> None:
    counts = []
    for size in (6, 60):
        edits = [creation(f"legal/size-{size}-{n}", body="Text.") for n in range(size)]
        change = propose(cast, *edits)
        submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())
        counts.append(queries(cast.reviewer, f"/changes/{change.pk}/"))
    assert counts[1] <= counts[0]


def test_item__many_versions_and_relations__take_as_many_queries(cast: Cast) -> None:
    publish(cast, *[creation(f"legal/other-{n}") for n in range(12)], creation("legal/one", body="Version 1."))
    few = queries(cast.author, "/items/legal/one/")
    for number in range(2, 6):
        related = [{"type": "related", "key": f"legal/other-{n}"} for n in range(3 * number - 4)]
        publish(cast, revision("legal/one", body=f"Version {number}.", relations=related))
    assert queries(cast.author, "/items/legal/one/") <= few
