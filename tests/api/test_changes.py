"""A change over HTTP from draft to publication and back, with the copies and the refusals on its way."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from context.models import ContextItem, RoleGrant
from governance.drift.contradictions_impact import MOST_EDITS
from governance.models import AuditEvent, Change, Edit
from tests.api.conftest import Caller, Callers, assert_problem
from tests.cast import Cast, creation, propose, publish, submit

CHANGES = "/api/v1/changes/"
POLICY = {"op": "create", "key": "legal/liability", "kind": "policy", "domain": "legal", "title": "Liability"}


def start(caller: Caller, *edits: dict) -> dict:
    response = caller.post(CHANGES, {"title": "A change", "reason": "It is needed", "edits": list(edits)})
    assert response.status_code == 201, response.content
    return json.loads(response.content)


def test_whole_path__created_submitted_approved_published__item_is_in_force(cast: Cast, callers: Callers) -> None:
    made = callers.author.post(
        CHANGES, {"title": "Cap", "reason": "Board", "edits": [{**POLICY, "body": "Twice the fee.", "owner": "owner"}]}
    )
    assert made.status_code == 201
    path = made["Location"]
    change = json.loads(made.content)
    assert (change["state"], change["keys"], change["digest"]) == ("draft", ["legal/liability"], "")
    submitted = json.loads(callers.author.post(f"{path}submit/").content)
    assert submitted["state"] == "in_review"
    decision = {"decision": "approve", "digest": submitted["digest"]}
    own = assert_problem(callers.author.post(f"{path}reviews/", decision), 403, "not-permitted")
    assert "wrote" in own["detail"]
    approved = json.loads(callers.reviewer.post(f"{path}reviews/", decision).content)
    assert approved["state"] == "approved"
    assert [each["reviewer"]["username"] for each in approved["reviews"]] == ["reviewer"]
    published = json.loads(callers.reviewer.post(f"{path}publish/", {}).content)
    assert (published["state"], published["published_by"]["username"]) == ("published", "reviewer")
    item = json.loads(callers.outsider.get("/api/v1/context/items/legal/liability/").content)
    assert item["version"]["body"] == "Twice the fee."
    assert item["version"]["change"] == change["id"]
    undone = callers.author.post(f"{path}revert/", {"reason": "It was wrong"})
    assert undone.status_code == 201
    assert json.loads(undone.content)["keys"] == ["legal/liability"]


def test_publish__at_a_time_to_come__is_scheduled(cast: Cast, callers: Callers) -> None:
    path = f"{CHANGES}{submit(cast, creation('legal/liability')).pk}/"
    digest = json.loads(callers.reviewer.get(path).content)["digest"]
    callers.reviewer.post(f"{path}reviews/", {"decision": "approve", "digest": digest})
    at = (timezone.now() + timedelta(days=3)).isoformat()
    assert json.loads(callers.reviewer.post(f"{path}publish/", {"at": at}).content)["state"] == "scheduled"
    assert json.loads(callers.author.post(f"{path}withdraw/", {"comment": "Not yet"}).content)["state"] == "withdrawn"
    assert json.loads(callers.author.post(f"{path}reopen/").content)["state"] == "draft"


def test_review__another_digest_than_the_one_that_stands__is_refused(cast: Cast, callers: Callers) -> None:
    path = f"{CHANGES}{submit(cast, creation('legal/liability')).pk}/"
    assert_problem(
        callers.reviewer.post(f"{path}reviews/", {"decision": "approve", "digest": "0" * 64}), 409, "approval-void"
    )
    problem = assert_problem(callers.reviewer.post(f"{path}reviews/", {"decision": "reject", "digest": "x"}), 422)
    assert problem["field"] == "digest"


def test_publish__not_approved__is_refused(cast: Cast, callers: Callers) -> None:
    path = f"{CHANGES}{submit(cast, creation('legal/liability')).pk}/"
    assert_problem(callers.author.post(f"{path}publish/", {}), 409, "approval-incomplete")
    assert not ContextItem.objects.exists()


def test_edit__without_if_match_or_with_an_old_copy__nothing_is_lost(cast: Cast, callers: Callers) -> None:
    change = start(callers.author, POLICY)
    path = f"{CHANGES}{change['id']}/"
    etag = callers.author.get(path)["ETag"]
    edit = f"{path}edits/legal/liability/"
    wanted = {"op": "create", "kind": "policy", "domain": "legal", "title": "Liability", "body": "First"}
    for refused in (
        callers.author.put(edit, wanted),
        callers.author.patch(path, {"title": "Another"}),
        callers.author.delete(edit),
        callers.author.post(f"{path}edits/", {**POLICY, "key": "legal/other"}),
    ):
        assert_problem(refused, 428, "precondition-required")
    first = callers.author.put(edit, wanted, If_Match=etag)
    assert first.status_code == 200
    assert first["ETag"] != etag
    for refused in (
        callers.author.put(edit, {**wanted, "body": "Second"}, If_Match=etag),
        callers.author.patch(path, {"title": "Another"}, If_Match=etag),
        callers.author.delete(edit, If_Match=etag),
        callers.author.patch(path, {"title": "Another"}, If_Match=f"W/{first['ETag']}"),
        callers.author.patch(path, {"title": "Another"}, If_Match="junk"),
    ):
        assert_problem(refused, 412, "precondition-failed")
    assert Edit.objects.get().payload["body"] == "First"
    assert json.loads(callers.author.get(edit).content)["proposed"]["body"] == "First"
    described = callers.author.patch(path, {"title": "Another"}, If_Match=first["ETag"])
    assert json.loads(described.content)["title"] == "Another"
    added = callers.author.post(f"{path}edits/", {**POLICY, "key": "legal/other"}, If_Match=described["ETag"])
    assert (added.status_code, json.loads(added.content)["keys"]) == (201, ["legal/liability", "legal/other"])
    removed = callers.author.delete(edit, If_Match=added["ETag"])
    assert json.loads(removed.content)["keys"] == ["legal/other"]


def test_read__unchanged__304_and_a_new_tag_after_each_write(cast: Cast, callers: Callers) -> None:
    path = f"{CHANGES}{start(callers.author, POLICY)['id']}/"
    etag = callers.author.get(path)["ETag"]
    assert callers.author.get(path, If_None_Match=etag).status_code == 304
    assert callers.author.post(f"{path}submit/", If_Match='"old"').status_code == 412
    assert callers.author.post(f"{path}submit/", If_Match=etag).status_code == 200
    assert callers.author.get(path, If_None_Match=etag).status_code == 200


def test_draft__of_somebody_else__reads_as_nonexistent_everywhere(cast: Cast, callers: Callers) -> None:
    change = propose(cast, creation("legal/liability"))
    bodies = []
    for number in (change.pk, 999_999, 10**30):
        path = f"{CHANGES}{number}/"
        for response in (
            callers.outsider.get(path),
            callers.outsider.get(f"{path}edits/"),
            callers.outsider.get(f"{path}edits/legal/liability/"),
            callers.outsider.get(f"{path}diff/"),
            callers.outsider.get(f"{path}impact/"),
            callers.outsider.patch(path, {"title": "Mine"}),
            callers.outsider.post(f"{path}submit/"),
            callers.outsider.post(f"{path}publish/", {}),
            callers.outsider.post(f"{path}withdraw/"),
            callers.outsider.post(f"{path}reviews/", {"decision": "approve", "digest": "0" * 64}),
            callers.outsider.post(f"{path}revert/", {"reason": "No"}),
            callers.outsider.delete(f"{path}edits/legal/liability/"),
        ):
            problem = assert_problem(response, 404, "not-found")
            bodies.append({name: problem[name] for name in problem if name not in ("instance", "request_id")})
    assert all(body == bodies[0] for body in bodies)
    assert json.loads(callers.outsider.get(CHANGES).content)["results"] == []


def test_list__filters_and_many_rows__same_number_of_queries(cast: Cast, callers: Callers) -> None:
    def count() -> int:
        callers.author.get(CHANGES)
        with CaptureQueriesContext(connection) as queries:
            assert callers.author.get(f"{CHANGES}?limit=200").status_code == 200
        assert len(queries) > 3
        return len(queries)

    propose(cast, creation("legal/liability"))
    few = count()
    for number in range(8):
        submit(cast, creation(f"legal/clause-{number}"), creation(f"legal/term-{number}"))
    assert count() == few
    for query, expected in {"state=draft": 1, "state=in_review": 8, "author=author": 9, "author=owner": 0}.items():
        assert len(json.loads(callers.author.get(f"{CHANGES}?{query}").content)["results"]) == expected, query
    found = json.loads(callers.author.get(f"{CHANGES}?key=legal/clause-3").content)["results"]
    assert [each["edits"] for each in found] == [2]


def test_read__many_edits__same_number_of_queries(cast: Cast, callers: Callers) -> None:
    def count(change: Change, rest: str) -> int:
        path = f"{CHANGES}{change.pk}/{rest}"
        callers.author.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert callers.author.get(path).status_code == 200
        assert len(queries) > 3
        return len(queries)

    one = propose(cast, creation("legal/liability"))
    many = propose(cast, *(creation(f"legal/clause-{number}") for number in range(MOST_EDITS)))
    for rest in ("", "edits/", "diff/", "impact/"):
        assert count(one, rest) == count(many, rest), rest
    # What a larger change contradicts is left to the scan, so that its impact takes no more queries either.
    import_of_many = propose(cast, *(creation(f"legal/page-{number}") for number in range(MOST_EDITS + 3)))
    assert count(import_of_many, "impact/") <= count(one, "impact/")
    for rest in ("", "edits/", "diff/"):
        assert count(import_of_many, rest) == count(one, rest), rest


def test_diff_and_impact__revision__shows_fields_words_and_who_refers_to_it(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/liability", body="At most twice the fee."))
    publish(cast, creation("legal/cap", relations=[{"type": "depends_on", "key": "legal/liability"}]))
    change = start(
        callers.author,
        {"op": "revise", "key": "legal/liability", "body": "At most three times the fee.", "tags": ["cap"]},
    )
    path = f"{CHANGES}{change['id']}/"
    (found,) = json.loads(callers.author.get(f"{path}diff/").content)["results"]
    assert found["edit"]["key"] == "legal/liability"
    assert (found["body"]["words_added"], found["body"]["words_removed"]) == (2, 1)
    assert found["fields_changed"] == [{"field": "tags", "before": [], "after": ["cap"]}]
    touched = json.loads(callers.author.get(f"{path}impact/").content)["results"]
    assert [(each["kind"], each["label"]) for each in touched if each["kind"] == "item"] == [("item", "Cap")]


def stored() -> tuple[int, ...]:
    """Everything there is, but for the record of attempts that were refused."""
    events = AuditEvent.objects.exclude(action__endswith=".denied")
    return (Change.objects.count(), Edit.objects.count(), events.count(), ContextItem.objects.count())


def test_refused_input__each_named__and_nothing_is_stored(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap"))
    publish(cast, creation("legal/limit"), now=timezone.now())
    author = callers.author
    before = stored()
    term = {**POLICY, "kind": "term", "key": "legal/term", "title": "Term"}
    for edit, status, field in [
        ({**POLICY, "kind": "nonsense"}, 422, "kind"),
        ({**POLICY, "kind": 5}, 422, "edits.0.kind"),
        ({**POLICY, "colour": "red"}, 422, "edits.0.colour"),
        ({**POLICY, "op": "destroy"}, 422, "edits.0.op"),
        ({**POLICY, "op": ["create"]}, 422, "edits.0.op"),
        ({**POLICY, "key": {"a": 1}}, 422, "edits.0.key"),
        ({**POLICY, "key": "Legal/Liability"}, 422, "key"),
        ({**POLICY, "key": "sales/liability"}, 422, "key"),
        ({**POLICY, "title": 5}, 422, "edits.0.title"),
        ({**POLICY, "title": "a" * 301}, 422, "edits.0.title"),
        ({**POLICY, "title": "   "}, 422, "title"),
        ({**POLICY, "tags": "cap"}, 422, "edits.0.tags"),
        ({**POLICY, "tags": [5]}, 422, "edits.0.tags.0"),
        ({**POLICY, "data": [1]}, 422, "edits.0.data"),
        ({**POLICY, "claims": [5]}, 422, "edits.0.claims.0"),
        ({**POLICY, "claims": [{"nonsense": 1}]}, 422, "claims.0"),
        ({**POLICY, "relations": [{"type": "related", "key": "legal/nowhere"}]}, 422, "relations"),
        ({**POLICY, "relations": [{"type": "related"}]}, 422, "edits.0.relations.0.key"),
        ({**POLICY, "relations": [{"type": "owes", "key": "legal/cap"}]}, 422, "edits.0.relations.0.type"),
        ({**POLICY, "sensitivity": "secret"}, 422, "edits.0.sensitivity"),
        ({**POLICY, "sensitivity": "restricted"}, 422, "sensitivity"),
        ({**POLICY, "audiences": ["nobody"]}, 422, "audiences"),
        ({**POLICY, "owner": "nobody"}, 422, "owner"),
        ({**POLICY, "review_interval_days": 0}, 422, "edits.0.review_interval_days"),
        ({**POLICY, "review_interval_days": True}, 422, "edits.0.review_interval_days"),
        ({**POLICY, "review_interval_days": 1.5}, 422, "edits.0.review_interval_days"),
        ({**POLICY, "valid_from": "soon"}, 422, "valid_from"),
        ({**POLICY, "valid_from": 20260101}, 422, "edits.0.valid_from"),
        ({**POLICY, "valid_from": "0001-01-01"}, 422, "valid_from"),
        ({**POLICY, "valid_from": "2026-02-01", "valid_to": "2026-01-01"}, 422, "valid_to"),
        ({**POLICY, "locale": "<script>"}, 422, "locale"),
        ({**POLICY, "source": {"kind": "git", "password": "x"}}, 422, "edits.0.source.password"),
        ({**POLICY, "base_version": 2**40}, 422, "edits.0.base_version"),
        ({**POLICY, "domain": "nowhere"}, 422, "domain"),
        ({**POLICY, "domain": "finance", "key": "finance/x"}, 403, "domain"),
        ({**POLICY, "key": "legal/cap"}, 409, "key"),
        (term, 422, "data"),
        ({**term, "data": {"definition": 5}}, 422, "data.definition"),
        ({**term, "data": {"definition": "x", "colour": "red"}}, 422, "data"),
        ({"op": "revise", "key": "legal/nowhere", "body": "x"}, 422, "key"),
        ({"op": "revise", "body": "x"}, 422, "key"),
        ({"op": "revise", "key": "legal/cap", "body": "x", "base_version": 7}, 409, "base_version"),
        ({"op": "revise", "key": "legal/cap"}, 409, None),
        ({"op": "revise", "key": "legal/cap", "domain": "sales"}, 422, "domain"),
        ({"op": "revert", "key": "legal/cap", "revert_to": 9}, 422, "revert_to"),
        ({"op": "retire", "key": "legal/cap", "replaced_by": "legal/nowhere"}, 422, "replaced_by"),
        ({"op": "retire", "key": "legal/cap", "replaced_by": "legal/cap"}, 422, "replaced_by"),
    ]:
        response = author.post(CHANGES, {"title": "T", "reason": "R", "edits": [edit]})
        assert response.status_code == status, (edit, response.content)
        problem = assert_problem(response, status)
        assert problem.get("field") == field, (edit, problem)
        assert problem.get("fix"), (edit, problem)
    for body, field in [
        ({}, "title"),
        ({"title": "T"}, "reason"),
        ({"title": "T", "reason": ""}, "reason"),
        ({"title": "T" * 201, "reason": "R"}, "title"),
        ({"title": None, "reason": "R"}, "title"),
        ({"title": "T", "reason": "R", "edits": {}}, "edits"),
        ({"title": "T", "reason": "R", "edits": [5]}, "edits.0"),
        ({"title": "T", "reason": "R", "edits": None}, "edits"),
        ({"title": "T", "reason": "R", "state": "published"}, "state"),
        ({"title": "T", "reason": "R", "edits": [POLICY, POLICY]}, "edits.key"),
    ]:
        assert assert_problem(author.post(CHANGES, body), 422)["field"] == field, body
    assert stored() == before


def test_submit__item_moved_on_meanwhile__stale_base_is_named(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/cap", body="One"))
    mine = start(callers.author, {"op": "revise", "key": "legal/cap", "body": "Two", "base_version": 1})
    RoleGrant.objects.create(user=cast.owner, role="author")
    theirs = start(callers.owner, {"op": "revise", "key": "legal/cap", "body": "Three"})
    digest = json.loads(callers.owner.post(f"{CHANGES}{theirs['id']}/submit/").content)["digest"]
    callers.reviewer.post(f"{CHANGES}{theirs['id']}/reviews/", {"decision": "approve", "digest": digest})
    assert callers.owner.post(f"{CHANGES}{theirs['id']}/publish/", {}).status_code == 200
    problem = assert_problem(callers.author.post(f"{CHANGES}{mine['id']}/submit/"), 409, "stale-base")
    assert (problem["limit"], problem["keys"]) == (2, ["legal/cap"])


def test_verify_items__owner_confirms__all_or_none(cast: Cast, callers: Callers) -> None:
    (item,) = publish(cast, creation("legal/cap", owner="owner"), now=timezone.now() - timedelta(days=30))
    verify = "/api/v1/context/items/verify/"
    found = json.loads(callers.owner.post(verify, {"keys": ["legal/cap"]}).content)["results"]
    assert [each["key"] for each in found] == ["legal/cap"]
    verified_until = item.verified_until
    item.refresh_from_db()
    assert item.verified_until > verified_until
    assert_problem(callers.owner.post(verify, {"keys": ["legal/cap", "legal/nowhere"]}), 404)
    assert_problem(callers.outsider.post(verify, {"keys": ["legal/cap"]}), 403)
    for keys in ([], "legal/cap", [5], None, ["a" * 201], ["legal/cap"] * 501):
        assert_problem(callers.owner.post(verify, {"keys": keys}), 422)


def test_edit__two_at_once_from_the_same_copy__one_is_written_and_the_other_told(
    committed_db: None, cast: Cast, callers: Callers
) -> None:
    path = f"{CHANGES}{start(callers.author, POLICY)['id']}/"
    etag = callers.author.get(path)["ETag"]
    authorization = callers.author.authorization
    gate = threading.Barrier(4)
    statuses = []

    def write(number: int) -> None:
        try:
            gate.wait()
            body = {"op": "create", "kind": "policy", "domain": "legal", "title": f"By {number}"}
            response = Caller(authorization).put(f"{path}edits/legal/liability/", body, If_Match=etag)
            statuses.append(response.status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 412, 412, 412]
    assert Change.objects.get().row_version == 2


def test_edits__relation_to_a_hidden_item__is_not_told_of(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/hidden", sensitivity="confidential"))
    change = submit(cast, creation("legal/open", relations=[{"type": "related", "key": "legal/hidden"}]))
    RoleGrant.objects.create(user=cast.outsider, role="approver")

    for path in ("edits/", "edits/legal/open/", "diff/"):
        answer = callers.outsider.get(f"/api/v1/changes/{change.pk}/{path}")
        assert answer.status_code == 200, path
        assert b"legal/hidden" not in answer.content, path
        assert b"legal/hidden" in callers.reviewer.get(f"/api/v1/changes/{change.pk}/{path}").content, path
