"""What the ledger tells whom, and what it is told: withheld labels, reads of restricted text, clients, denied steps."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from config.request_id import client_address_of
from context.access import SYSTEM
from context.errors import NotPermitted
from context.models import User
from governance.changes import submit_change, withdraw_change
from governance.models import AuditEvent, Change
from governance.personal_tokens import issue_token
from governance.publishing import publish_change
from governance.verification import verify_items
from tests.cast import Cast, creation, publish, submit

SECRET = "Merger with Umbrella"


@pytest.fixture
def merger(cast: Cast) -> Cast:
    """A restricted text, and an auditor who may not read it."""
    User.objects.filter(pk__in=[cast.author.pk, cast.reviewer.pk]).update(clearance=3)
    cast.author.refresh_from_db()
    cast.reviewer.refresh_from_db()
    publish(cast, creation("legal/merger", title=SECRET, sensitivity="restricted", body="We buy it."))
    User.objects.filter(pk=cast.auditor.pk).update(clearance=1)
    return cast


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def bearer(person: User) -> dict[str, str]:
    token = issue_token(user=person, name="t", actor=SYSTEM, now=timezone.now()).text
    return {"Authorization": f"Bearer {token}"}


def test_audit__labels_above_the_clearance__are_withheld_on_every_way(merger: Cast) -> None:
    client = signed_in(merger.auditor)
    above = AuditEvent.objects.filter(sensitivity=3)
    assert above.count() >= 3
    listed = client.get(reverse("governance:audit")).content.decode()
    assert "withheld: above your clearance" in listed
    assert SECRET not in listed
    for event in above:
        shown = client.get(reverse("governance:event", args=[event.pk])).content.decode()
        assert "withheld: above your clearance" in shown
        assert SECRET not in shown
        assert event.payload_digest in shown
    answer = Client().get("/api/v1/audit/events/?limit=200", headers=bearer(merger.auditor)).json()
    assert {each["payload_state"] for each in answer["results"]} == {"whole", "withheld"}
    for each in answer["results"]:
        if each["payload_state"] == "withheld":
            assert (each["data"], each["actor"]["label"], each["subject"]["label"]) == ({}, "", "")
    User.objects.filter(pk=merger.auditor.pk).update(clearance=3)
    assert SECRET in client.get(reverse("governance:audit")).content.decode()


@pytest.mark.parametrize("asked", ["about=umbrella", "who=ada", "about=merger+with"])
def test_audit__search_on_what_is_withheld__finds_nothing_of_it(merger: Cast, asked: str) -> None:
    found = signed_in(merger.auditor).get(reverse("governance:audit") + f"?{asked}").content.decode()
    if asked.startswith("who"):
        # A person's own name is known: whoever may look for them sees that they did something.
        assert SECRET not in found
    else:
        assert "No event matches" in found
    User.objects.filter(pk=merger.auditor.pk).update(clearance=3)
    assert SECRET in signed_in(merger.auditor).get(reverse("governance:audit") + f"?{asked}").content.decode()


@pytest.mark.parametrize(
    ("address", "how"),
    [
        ("/items/legal/merger/", "page"),
        ("/items/legal/merger/versions/1/", "page"),
        ("/items/legal/merger/diff/?from=1&to=1", "diff"),
        ("/items/legal/merger/edit/", "edit"),
        ("/items/?q=buy", "search"),
        ("/api/v1/context/items/legal/merger/", "api"),
        ("/api/v1/context/items/legal/merger/versions/1/", "api"),
        ("/api/v1/context/items/legal/merger/diff/?from=1&to=1", "diff"),
        ("/api/v1/context/search/?q=buy", "search"),
    ],
)
def test_restricted_text__leaves_by_any_way__is_one_event(merger: Cast, address: str, how: str) -> None:
    publish(merger, creation("legal/open", body="We buy paper."))
    client = signed_in(merger.owner)
    assert client.get(address).status_code == 200
    event = AuditEvent.objects.get(action="context.item.read")
    assert (event.actor_id, event.subject_id, event.sensitivity) == (merger.owner.pk, "legal/merger", 3)
    assert (event.data["how"], event.data["client"]) == (how, "127.0.0.1")
    assert event.request_id
    client.get("/items/legal/open/")
    assert AuditEvent.objects.filter(action="context.item.read").count() == 1


def test_change__with_restricted_text__each_look_is_an_event(merger: Cast) -> None:
    change = submit(merger, creation("legal/takeover", sensitivity="restricted", body="Soon."))
    client = signed_in(merger.owner)
    client.get(reverse("governance:change", args=[change.pk]))
    client.get(f"/api/v1/changes/{change.pk}/diff/")
    reads = AuditEvent.objects.filter(action="context.item.read")
    assert [event.subject_id for event in reads] == [str(change.pk)] * 2


def test_steps__not_permitted__each_leaves_an_event_that_stays(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))
    change = submit(cast, creation("legal/other", sensitivity="public"))
    now = timezone.now()
    for step in (
        lambda: submit_change(actor=cast.outsider, change_id=change.pk, now=now),
        lambda: withdraw_change(actor=cast.outsider, change_id=change.pk, now=now),
        lambda: publish_change(actor=cast.outsider, change_id=change.pk, now=now),
        lambda: verify_items(actor=cast.outsider, keys=["legal/liability"], now=now),
    ):
        with pytest.raises(NotPermitted):
            step()
    assert list(
        AuditEvent.objects.filter(action__endswith=".denied").order_by("pk").values_list("action", flat=True)
    ) == [
        "governance.change.submit.denied",
        "governance.change.withdraw.denied",
        "governance.change.publish.denied",
        "context.verification.denied",
    ]


def test_denied__on_a_page_and_by_the_api__survives_the_answer(committed_db: None, cast: Cast) -> None:
    change = submit(cast, creation("legal/other", sensitivity="public"))
    signed_in(cast.outsider).post(reverse("governance:withdraw", args=[change.pk]))
    answer = Client().post(
        f"/api/v1/changes/{change.pk}/withdraw/", "{}", content_type="application/json", headers=bearer(cast.outsider)
    )
    assert answer.status_code == 403
    events = AuditEvent.objects.filter(action="governance.change.withdraw.denied")
    assert events.count() == 2
    assert {event.actor_id for event in events} == {cast.outsider.pk}
    assert Change.objects.get(pk=change.pk).state == "in_review"


@pytest.mark.parametrize(
    ("behind_proxy", "forwarded", "expected"),
    [
        (False, "203.0.113.9", "127.0.0.1"),
        (True, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (True, "", "127.0.0.1"),
        (True, "<script>", ""),
        (True, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_client__forwarded_header__counts_only_behind_our_own_proxy(
    settings: object, behind_proxy: bool, forwarded: str, expected: str
) -> None:
    settings.SERVED_OVER_HTTPS = behind_proxy
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_address_of(RequestFactory().get("/", headers=headers)) == expected
