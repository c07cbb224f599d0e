"""A repeated write: one effect, the first answer again, and nothing claimed by what failed or crashed."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from config.api.idempotency import forget_answers
from context.models import IdempotentRequest
from governance.models import AuditEvent, Change
from tests.api.conftest import Caller, Callers, assert_problem, token_of
from tests.cast import Cast, creation, publish, submit

CHANGES = "/api/v1/changes/"
NEW = {"title": "A change", "reason": "It is needed"}


def test_same_key_same_request__answered_again_without_a_second_effect(cast: Cast, callers: Callers) -> None:
    first = callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    again = callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert [again[name] for name in ("ETag", "Location")] == [first[name] for name in ("ETag", "Location")]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert Change.objects.count() == 1
    assert callers.author.post(CHANGES, NEW, Idempotency_Key="two").status_code == 201
    assert Change.objects.count() == 2


def test_same_key_other_request__refused(cast: Cast, callers: Callers) -> None:
    callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    for response in (
        callers.author.post(CHANGES, {**NEW, "title": "Another"}, Idempotency_Key="one"),
        callers.author.post(f"{CHANGES}1/submit/", {}, Idempotency_Key="one"),
    ):
        assert_problem(response, 422, "idempotency-key-reused")
    assert Change.objects.count() == 1


def test_same_key_of_another_person__is_another_key(cast: Cast, callers: Callers) -> None:
    callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    theirs = callers.reviewer.post(CHANGES, NEW, Idempotency_Key="one")
    assert "Idempotency-Replayed" not in theirs
    assert json.loads(theirs.content)["author"]["username"] == "reviewer"


def test_refused_request__key_may_be_used_again(cast: Cast, callers: Callers) -> None:
    assert_problem(callers.author.post(CHANGES, {"title": "T"}, Idempotency_Key="one"), 422, "invalid-input")
    assert not IdempotentRequest.objects.exists()
    assert callers.author.post(CHANGES, NEW, Idempotency_Key="one").status_code == 201


def test_refused_approval__its_audit_event_stands_though_the_key_is_let_go(cast: Cast, callers: Callers) -> None:
    change = submit(cast, creation("legal/cap"))
    path = f"{CHANGES}{change.pk}/reviews/"
    decision = {"decision": "approve", "digest": change.digest}
    assert_problem(callers.author.post(path, decision, Idempotency_Key="one"), 403)
    assert AuditEvent.objects.filter(action="governance.review.denied").count() == 1
    assert not IdempotentRequest.objects.exists()


def test_every_step__repeated__has_one_effect(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap", owner="owner"))
    made = callers.author.post(
        CHANGES,
        {**NEW, "edits": [{"op": "revise", "key": "legal/cap", "body": "New"}]},
    )
    path, etag = made["Location"], made["ETag"]
    key = 0

    def twice(caller: Caller, method: str, address: str, body: object = None, **headers: str) -> dict:
        nonlocal key
        key += 1
        events = AuditEvent.objects.count()
        first = caller.send(method, address, body, Idempotency_Key=f"step-{key}", **headers)
        assert first.status_code in (200, 201), first.content
        written = AuditEvent.objects.count()
        assert written > events
        again = caller.send(method, address, body, Idempotency_Key=f"step-{key}", **headers)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again["Idempotency-Replayed"] == "true"
        assert AuditEvent.objects.count() == written
        return json.loads(first.content) | {"etag": first.headers.get("ETag")}

    author = callers.author
    found = twice(author, "PATCH", path, {"title": "Renamed"}, If_Match=etag)
    other = {"op": "create", "kind": "policy", "domain": "legal", "title": "Other"}
    found = twice(author, "POST", f"{path}edits/", {**other, "key": "legal/other"}, If_Match=found["etag"])
    found = twice(author, "PUT", f"{path}edits/legal/other/", {**other, "title": "More"}, If_Match=found["etag"])
    twice(author, "DELETE", f"{path}edits/legal/other/", If_Match=found["etag"])
    found = twice(author, "POST", f"{path}submit/")
    twice(callers.reviewer, "POST", f"{path}reviews/", {"decision": "approve", "digest": found["digest"]})
    twice(callers.reviewer, "POST", f"{path}publish/", {})
    undone = twice(author, "POST", f"{path}revert/", {"reason": "No"})
    twice(author, "POST", f"{CHANGES}{undone['id']}/withdraw/", {})
    twice(author, "POST", f"{CHANGES}{undone['id']}/reopen/", {})
    twice(callers.owner, "POST", "/api/v1/context/items/verify/", {"keys": ["legal/cap"]})


def test_stored_answer__what_it_tells_is_no_longer_the_callers_to_see__not_repeated(
    cast: Cast, callers: Callers
) -> None:
    edit = {"op": "create", "kind": "policy", "domain": "legal", "title": "Secret", "sensitivity": "confidential"}
    assert callers.author.post(CHANGES, {**NEW, "edits": [edit]}, Idempotency_Key="one").status_code == 201
    cast.author.clearance = 1
    cast.author.save()
    again = callers.author.post(CHANGES, {**NEW, "edits": [edit]}, Idempotency_Key="one")
    assert_problem(again, 404, "not-found")


def test_day_old_answer__is_forgotten(cast: Cast, callers: Callers) -> None:
    callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in callers.author.post(CHANGES, NEW, Idempotency_Key="one")
    assert Change.objects.count() == 2
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert forget_answers(now=timezone.now()) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 201, "ünïcode", "tab\tbed"])
def test_key_that_cannot_be_kept__is_named(cast: Cast, callers: Callers, key: str) -> None:
    problem = assert_problem(callers.author.post(CHANGES, NEW, Idempotency_Key=key), 400, "invalid-header")
    assert problem["field"] == "Idempotency-Key"
    assert not Change.objects.exists()


def test_failure_of_ours__leaves_neither_effect_nor_claim(
    cast: Cast, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(**_: object) -> None:
        raise RuntimeError("the machine stopped")

    author = callers.author
    monkeypatch.setattr("governance.audit.ledger.append_all", crash)
    assert_problem(author.post(CHANGES, NEW, Idempotency_Key="one"), 500, "internal-error")
    monkeypatch.undo()
    assert not Change.objects.exists()
    assert not IdempotentRequest.objects.exists()
    assert author.post(CHANGES, NEW, Idempotency_Key="one").status_code == 201


def test_twins_at_once__one_effect_and_the_same_answer(committed_db: None, cast: Cast) -> None:
    authorization = f"Bearer {token_of(cast.author)}"
    gate = threading.Barrier(6)
    answers = []

    def call() -> None:
        try:
            gate.wait()
            response = Caller(authorization).post(CHANGES, NEW, Idempotency_Key="one")
            answers.append((response.status_code, response.content, response.headers.get("Idempotency-Replayed")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Change.objects.count() == 1
    assert {answer[:2] for answer in answers} == {answers[0][:2]}
    assert answers[0][0] == 201
    assert sorted(str(answer[2]) for answer in answers) == ["None", *["true"] * 5]
