"""Reading items over HTTP: what is in force, as of when, in pages, and only what the caller may see."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.edits import EditInput
from tests.api.conftest import Callers, assert_problem
from tests.cast import Cast, creation, publish, revision

ITEMS = "/api/v1/context/items/"


def keys_of(response) -> list[str]:
    assert response.status_code == 200, response.content
    return [entry["key"] for entry in json.loads(response.content)["results"]]


def test_list__several_items__only_what_the_caller_may_see(cast: Cast, callers: Callers) -> None:
    cast.author.groups.add(cast.counsel)
    cast.reviewer.groups.add(cast.counsel)
    publish(
        cast,
        creation("legal/liability", sensitivity="internal"),
        creation("legal/privileged", audiences=["counsel"], owner="owner"),
        creation("legal/settlements", sensitivity="confidential"),
    )
    assert keys_of(callers.outsider.get(ITEMS)) == ["legal/liability"]
    assert keys_of(callers.auditor.get(ITEMS)) == ["legal/liability", "legal/settlements"]
    for caller in (callers.owner, callers.author):
        assert keys_of(caller.get(ITEMS)) == ["legal/liability", "legal/privileged", "legal/settlements"]


def test_list__filters__each_narrows(cast: Cast, callers: Callers) -> None:
    publish(
        cast,
        creation("legal/liability", tags=["cap", "msa"], owner="owner"),
        creation("sales/discounts", kind="term", data={"definition": "Less than the list price"}),
    )
    for query, expected in {
        "kind=term": ["sales/discounts"],
        "domain=legal": ["legal/liability"],
        "owner=owner": ["legal/liability"],
        "tag=cap&tag=msa": ["legal/liability"],
        "tag=cap&tag=other": [],
        "q=DISC": ["sales/discounts"],
        "q=liab%20cap": ["legal/liability"],
        "sensitivity=internal": ["legal/liability", "sales/discounts"],
    }.items():
        assert keys_of(callers.author.get(f"{ITEMS}?{query}")) == expected, query


def test_list__as_of__shows_what_was_in_force_then(cast: Cast, callers: Callers) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", title="Old"))
    then = timezone.now()
    publish(cast, revision("legal/liability", title="New"))
    found = json.loads(callers.author.get(f"{ITEMS}?as_of={quote(then.isoformat())}").content)["results"]
    assert [(entry["title"], entry["version"]["number"]) for entry in found] == [("Old", 1)]
    before = quote((now - timedelta(days=1)).isoformat())
    assert keys_of(callers.author.get(f"{ITEMS}?as_of={before}")) == []


def test_list__pages__every_item_once_and_a_cursor_of_another_list_is_refused(cast: Cast, callers: Callers) -> None:
    names = [f"legal/clause-{number:02}" for number in range(7)]
    publish(cast, *(creation(name) for name in names))
    found, path = [], f"{ITEMS}?limit=3&domain=legal"
    while path:
        page = json.loads(callers.author.get(path).content)
        found += [entry["key"] for entry in page["results"]]
        path = page["next"]
    assert found == names
    cursor = json.loads(callers.author.get(f"{ITEMS}?limit=3").content)["next_cursor"]
    for query in (f"cursor={cursor}x", f"cursor={cursor}&domain=legal", "cursor=junk", f"cursor={cursor[:-4]}AAAA"):
        assert_problem(callers.author.get(f"{ITEMS}?{query}"), 400, "invalid-cursor")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=-1", "limit=99999999999999999999999", "limit=ten", "limit=1.5", "limit=%00",
        "limit=%D9%A3", "colour=red", "kind=policy&kind=term", "q=%00", "kind=%00", "owner=a%00b", "tag=%00",
        "as_of=yesterday", "as_of=2026-13-45", "as_of=0001-01-01T00:00:00%2B23:59", "as_of=9999-12-31T23:59:59-23:59",
        "as_of=%00", "sensitivity=secret", "kind=nonsense", "domain=nowhere", "q=" + "a" * 2001, "cursor=" + "a" * 2001,
        "as_of=" + "9" * 500,
    ],
)  # fmt: skip
def test_list__parameter_that_makes_no_sense__is_named(cast: Cast, callers: Callers, query: str) -> None:
    problem = assert_problem(callers.author.get(f"{ITEMS}?{query}"), 400)
    assert problem["field"] == query.split("=")[0]
    assert problem["fix"]


def test_list__many_items__costs_the_same_number_of_queries(cast: Cast, callers: Callers) -> None:
    def count() -> int:
        callers.author.get(ITEMS)
        with CaptureQueriesContext(connection) as queries:
            assert callers.author.get(f"{ITEMS}?limit=200").status_code == 200
        assert len(queries) > 3
        return len(queries)

    publish(cast, creation("legal/first", owner="owner"))
    few = count()
    publish(cast, *(creation(f"legal/more-{number}", owner="author", tags=["a"]) for number in range(20)))
    assert count() == few


def test_item__whole__text_version_and_who_approved_it(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap", title="Cap"), creation("legal/hidden", sensitivity="confidential"))
    publish(
        cast,
        creation(
            "legal/liability",
            body="At most **twice** the fee.",
            owner="owner",
            stewards=["reviewer"],
            relations=[{"type": "related", "key": "legal/cap"}, {"type": "related", "key": "legal/hidden"}],
        ),
    )
    found = json.loads(callers.author.get(f"{ITEMS}legal/liability/").content)
    assert found["version"]["body"] == "At most **twice** the fee."
    assert found["version"]["number"] == 1
    assert [each["username"] for each in found["version"]["approvals"]] == ["reviewer"]
    assert found["owner"] == {"username": "owner", "name": "Olga Owner"}
    assert [each["key"] for each in found["relations"]] == ["legal/cap", "legal/hidden"]
    seen = json.loads(callers.outsider.get(f"{ITEMS}legal/liability/").content)
    assert [each["key"] for each in seen["relations"]] == ["legal/cap"]
    version = json.loads(callers.outsider.get(f"{ITEMS}legal/liability/versions/1/").content)
    assert [each["key"] for each in version["metadata"]["relations"]] == ["legal/cap"]


def test_item__hidden__reads_like_one_that_does_not_exist(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/settlements", sensitivity="confidential"))

    def body(path: str) -> dict:
        problem = assert_problem(callers.outsider.get(path), 404, "not-found")
        return {name: value for name, value in problem.items() if name not in ("instance", "request_id")}

    for rest in ("", "versions/", "versions/1/", "diff/?from=1&to=1"):
        hidden = body(f"{ITEMS}legal/settlements/{rest}")
        assert hidden == body(f"{ITEMS}legal/nothing-here/{rest}")
        assert hidden == body(f"{ITEMS}no%00such/a%20b/{rest}")


def test_item__etag__answers_304_until_something_changes_or_access_is_lost(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/settlements", sensitivity="confidential"))
    path = f"{ITEMS}legal/settlements/"
    etag = callers.author.get(path)["ETag"]
    same = callers.author.get(path, If_None_Match=etag)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    assert callers.author.get(path, If_None_Match=f'W/{etag}, "other"').status_code == 304
    cast.author.clearance = 1
    cast.author.save()
    assert_problem(callers.author.get(path, If_None_Match=etag), 404)
    cast.author.clearance = 2
    cast.author.save()
    publish(cast, revision("legal/settlements", body="New."))
    assert callers.author.get(path, If_None_Match=etag).status_code == 200


def test_item__retired__says_so_and_has_no_text_in_force(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/liability"))
    publish(cast, EditInput(operation="retire", key="legal/liability"))
    found = json.loads(callers.author.get(f"{ITEMS}legal/liability/").content)
    assert (found["state"], found["version"]) == ("retired", None)
    assert keys_of(callers.author.get(ITEMS)) == []


def test_versions__two_of_them__listed_newest_first_and_compared_by_word(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/liability", body="At most twice the fee.", tags=["a"]))
    publish(cast, revision("legal/liability", body="At most three times the fee.", tags=["b"]))
    listed = json.loads(callers.author.get(f"{ITEMS}legal/liability/versions/").content)["results"]
    assert [each["number"] for each in listed] == [2, 1]
    found = json.loads(callers.author.get(f"{ITEMS}legal/liability/diff/?from=1&to=2").content)
    assert (found["body"]["words_added"], found["body"]["words_removed"]) == (2, 1)
    assert [change["field"] for change in found["fields_changed"]] == ["metadata.tags"]
    assert_problem(callers.author.get(f"{ITEMS}legal/liability/versions/3/"), 404)
    assert_problem(callers.author.get(f"{ITEMS}legal/liability/diff/?from=1"), 400, "invalid-parameter")


def test_vocabulary__kinds_domains_and_inventory__figures_of_what_is_visible(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/liability"), creation("legal/settlements", sensitivity="confidential", owner="owner"))
    kinds = json.loads(callers.outsider.get("/api/v1/context/kinds/").content)["results"]
    assert len(kinds) == 9
    domains = json.loads(callers.outsider.get("/api/v1/context/domains/").content)["results"]
    assert [each["slug"] for each in domains] == ["finance", "legal", "sales"]
    by_domain = {
        each["domain"]: each
        for each in json.loads(callers.outsider.get("/api/v1/context/inventory/").content)["results"]
    }
    legal = by_domain["legal"]
    assert (legal["items"], legal["verified"], legal["without_owner"], legal["by_kind"]) == (1, 1, 1, {"policy": 1})
    assert legal["median_age_days"] == 0.0
    assert (by_domain["sales"]["state"], by_domain["sales"]["median_age_days"]) == ("empty", None)


def test_version__was_stricter_than_the_item_is_now__stays_with_who_could_read_it_then(
    cast: Cast, callers: Callers
) -> None:
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    publish(cast, creation("legal/settlements", body="Secret.", sensitivity="confidential"))
    publish(cast, revision("legal/settlements", body="Privileged.", sensitivity="internal", audiences=["counsel"]))
    publish(cast, revision("legal/settlements", body="Mine.", audiences=["counsel"], owner="outsider"))
    publish(cast, revision("legal/settlements", body="Cleaned.", audiences=[], owner=None))
    path = f"{ITEMS}legal/settlements/"

    def numbers(caller: str) -> list[int]:
        listed = json.loads(getattr(callers, caller).get(f"{path}versions/").content)["results"]
        return [each["number"] for each in listed]

    assert numbers("author") == [4, 3, 2, 1]
    assert numbers("auditor") == [4, 1]
    assert numbers("outsider") == [4, 3]
    then = quote((timezone.now() - timedelta(seconds=1)).isoformat())
    assert_problem(callers.outsider.get(f"{path}versions/1/"), 404)
    assert_problem(callers.outsider.get(f"{path}diff/?from=1&to=4"), 404)
    assert b"Secret" not in callers.outsider.get(f"{path}?as_of={then}").content
    first = json.loads(callers.author.get(f"{path}versions/1/").content)["version"]
    as_of = quote(first["published_at"])
    assert json.loads(callers.author.get(f"{path}?as_of={as_of}").content)["version"]["body"] == "Secret."
    assert json.loads(callers.outsider.get(f"{path}?as_of={as_of}").content)["version"] is None
    assert keys_of(callers.outsider.get(f"{ITEMS}?as_of={as_of}")) == []
