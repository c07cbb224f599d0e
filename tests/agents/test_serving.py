"""Bundles over HTTP: who gets one, what is recorded, and what hostile requests get instead."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from agents.keys import revoke_key
from agents.models import Agent, Bundle, Receipt, Refusal
from agents.registry import set_state
from governance.changes import EditInput
from governance.models import AuditEvent
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish, revision, submit


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    """An agent with a contract that requires one text of Legal, which is in force."""
    publish(cast, creation("legal/liability", title="Liability", body="Capped at one year of fees.", owner="owner"))
    return give(cast, contract(cast, [{"key": "legal/liability"}]))


def recorded() -> tuple[int, int, int, int]:
    return (
        Bundle.objects.count(),
        Receipt.objects.count(),
        Refusal.objects.count(),
        AuditEvent.objects.filter(action__startswith="agents.bundle").count(),
    )


def problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(answer.content)
    assert told["type"].endswith(f"/{kind}"), told
    return told


def test_post__bundle__holds_the_approved_text_and_its_proof(comparer: Presented) -> None:
    answer = comparer.post({"contract": "review"})
    told = json.loads(answer.content)
    (entry,) = told["entries"]
    assert entry["text"] == "Capped at one year of fees."
    assert entry["approvals"][0]["approver"] == "Rui Reviewer"
    assert answer["ETag"] == f'"{told["digest"]}"'
    assert answer["Plumbline-Receipt"] == str(Receipt.objects.get().pk)
    assert told["agent"] == "comparer"
    assert told["contract"]["slug"] == "review"


def test_post__bundle__is_stored_once_and_each_delivery_has_a_receipt(comparer: Presented) -> None:
    first, second = comparer.bundle(), comparer.bundle(task={"text": "Compare"})
    assert first["digest"] == second["digest"]
    assert recorded() == (1, 2, 0, 0)
    receipt = Receipt.objects.order_by("pk").last()
    assert receipt is not None
    assert (receipt.agent.slug, receipt.key_prefix, receipt.bundle_id) == (
        "comparer",
        comparer.key.prefix,
        first["digest"],
    )
    assert receipt.task_digest
    assert receipt.request_id
    assert receipt.lease_until is not None


def test_post__refusal__has_the_gaps_one_row_and_one_event(cast: Cast, comparer: Presented) -> None:
    # There for who writes the contract, and out of the agent's reach.
    publish(cast, creation("sales/other", tags=["nothing"]))
    contract(cast, [{"key": "legal/liability", "max_age_days": 1}, {"tag": "nothing"}])
    told = problem(comparer.post({"contract": "review"}), 409, "context-unavailable")
    assert [(gap["requirement"], gap["code"]) for gap in told["gaps"]] == [("tag:nothing", "missing")]
    assert told["gaps"][0]["fix"]
    assert recorded() == (0, 0, 1, 1)


def test_post__serve_with_gaps__serves_and_names_them(cast: Cast, comparer: Presented) -> None:
    publish(cast, creation("sales/other", tags=["nothing"]))
    contract(cast, [{"key": "legal/liability"}, {"tag": "nothing"}], when_incomplete="serve_with_gaps")
    told = comparer.bundle()
    assert len(told["entries"]) == 1
    assert told["gaps"][0]["requirement"] == "tag:nothing"


def test_post__contract_of_another_agent__reads_like_one_that_does_not_exist(cast: Cast, comparer: Presented) -> None:
    contract(cast, [{"key": "legal/liability"}], slug="others")
    other = comparer.post({"contract": "others"}, HTTP_X_REQUEST_ID="same")
    none = comparer.post({"contract": "none"}, HTTP_X_REQUEST_ID="same")
    problem(other, 404, "not-found")
    assert other.content == none.content
    assert recorded() == (0, 0, 0, 0)


@pytest.mark.parametrize("hidden", [{"sensitivity": "confidential"}, {"audiences": ["counsel"]}, {"domain": "sales"}])
def test_post__twin_worlds__forbidden_and_nonexistent_answer_byte_for_byte_alike(
    cast: Cast, comparer: Presented, hidden: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (cast.author, cast.reviewer, cast.admin):
        person.groups.add(cast.counsel)
    key = f"{hidden.get('domain', 'legal')}/secret"
    # Past the check of what there is, which would refuse a contract on what is not there.
    monkeypatch.setattr("agents.contract_record.check_terms", lambda **_: None)
    contract(cast, [{"key": key}, {"tag": "secret"}], most_matches=8)
    body = {"contract": "review", "query": "secret liability"}
    nowhere = comparer.post(body, HTTP_X_REQUEST_ID="same")
    publish(cast, creation(key, tags=["secret"], owner="owner", body="Secret liability", **hidden))
    there = comparer.post(body, HTTP_X_REQUEST_ID="same")
    problem(there, 409, "context-unavailable")
    assert there.content == nowhere.content


def test_post__change_in_review__is_not_in_the_bundle(cast: Cast, comparer: Presented) -> None:
    submit(cast, revision("legal/liability", body="Proposed: no cap at all."))
    answer = comparer.post({"contract": "review", "query": "no cap at all"})
    assert b"Proposed" not in answer.content


def test_post__published_revision__is_in_the_very_next_bundle(cast: Cast, comparer: Presented) -> None:
    comparer.bundle()
    publish(cast, revision("legal/liability", body="Capped at two years."))
    assert comparer.bundle()["entries"][0]["text"] == "Capped at two years."


def test_post__clearance_lowered__bites_at_the_next_request_and_for_the_pinned_digest(
    cast: Cast, comparer: Presented
) -> None:
    digest = comparer.bundle()["digest"]
    assert comparer.get(f"/api/v1/bundles/{digest}/").status_code == 200
    Agent.objects.update(clearance=0)
    problem(comparer.post({"contract": "review"}), 409, "context-unavailable")
    problem(comparer.get(f"/api/v1/bundles/{digest}/"), 403, "bundle-not-permitted")


def test_post__key_revoked_or_agent_suspended__is_refused_at_the_next_request(cast: Cast, comparer: Presented) -> None:
    digest = comparer.bundle()["digest"]
    set_state(actor=cast.owner, agent=comparer.agent, state="suspended", reason="x", now=timezone.now())
    problem(comparer.post({"contract": "review"}), 403, "agent-not-sanctioned")
    revoke_key(actor=cast.owner, key=comparer.key, now=timezone.now())
    problem(comparer.post({"contract": "review"}), 401, "not-authenticated")
    problem(comparer.get(f"/api/v1/bundles/{digest}/"), 401, "not-authenticated")


def test_post__key_without_the_scope__is_refused(cast: Cast, comparer: Presented) -> None:
    searcher = give(cast, contract(cast, [{"key": "legal/liability"}]), slug="searcher", scopes=["search:read"])
    told = problem(searcher.post({"contract": "review"}), 403, "scope-missing")
    assert told["field"] == "scope"
    assert recorded() == (0, 0, 0, 0)


@pytest.mark.parametrize("header", [None, "", "Bearer plp_abc_def", "Bearer plk_nope", "Basic YTpi"])
def test_post__no_valid_key__is_401_before_anything_is_read(comparer: Presented, header: str | None) -> None:
    more = {} if header is None else {"HTTP_AUTHORIZATION": header}
    answer = Client().post("/api/v1/bundles/", b"{", content_type="application/json", **more)
    problem(answer, 401, "not-authenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_post__a_persons_session__does_not_fetch_bundles(cast: Cast, comparer: Presented) -> None:
    browser = Client()
    browser.force_login(cast.owner)
    answer = browser.post("/api/v1/bundles/", {"contract": "review"}, content_type="application/json")
    problem(answer, 401, "not-authenticated")


HOSTILE: list[tuple[bytes, int, str | None]] = [
    (b"{", 400, None),
    (b"[" * 100_000, 400, None),
    (b'{"contract":' + b"[" * 100_000, 400, None),
    (b'"review"', 400, None),
    (b"[]", 400, None),
    (b"", 422, "contract"),
    (b"\xff\xfe", 400, None),
    (b'{"contract": "review", "query": "a\\u0000b"}', 422, None),
    (b'{"contract": "review", "query": "\\ud800"}', 422, None),
    (b'{"contract": "review", "task": {"\\udfff": 1}}', 422, None),
    (b'{"contract": "review", "contract": "review"}', 400, None),
    (b'{"contract": "review", "colour": "red"}', 422, "colour"),
    (b'{"contract": 7}', 422, "contract"),
    (b'{"contract": ""}', 422, "contract"),
    (b'{"contract": "' + b"r" * 61 + b'"}', 422, "contract"),
    (b'{"contract": "review", "query": 7}', 422, "query"),
    (b'{"contract": "review", "query": "' + b"q" * 2_001 + b'"}', 422, "query"),
    (b'{"contract": "review", "token_budget": 0}', 422, "token_budget"),
    (b'{"contract": "review", "token_budget": true}', 422, "token_budget"),
    (b'{"contract": "review", "token_budget": 4001}', 422, "token_budget"),
    (b'{"contract": "review", "token_budget": 1e3}', 422, "token_budget"),
    (b'{"contract": "review", "token_budget": ' + b"9" * 500 + b"}", 422, None),
    (b'{"contract": "review", "token_budget": NaN}', 400, None),
    (b'{"contract": "review", "as_of": "soon"}', 400, "as_of"),
    (b'{"contract": "review", "as_of": 7}', 400, "as_of"),
    (b'{"contract": "review", "as_of": "2999-01-01T00:00:00Z"}', 422, "as_of"),
    (b'{"contract": "review", "as_of": "0001-01-01T00:00:00+14:00"}', 400, "as_of"),
    (b'{"contract": "review", "format": "html"}', 422, "format"),
    (b'{"contract": "review", "format": ["json"]}', 422, "format"),
    (b'{"contract": "review", "task": "' + b"t" * 262_145 + b'"}', 422, "task"),
    (b'{"contract": "review", "task": "' + b"t" * 1_100_000 + b'"}', 413, None),
]


@pytest.mark.parametrize(("raw", "status", "field"), HOSTILE, ids=[str(place) for place in range(len(HOSTILE))])
def test_post__hostile_body__is_a_problem_and_stores_nothing(
    comparer: Presented, raw: bytes, status: int, field: str | None
) -> None:
    answer = comparer.post(None, raw=raw)
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    told = json.loads(answer.content)
    assert told["detail"]
    assert "fix" in told
    if field is not None:
        assert told["field"] == field
    assert recorded() == (0, 0, 0, 0)


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_bundles__other_methods__are_405(comparer: Presented, method: str) -> None:
    answer = getattr(Client(), method)("/api/v1/bundles/", HTTP_AUTHORIZATION=f"Bearer {comparer.bearer}")
    problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "POST"


def test_post__task_that_breaks_the_contracts_schema__names_the_place(cast: Cast, comparer: Presented) -> None:
    schema = {"type": "object", "required": ["clause"], "properties": {"clause": {"type": "string"}}}
    contract(cast, [{"key": "legal/liability"}], task_schema=schema)
    told = problem(comparer.post({"contract": "review", "task": {"clause": 7}}), 422, "schema-violation")
    assert told["field"] == "task.clause"
    problem(comparer.post({"contract": "review"}), 422, "schema-violation")
    assert recorded() == (0, 0, 0, 0)
    comparer.bundle(task={"clause": "Liability is unlimited."})


def test_post__token_budget__can_be_lowered_until_the_required_text_no_longer_fits(comparer: Presented) -> None:
    told = problem(comparer.post({"contract": "review", "token_budget": 3}), 409, "context-unavailable")
    (gap,) = told["gaps"]
    assert (gap["code"], gap["budget"]) == ("over_budget", 3)
    assert comparer.bundle(token_budget=gap["needed"])["manifest"]["total"] == gap["needed"]


def test_post__task_without_a_query__finds_matches_by_its_text(cast: Cast, comparer: Presented) -> None:
    publish(cast, creation("legal/caps", body="A cap on liability needs the board."))
    contract(cast, [{"key": "legal/liability"}], most_matches=4)
    told = comparer.bundle(task={"clause": "no cap on liability"})
    assert [entry["key"] for entry in told["entries"]] == ["legal/liability", "legal/caps"]


def test_get__same_bytes_for_who_received_it__and_nothing_for_another(cast: Cast, comparer: Presented) -> None:
    answer = comparer.post({"contract": "review"})
    digest = json.loads(answer.content)["digest"]
    assert comparer.get(f"/api/v1/bundles/{digest}/").content == answer.content
    other = give(cast, contract(cast, [{"key": "legal/liability"}]), slug="other")
    problem(other.get(f"/api/v1/bundles/{digest}/"), 404, "not-found")
    problem(comparer.get(f"/api/v1/bundles/{'0' * 64}/"), 404, "not-found")


def test_get__text_retired_since__is_gone(cast: Cast, comparer: Presented) -> None:
    digest = comparer.bundle()["digest"]
    publish(cast, EditInput(operation="retire", key="legal/liability"))
    problem(comparer.get(f"/api/v1/bundles/{digest}/"), 410, "bundle-ended")


def test_get__text_expired_since__is_gone_but_not_where_the_past_was_asked_for(cast: Cast) -> None:
    for window in (2, 8, 32):  # a busy machine needs the longer ones
        ends = timezone.now() + timedelta(seconds=window)
        publish(cast, creation(f"legal/brief-{window}", valid_to=ends.isoformat()))
        brief = give(cast, contract(cast, [{"key": f"legal/brief-{window}"}]))
        moment = timezone.now().isoformat()
        answers = [brief.post({"contract": "review", **more}) for more in ({}, {"as_of": moment})]
        if [answer.status_code for answer in answers] == [200, 200]:
            break
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(extract(epoch FROM %s - clock_timestamp()) + 0.01)", [ends])
    current, past = (json.loads(answer.content)["digest"] for answer in answers)
    problem(brief.get(f"/api/v1/bundles/{current}/"), 410, "bundle-ended")
    assert brief.get(f"/api/v1/bundles/{past}/").content == answers[1].content
    told = problem(brief.post({"contract": "review"}), 409, "context-unavailable")
    assert told["gaps"][0]["code"] == "stale"


def test_get__contract_taken_away__is_refused_and_each_attempt_leaves_one_event(
    cast: Cast, comparer: Presented
) -> None:
    digest = comparer.bundle()["digest"]
    comparer.agent.contracts.clear()
    for _ in range(2):
        told = problem(comparer.get(f"/api/v1/bundles/{digest}/"), 403, "bundle-not-permitted")
    problem(comparer.get(f"/api/v1/bundles/{'0' * 64}/"), 404, "not-found")
    denied = AuditEvent.objects.filter(action="agents.bundle.read.denied")
    assert [(each.subject_id, each.data["key"], each.data["why"]) for each in denied] == [
        (digest, comparer.key.prefix, told["detail"])
    ] * 2


def test_contracts__an_agent_sees_its_own_and_their_availability(cast: Cast, comparer: Presented) -> None:
    contract(cast, [{"key": "legal/liability"}], slug="others")
    told = json.loads(comparer.get("/api/v1/contracts/").content)
    assert [each["slug"] for each in told["results"]] == ["review"]
    assert json.loads(comparer.get("/api/v1/contracts/review/").content)["token_budget"] == 4_000
    problem(comparer.get("/api/v1/contracts/others/"), 404, "not-found")
    available = json.loads(comparer.get("/api/v1/contracts/review/availability/").content)
    assert available["complete"] is True
    assert [each["key"] for each in available["available"]] == ["legal/liability"]
    assert recorded() == (0, 0, 0, 0)


def test_contracts__people_see_those_they_answer_for(cast: Cast, comparer: Presented) -> None:
    for person, expected in ((cast.owner, 1), (cast.admin, 1), (cast.auditor, 1), (cast.outsider, 0)):
        browser = Client()
        browser.force_login(person)
        told = json.loads(browser.get("/api/v1/contracts/").content)
        assert len(told["results"]) == expected, person


@pytest.mark.parametrize("table", ["agents_bundle", "agents_receipt", "agents_refusal", "agents_contractversion"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}", "TRUNCATE {} CASCADE"])
def test_database__what_was_served_refused_or_promised__never_changes(
    cast: Cast, comparer: Presented, table: str, statement: str
) -> None:
    comparer.bundle()
    column = {"agents_bundle": "body", "agents_contractversion": "digest"}.get(table, "request_id")
    with pytest.raises(Exception, match=r"never change|permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(table, column, column))


def test_concurrent_requests__each_has_its_receipt_and_the_ledger_does_not_fork(
    committed_db: None, cast: Cast, served_site: str
) -> None:

    publish(cast, creation("legal/liability", body="Capped."))
    comparer = give(cast, contract(cast, [{"key": "legal/liability"}]))
    request = Request(
        f"{served_site}/api/v1/bundles/",
        json.dumps({"contract": "review"}).encode(),
        {"Authorization": f"Bearer {comparer.bearer}", "Content-Type": "application/json"},
    )

    def fetch(_: int) -> tuple[int, str]:
        with urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)["digest"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(fetch, range(40)))
    assert {status for status, _ in answers} == {200}
    assert len({digest for _, digest in answers}) == 1
    assert recorded() == (1, 40, 0, 0)
    sequences = list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert sequences == list(range(1, len(sequences) + 1))


def governed() -> list[tuple[str, str]]:
    return [
        ("post", "/api/v1/changes/"),
        ("get", "/api/v1/changes/1/"),
        ("post", "/api/v1/changes/1/submit/"),
        ("post", "/api/v1/changes/1/reviews/"),
        ("post", "/api/v1/changes/1/publish/"),
        ("post", "/api/v1/changes/1/withdraw/"),
        ("post", "/api/v1/changes/1/revert/"),
        ("get", "/api/v1/audit/events/"),
        ("get", "/admin/"),
    ]


@pytest.mark.parametrize(("method", "path"), governed())
def test_agent_key__on_the_routes_of_governance__opens_nothing(comparer: Presented, method: str, path: str) -> None:
    answer = Client(raise_request_exception=False).generic(
        method.upper(), path, b"{}", content_type="application/json", HTTP_AUTHORIZATION=f"Bearer {comparer.bearer}"
    )
    assert answer.status_code in (302, 403, 404), (path, answer.status_code, answer.content[:300])
    if answer.status_code == 302:
        assert "/login" in answer["Location"] or "/sign-in" in answer["Location"]
