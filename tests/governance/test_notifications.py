"""People are told in the transaction of the cause, by the channels they chose, and what is sent arrives or says why."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from context.access import principal_for
from context.errors import InvalidInput
from context.models import RoleGrant
from governance import outgoing
from governance.audit import ledger
from governance.changes import create_change, submit_change
from governance.delegations import delegate
from governance.delivering import MOST_ATTEMPTS, backoff, deliver_due
from governance.models import Delivery, Notification, NotificationKind, PersonalWebhook
from governance.notifying import (
    NotifiedOutsideTransaction,
    choices_of,
    choose,
    mark_read,
    next_digest_at,
    notifications_for,
    notify,
)
from governance.publishing import publish_change, publish_due_changes
from governance.reviews import review_change
from governance.webhooks import remove_webhook, secret_of, set_webhook
from tests.cast import Cast, approve, creation, publish, revision, submit

ABOUT = ledger.Subject(type="change", id="1", label="A change")


def told(kind: str) -> set[str]:
    return set(Notification.objects.filter(kind=kind).values_list("person__username", flat=True))


def tell(person: Any, *, kind: NotificationKind = NotificationKind.REVIEW_REQUESTED, level: int = 1) -> Notification:
    with transaction.atomic():
        [made] = notify(
            people=[person.pk],
            kind=kind,
            subject=ledger.Subject(type="change", id="1", label="A change", sensitivity=level),
            text="Decide on “Liability”.",
            url="/changes/1/",
            now=timezone.now(),
        )
    return made


def test_submit__tells_those_who_may_approve_their_delegates_and_nobody_else(cast: Cast) -> None:
    now = timezone.now()
    delegate(
        actor=cast.reviewer,
        to_person=cast.outsider,
        from_at=now - timedelta(hours=1),
        until_at=now + timedelta(days=3),
        reason="On leave",
        now=now,
    )

    submit(cast, creation("legal/liability"))

    assert told("review_requested") == {"reviewer", "outsider"}


def test_submit__text_that_the_delegate_may_not_read__is_not_told_to_them(cast: Cast) -> None:
    now = timezone.now()
    delegate(
        actor=cast.reviewer,
        to_person=cast.outsider,
        from_at=now - timedelta(hours=1),
        until_at=now + timedelta(days=3),
        reason="On leave",
        now=now,
    )

    submit(cast, creation("legal/liability", sensitivity="confidential"))

    assert told("review_requested") == {"reviewer"}


def test_submit__text_for_an_audience__is_told_to_approvers_in_it_alone(cast: Cast) -> None:
    RoleGrant.objects.create(user=cast.auditor, role="approver", domain=cast.legal)
    cast.auditor.groups.add(cast.counsel)

    submit(cast, creation("legal/liability", audiences=["counsel"]))

    assert told("review_requested") == {"auditor"}


@pytest.mark.parametrize(
    ("decision", "kind"),
    [("approve", "change_approved"), ("reject", "change_rejected"), ("request_changes", "changes_requested")],
)
def test_review__tells_the_author(cast: Cast, decision: str, kind: str) -> None:
    change = submit(cast, creation("legal/liability"))

    review_change(
        actor=cast.reviewer,
        change_id=change.pk,
        decision=decision,
        digest=change.digest,
        comment="Too vague",
        now=timezone.now(),
    )

    assert told(kind) == {"author"}
    assert "Rui Reviewer" in Notification.objects.get(kind=kind).text


def test_publish__tells_owner_and_stewards_once_each(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/a", owner="owner", stewards=["outsider"]),
        creation("legal/b", owner="owner"),
        creation("legal/c", owner="author"),
    )

    # Not the author, who published it.
    rows = Notification.objects.filter(kind="item_published")
    assert sorted(rows.values_list("person__username", flat=True)) == ["outsider", "owner"]
    assert "“A”, “B”" in rows.get(person=cast.owner).text


def test_suspension__tells_author_and_scheduler(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", body="one"))
    change = approve(cast, revision("legal/liability", body="two"))
    publish_change(actor=cast.reviewer, change_id=change.pk, now=now, at=now + timedelta(minutes=5))
    publish(cast, revision("legal/liability", body="three"))

    publish_due_changes(now=now + timedelta(minutes=6))

    assert told("change_suspended") == {"author", "reviewer"}


def test_refused_submission__tells_nobody(cast: Cast) -> None:
    change = create_change(actor=cast.author, title="Empty", reason="Because", edits=[], now=timezone.now())

    with pytest.raises(Exception, match="no edits"):
        submit_change(actor=cast.author, change_id=change.pk, now=timezone.now())

    assert not Notification.objects.exists()


def test_notify__outside_a_transaction__is_a_mistake_of_ours(cast: Cast, committed_db: None) -> None:
    with pytest.raises(NotifiedOutsideTransaction):
        notify(
            people=[cast.owner.pk],
            kind=NotificationKind.REVIEW_DUE,
            subject=ABOUT,
            text="x",
            url="/",
            now=timezone.now(),
        )


def test_notify__who_left_or_may_not_read_it__is_not_told(cast: Cast) -> None:
    cast.outsider.is_active = False
    cast.outsider.save()
    with transaction.atomic():
        made = notify(
            people=[cast.outsider.pk, cast.reviewer.pk, cast.owner.pk, None],
            kind=NotificationKind.FINDING_OPENED,
            subject=ledger.Subject(type="item", id="x", label="x", sensitivity=3),
            text="x",
            url="/",
            now=timezone.now(),
        )

    assert [each.person for each in made] == [cast.owner]


def test_reading__of_what_is_above_a_lowered_clearance__is_gone(cast: Cast) -> None:
    tell(cast.reviewer, level=2)
    assert notifications_for(principal=principal_for(cast.reviewer)).count() == 1

    cast.reviewer.clearance = 1
    cast.reviewer.save()

    assert notifications_for(principal=principal_for(cast.reviewer)).count() == 0
    assert deliver_due(now=timezone.now()).dropped == 1
    assert mail.outbox == []


def test_mark_read__of_somebody_else__does_nothing(cast: Cast) -> None:
    made = tell(cast.reviewer)

    assert mark_read(actor=cast.owner, now=timezone.now(), notification_ids=[made.pk]) == 0
    assert mark_read(actor=cast.reviewer, now=timezone.now()) == 1


def test_choices__off_everywhere__leaves_no_trace_in_lists_or_on_the_way(cast: Cast) -> None:
    for channel in ("in_app", "email", "webhook"):
        choose(actor=cast.reviewer, kind="review_requested", channel=channel, wanted=False)

    tell(cast.reviewer)

    assert not notifications_for(principal=principal_for(cast.reviewer)).exists()
    assert not Delivery.objects.exists()
    assert {each.wanted for each in choices_of(person=cast.reviewer) if each.kind == "review_requested"} == {False}
    with pytest.raises(InvalidInput):
        choose(actor=cast.reviewer, kind="gossip", channel="email", wanted=True)


def test_email__is_sent_once_with_a_link(cast: Cast, settings: LazySettings) -> None:
    settings.SITE_URL = "https://plumbline.example.org"
    tell(cast.reviewer)

    assert deliver_due(now=timezone.now()).sent == 1
    assert deliver_due(now=timezone.now() + timedelta(days=1)).sent == 0

    [message] = mail.outbox
    assert message.to == ["reviewer@example.org"]
    assert "https://plumbline.example.org/changes/1/" in message.body


def test_email__about_confidential_text__does_not_quote_it(cast: Cast) -> None:
    tell(cast.reviewer, level=2)

    deliver_due(now=timezone.now())

    [message] = mail.outbox
    assert "Liability" not in message.subject + message.body
    assert "confidential" in message.subject


def test_email__title_with_line_breaks__cannot_add_headers(cast: Cast) -> None:
    with transaction.atomic():
        notify(
            people=[cast.reviewer.pk],
            kind=NotificationKind.REVIEW_REQUESTED,
            subject=ABOUT,
            text="Hello\nBcc: everyone@example.org",
            url="/changes/1/",
            now=timezone.now(),
        )

    deliver_due(now=timezone.now())

    [message] = mail.outbox
    assert message.recipients() == ["reviewer@example.org"]
    assert message.subject == "Hello Bcc: everyone@example.org"


def test_digest__of_a_day__is_one_message_at_the_hour(cast: Cast, settings: LazySettings) -> None:
    choose(actor=cast.reviewer, kind="review_requested", channel="email", wanted=True, rhythm="daily")
    for _ in range(3):
        tell(cast.reviewer)
    assert deliver_due(now=timezone.now()).sent == 0

    assert deliver_due(now=next_digest_at(timezone.now())).sent == 3

    [message] = mail.outbox
    assert message.subject == "3 things in Plumbline wait for you"


def test_email__server_away__is_tried_again_later_and_given_up_at_last(cast: Cast, settings: LazySettings) -> None:
    settings.EMAIL_BACKEND = "tests.governance.test_notifications.Unreachable"
    tell(cast.reviewer)
    now = timezone.now()

    assert deliver_due(now=now).retried == 1
    assert deliver_due(now=now + timedelta(seconds=30)).retried == 0  # not before its time
    for _ in range(MOST_ATTEMPTS - 1):
        now = Delivery.objects.get().next_attempt_at
        deliver_due(now=now)

    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == ("failed", MOST_ATTEMPTS)
    assert "away" in delivery.last_error


class Unreachable:
    """A mail backend whose server is away."""

    def __init__(self, *args: Any, **options: Any) -> None: ...

    def send_messages(self, messages: Any) -> int:
        raise ConnectionRefusedError("the server is away")


def test_worker__dies_while_sending__the_delivery_comes_back(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(cast.reviewer)
    now = timezone.now()

    def die(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("governance.delivering._send_mail", die)
        with pytest.raises(KeyboardInterrupt):
            deliver_due(now=now)

    assert deliver_due(now=now + backoff(1)).sent == 1
    assert len(mail.outbox) == 1


def test_backoff__grows_and_ends() -> None:
    waits = [backoff(attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]

    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=12))


def test_database__delivery_marked_sent_without_a_time__is_refused(cast: Cast) -> None:
    tell(cast.reviewer)

    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.update(state="sent")


class _Receiver(BaseHTTPRequestHandler):
    answers: list[int] = []
    received: list[tuple[dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((dict(self.headers), body))
        self.send_response(self.answers.pop(0) if self.answers else 204)
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[str]:
    """A receiver of webhooks on this machine, which is a private address."""
    settings.WEBHOOK_ALLOWED_HOSTS = ["localhost"]
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    _Receiver.answers, _Receiver.received = [], []
    server = HTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}/hook?a=1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_webhook__is_signed_and_tried_again_under_the_same_id(cast: Cast, receiver: str) -> None:
    webhook = set_webhook(actor=cast.outsider, url=receiver, now=timezone.now())
    cast.outsider.email = ""
    cast.outsider.save()
    _Receiver.answers = [500, 302]
    tell(cast.outsider)
    now = timezone.now()

    outcomes = [deliver_due(now=now)]
    for _ in range(2):
        now = Delivery.objects.get().next_attempt_at
        outcomes.append(deliver_due(now=now))

    # A redirect is not followed: it counts as not taken.
    assert [(each.retried, each.sent) for each in outcomes] == [(1, 0), (1, 0), (0, 1)]
    assert len(_Receiver.received) == 3
    assert len({headers["Plumbline-Delivery"] for headers, _ in _Receiver.received}) == 1
    headers, body = _Receiver.received[-1]
    stamp, _, mac = headers["Plumbline-Signature"].removeprefix("t=").partition(",v1=")
    secret = secret_of(webhook)
    assert hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest() == mac
    assert json.loads(body)["text"] == "Decide on “Liability”."
    assert secret not in str(PersonalWebhook.objects.values())


def test_webhook__secret__is_a_new_one_each_time_it_is_set(cast: Cast, receiver: str) -> None:
    first = secret_of(set_webhook(actor=cast.outsider, url=receiver, now=timezone.now()))
    second = secret_of(set_webhook(actor=cast.outsider, url=receiver, now=timezone.now()))

    assert first != second


def test_webhook__removed__what_was_on_its_way_is_dropped(cast: Cast, receiver: str) -> None:
    set_webhook(actor=cast.outsider, url=receiver, now=timezone.now())
    choose(actor=cast.outsider, kind="review_requested", channel="email", wanted=False)
    tell(cast.outsider)

    remove_webhook(actor=cast.outsider, now=timezone.now())

    assert deliver_due(now=timezone.now()).dropped == 1
    assert _Receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/x",
        "https://elsewhere.org/x",
        "https://hooks.example.org.evil.org/x",
        "https://evilhooks.example.org/x",
        "https://user:secret@hooks.example.org/x",
        "ftp://hooks.example.org/x",
        "https://hooks.example.org:99999/x",
        "https://hooks.example.org/\nx",
        "https:///x",
        "",
    ],
)
def test_webhook__not_plain_https_to_an_allowed_host__is_refused(cast: Cast, settings: LazySettings, url: str) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["hooks.example.org"]

    with pytest.raises(outgoing.AddressRefused):
        set_webhook(actor=cast.outsider, url=url, now=timezone.now())


NOT_PUBLIC = (
    "127.0.0.1 10.1.2.3 169.254.169.254 192.168.0.1 0.0.0.0 100.64.0.1 224.0.0.1 ::1 fe80::1%eth0 fc00::1 "
    "::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1 nonsense"
)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_address__not_of_the_open_internet__is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert not outgoing.is_public(address)
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **more: [(2, 1, 6, "", (address, 443))])

    with pytest.raises(outgoing.AddressRefused):
        outgoing.vet("https://hooks.example.org/", allowed_hosts=["hooks.example.org"], allow_private=False)


def test_address__public__is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(2, 1, 6, "", ("93.184.215.14", 443))], [(2, 1, 6, "", ("127.0.0.1", 443))]]
    monkeypatch.setattr("socket.getaddrinfo", lambda *args, **more: answers.pop(0))

    found = outgoing.vet("https://a.example.org/x?y=1", allowed_hosts=[".example.org"], allow_private=False)

    # The second answer, a rebinding, is never asked for.
    assert (found.address, found.host, found.path, len(answers)) == ("93.184.215.14", "a.example.org", "/x?y=1", 1)
