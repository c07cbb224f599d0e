"""What people can do on pages they can do over the API: discuss, rebase, hurry, stand in, settle, keep the ledger."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta

from django.utils import timezone

from governance.audit.verification import verify_chain
from governance.drift.findings import Sighting, open_finding
from governance.models import AuditEvent, Change, Review
from governance.publishing import publish_change
from governance.receipts import is_genuine
from governance.reviews import review_change
from tests.api.conftest import Callers, assert_problem
from tests.cast import Cast, approve, creation, publish, revision, submit


def test_discussion__a_passage_is_quoted_answered_and_settled(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/terms", body="Paid in 30 days."))
    change = submit(cast, revision("legal/terms", body="Paid in 45 days."))
    at = f"/api/v1/changes/{change.pk}/comments/"
    made = callers.reviewer.post(at, {"text": "Why?", "key": "legal/terms", "field": "body", "quote": "45 days"})
    assert made.status_code == 201, made.content
    first = made.json()["id"]
    assert callers.author.post(at, {"text": "The market.", "reply_to": first}).status_code == 201
    (thread,) = callers.author.get(at).json()["results"]
    assert (thread["quote"], thread["moved"], [each["text"] for each in thread["replies"]]) == (
        "45 days",
        False,
        ["The market."],
    )
    settled = callers.reviewer.post(f"{at}{first}/settle/", {})
    assert settled.status_code == 200
    assert callers.author.get(at).json()["results"][0]["settled_at"]
    assert_problem(callers.reviewer.post(f"{at}{first}/settle/", {"why": 1}), 422)
    assert_problem(callers.reviewer.post(at, {"text": " "}), 422, "invalid-input")


def test_rebase__conflict_is_told_and_decided(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/terms", body="Paid in 30 days."))
    change = submit(cast, revision("legal/terms", body="Paid in 45 days."))
    publish(cast, revision("legal/terms", body="Paid in 60 days."))
    at = f"/api/v1/changes/{change.pk}/edits/legal/terms/rebase/"
    plan = callers.author.get(at).json()
    assert [each["theirs"] for each in plan["conflicts"]] == ["Paid in 60 days."]
    assert_problem(callers.author.post(at, {}), 409, "conflict")
    place = plan["conflicts"][0]["place"]
    assert callers.author.post(at, {"choices": {place: "mine"}}).status_code == 200
    edit = Change.objects.get(pk=change.pk).edits.get()
    assert (edit.base_version, edit.payload["body"]) == (2, "Paid in 45 days.")


def test_emergency__published_and_ratified_by_others(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/exit"))
    change = submit(cast, revision("legal/exit", body="By the back door."))
    at = f"/api/v1/changes/{change.pk}/"
    reason = {"reason": "The front door is on fire, people are inside."}
    assert_problem(callers.author.post(f"{at}emergency/", reason), 403, "not-permitted")
    assert callers.owner.post(f"{at}emergency/", reason).json()["state"] == "published"
    assert_problem(callers.owner.post(f"{at}ratifications/", {"verdict": "ratify"}), 403, "not-permitted")
    assert callers.reviewer.post(f"{at}ratifications/", {"verdict": "ratify"}).status_code == 200


def test_receipt__of_a_decision__verifies_without_the_database(cast: Cast, callers: Callers) -> None:
    change = approve(cast, creation("legal/terms"))
    review = Review.objects.get()
    answer = callers.author.get(f"/api/v1/changes/{change.pk}/reviews/{review.pk}/receipt/")
    document = answer.json()
    assert is_genuine(document["receipt"], document["signature"], document["public_key"])
    assert "attachment" in answer["Content-Disposition"]


def test_editing__others_see_who_writes(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/terms"))
    at = "/api/v1/context/items/legal/terms/editing/"
    assert callers.author.put(at, {}).json() == {"others": []}
    assert [each["username"] for each in callers.reviewer.get(at).json()["others"]] == ["author"]
    callers.author.delete(at)
    assert callers.reviewer.get(at).json() == {"others": []}
    assert_problem(callers.reviewer.get("/api/v1/context/items/legal/none/editing/"), 404)


def test_inbox__is_what_waits_for_the_caller(cast: Cast, callers: Callers) -> None:
    change = submit(cast, creation("legal/terms"))
    found = callers.reviewer.get("/api/v1/inbox/").json()["results"]
    assert [(each["kind"], each["subject"]) for each in found] == [("review", f"change:{change.pk}")]


def test_delegation__given_listed_and_ended(cast: Cast, callers: Callers) -> None:
    asked = {"to": "reviewer", "until_at": (timezone.now() + timedelta(days=3)).isoformat(), "reason": "Away"}
    made = callers.owner.post("/api/v1/delegations/", {**asked, "domain": "legal"}, **{"Idempotency-Key": "d-1"})
    again = callers.owner.post("/api/v1/delegations/", {**asked, "domain": "legal"}, **{"Idempotency-Key": "d-1"})
    assert made.status_code == again.status_code == 201
    (held,) = callers.reviewer.get("/api/v1/delegations/").json()["results"]
    assert (held["by"]["username"], held["domain"]) == ("owner", "legal")
    assert callers.reviewer.post(f"/api/v1/delegations/{held['id']}/end/", {}).json()["revoked_at"]
    assert_problem(callers.author.post("/api/v1/delegations/", {**asked, "by": "owner"}), 403)
    assert callers.author.get("/api/v1/delegations/").json()["results"] == []


def test_finding__read_and_settled_by_who_answers(cast: Cast, callers: Callers) -> None:
    item = publish(cast, creation("legal/terms", sensitivity="public", owner="owner"))[0]
    seen = Sighting(detector="stale", summary="Old.", cause={"a": 1}, evidence={"days": 9}, item=item)
    finding = open_finding(seen=seen, now=timezone.now())
    at = f"/api/v1/drift/findings/{finding.pk}/"
    listed = callers.outsider.get("/api/v1/drift/findings/?state=open&subject=legal/terms").json()["results"]
    assert [each["id"] for each in listed] == [finding.pk]
    assert callers.owner.get("/api/v1/drift/findings/?detector=other").json()["results"] == []
    read = callers.owner.get(at)
    assert read.json()["evidence"] == {"days": 9}
    assert callers.owner.get(at, **{"If-None-Match": read["ETag"]}).status_code == 304
    assert_problem(callers.outsider.post(f"{at}resolve/", {"reason": "No."}), 403, "not-permitted")
    assert callers.owner.post(f"{at}acknowledge/", {}).json()["state"] == "acknowledged"
    stale = callers.owner.post(f"{at}dismiss/", {"reason": "No."}, **{"If-Match": read["ETag"]})
    assert_problem(stale, 412)
    later = (timezone.now() + timedelta(days=9)).isoformat()
    assert callers.owner.post(f"{at}except/", {"reason": "For now.", "until": later}).json()["excepted_until"]
    assert callers.owner.post(f"{at}assign/", {"owner": "reviewer"}).json()["owner"]["username"] == "reviewer"
    assert callers.reviewer.post(f"{at}resolve/", {"reason": "Mended.", "version": 1}).json()["state"] == "resolved"


def test_ledger__is_kept_over_the_api(cast: Cast, callers: Callers, settings: object) -> None:
    publish(cast, creation("legal/terms"))
    made = callers.admin.post("/api/v1/audit/streams/", {
        "name": "siem", "url": "https://siem.example.org/in", "signature": "hmac-sha256"})  # fmt: skip
    assert made.status_code == 201, made.content
    assert made.json()["secret"]
    assert "secret" not in callers.auditor.get("/api/v1/audit/streams/").json()["results"][0]
    assert callers.admin.post("/api/v1/audit/streams/siem/pause/", {}).json()["paused_at"]
    assert callers.admin.post("/api/v1/audit/streams/siem/resume/", {}).json()["paused_at"] is None
    assert callers.admin.delete("/api/v1/audit/streams/siem/").status_code == 204
    hold = callers.auditor.post("/api/v1/audit/holds/", {"name": "Case", "reason": "A claim."}).json()
    assert callers.auditor.post(f"/api/v1/audit/holds/{hold['id']}/lift/", {"reason": "Over."}).json()["lifted_at"]
    kept = callers.admin.post("/api/v1/audit/retention/", {"action_prefix": "agents", "days": 400}).json()["results"]
    assert [each["days"] for each in kept] == [400]
    gone = callers.admin.post("/api/v1/audit/retention/", {"action_prefix": "agents", "days": None})
    assert gone.json()["results"] == []
    signed = callers.auditor.post("/api/v1/audit/checkpoints/", {}).json()
    asked = AuditEvent.objects.get(action="governance.audit.checkpoint_asked")
    assert signed["sequence"] == asked.sequence
    kit = callers.auditor.get("/api/v1/audit/evidence/?item=legal/terms")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(kit.streaming_content)))
    assert json.loads(archive.read("manifest.json"))["format"] == "plumbline-evidence-kit/1"
    assert_problem(callers.author.get("/api/v1/audit/evidence/?item=legal/terms"), 403)
    assert verify_chain().holds
    assert AuditEvent.objects.filter(action="governance.audit.denied", actor_id=cast.author.pk).count() == 1


def test_publication__still_takes_its_approval(cast: Cast, callers: Callers) -> None:
    """The new addresses give no way around the review."""
    change = submit(cast, creation("legal/terms"))
    now = timezone.now()
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    publish_change(actor=cast.author, change_id=change.pk, now=now)
    assert_problem(callers.author.post(f"/api/v1/changes/{change.pk}/ratifications/", {"verdict": "ratify"}), 409)
