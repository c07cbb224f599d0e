"""The ledger over HTTP: for auditors alone, filtered, verified, and exported so that it can be checked elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from governance.audit.checkpoints import make_checkpoint
from governance.models import AuditEvent
from tests.api.conftest import Callers, assert_problem
from tests.cast import Cast, creation, publish

EVENTS = "/api/v1/audit/events/"


def test_events__not_an_auditor__refused_and_the_administrator_is_not(cast: Cast, callers: Callers) -> None:
    for path in (EVENTS, "/api/v1/audit/verify/", "/api/v1/audit/export/"):
        for caller in (callers.author, callers.reviewer, callers.owner, callers.outsider):
            assert_problem(caller.get(path), 403, "not-permitted")
        assert callers.auditor.get(path).status_code == 200
        assert callers.admin.get(path).status_code == 200


def test_events__filters_and_pages__newest_first(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap"))
    auditor = callers.auditor

    def actions(query: str) -> list[str]:
        return [each["action"] for each in json.loads(auditor.get(f"{EVENTS}?{query}").content)["results"]]

    # The newest is the issue of the token that the auditor calls with.
    assert actions("subject=legal/cap") == ["context.version.published"]
    assert actions("subject=item:legal/cap") == ["context.version.published"]
    assert actions("action=governance.change") == [
        "governance.change.published",
        "governance.change.review_approved",
        "governance.change.submitted",
        "governance.change.created",
    ]
    assert actions("actor=reviewer") == ["governance.change.review_approved"]
    assert actions("actor=Rui%20Reviewer") == ["governance.change.review_approved"]
    assert actions("since=2999-01-01") == []
    assert actions("until=2000-01-01") == []
    seen, path = [], f"{EVENTS}?limit=2"
    while path:
        page = json.loads(auditor.get(path).content)
        seen += [each["sequence"] for each in page["results"]]
        path = page["next"]
    assert seen == list(range(AuditEvent.objects.count(), 0, -1))


def test_events__many__same_number_of_queries(cast: Cast, callers: Callers) -> None:
    def count() -> int:
        callers.auditor.get(EVENTS)
        with CaptureQueriesContext(connection) as queries:
            assert callers.auditor.get(f"{EVENTS}?limit=200").status_code == 200
        assert len(queries) > 3
        return len(queries)

    few = count()
    publish(cast, *(creation(f"legal/clause-{number}") for number in range(10)))
    assert count() == few


def test_verify__whole_ledger__holds(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap"))
    verdict = json.loads(callers.auditor.get("/api/v1/audit/verify/").content)
    assert (verdict["holds"], verdict["checked"]) == (True, AuditEvent.objects.count())


def test_export__each_line__its_hashes_can_be_computed_from_it_alone(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap", title="Cap, “quoted” and ünïcode"))
    response = callers.auditor.get("/api/v1/audit/export/")
    assert response["Content-Type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    events = [line for line in lines if line["type"] == "event"]
    assert [event["sequence"] for event in events] == list(range(1, AuditEvent.objects.count() + 1))
    previous = "0" * 64
    for event in events:
        payload = {
            "actor_label": event["actor"]["label"],
            "subject_label": event["subject"]["label"],
            "data": event["data"],
            "salt": event["salt"],
        }
        assert hashlib.sha256(rfc8785.dumps(payload)).hexdigest() == event["payload"]
        names = ("sequence", "at", "recorded_at", "action", "sensitivity", "request_id", "before", "after", "payload")
        header = {name: event[name] for name in names} | {
            "actor": {name: event["actor"][name] for name in ("kind", "id")},
            "subject": {name: event["subject"][name] for name in ("type", "id")},
            "previous": event["previous"],
        }
        assert hashlib.sha256(rfc8785.dumps(header)).hexdigest() == event["hash"]
        assert event["previous"] == previous
        previous = event["hash"]


def test_checkpoints__signed_and_proven__in_the_form_that_the_signature_covers(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap"))
    first = make_checkpoint(now=timezone.now().replace(microsecond=0))
    publish(cast, creation("legal/limit"))
    second = make_checkpoint(now=timezone.now())
    auditor = callers.auditor
    listed = json.loads(auditor.get("/api/v1/audit/checkpoints/").content)["results"]
    assert [each["sequence"] for each in listed] == [second.sequence, first.sequence]
    for signed in listed:
        statement = {name: value for name, value in signed.items() if name not in ("signature", "public_key")}
        key = Ed25519PublicKey.from_public_bytes(unpadded(signed["public_key"]))
        key.verify(unpadded(signed["signature"]), rfc8785.dumps(statement))
    proof = json.loads(auditor.get(f"/api/v1/audit/events/1/proof/?checkpoint={first.sequence}").content)
    assert (proof["sequence"], proof["tree_size"]) == (1, first.sequence)
    grown = json.loads(auditor.get(f"/api/v1/audit/checkpoints/{first.sequence}/proof/").content)
    assert (grown["old"], grown["new"]) == (first.sequence, second.sequence)
    assert_problem(auditor.get("/api/v1/audit/events/999999/proof/"), 404)
    assert_problem(auditor.get("/api/v1/audit/checkpoints/999999/proof/"), 404)
    for query in ("new=x", "new=0", "old=1", "new=" + "9" * 30):
        path = f"/api/v1/audit/checkpoints/{first.sequence}/proof/?{query}"
        assert_problem(auditor.get(path), 400, "invalid-parameter")


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
