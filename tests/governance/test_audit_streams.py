"""Streams: nothing is lost or out of order, whatever the receiver does; what it gets is signed; set-up is audited."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.signing import is_signed, public_key
from governance.audit import delivery, ledger, streams
from governance.audit.checkpoints import make_checkpoint
from governance.audit.delivery import deliver_due
from governance.audit.outbound import NotDelivered, post
from governance.audit.standalone.verify_export import check_checkpoint
from governance.audit.tasks import deliver_streams
from governance.audit.verification import verify_chain
from governance.models import AuditEvent, AuditStream, StreamContent
from tests.cast import Cast
from tests.governance.test_ledger import append

NOW = timezone.now()


class Receiver:
    """A server on this machine that keeps what it is sent and answers what it is told to."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status < 300:
                    receiver.requests.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/siem"

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for _, body in self.requests for line in body.splitlines()]

    def sequences(self) -> list[int]:
        return [record["sequence"] for record in self.records()]


@pytest.fixture
def receiver(settings) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def stream_to(receiver: Receiver, **more: Any) -> AuditStream:
    return streams.add_stream(actor=SYSTEM, name="siem", url=receiver.url, now=NOW, **more)


def later(**delta: int) -> datetime:
    return NOW + timedelta(**delta)


def test_delivery__whole_ledger__in_order_and_only_once_where_acknowledged(
    db: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RECORDS_AT_ONCE", 4)
    for number in range(10):
        append(number)
    stream_to(receiver, from_start=True)

    assert deliver_due(now=NOW) == 11
    assert deliver_due(now=NOW) == 0
    append()
    assert deliver_due(now=NOW) == 1

    assert receiver.sequences() == list(range(1, 13))
    assert [len(body.splitlines()) for _, body in receiver.requests] == [4, 4, 3, 1]


def test_delivery__receiver_fails__is_tried_again_later_and_nothing_is_lost(db: None, receiver: Receiver) -> None:
    append()
    stream_to(receiver, from_start=True)
    receiver.answers = [500, 302, 404]

    assert deliver_due(now=NOW) == 0
    stream = AuditStream.objects.get()
    assert (stream.cursor, stream.failures, stream.failing_since) == (0, 1, NOW)
    assert "500" in stream.last_error
    assert deliver_due(now=later(seconds=5)) == 0  # not yet due
    assert AuditStream.objects.get().failures == 1
    assert deliver_due(now=later(seconds=15)) == 0
    assert deliver_due(now=later(seconds=60)) == 0
    stream = AuditStream.objects.get()
    assert stream.failures == 3
    assert timedelta(seconds=35) < stream.next_attempt_at - later(seconds=60) < timedelta(seconds=45)
    append()
    assert deliver_due(now=later(hours=2)) == 3
    assert receiver.sequences() == [1, 2, 3]
    assert AuditStream.objects.get().failures == 0


def test_delivery__many_failures__waits_an_hour_at_most(db: None, receiver: Receiver) -> None:
    append()
    stream = stream_to(receiver, from_start=True)
    AuditStream.objects.filter(pk=stream.pk).update(failures=5_000)
    receiver.answers = [503]

    deliver_due(now=NOW)

    assert AuditStream.objects.get().next_attempt_at <= NOW + timedelta(hours=1, minutes=6)


def test_delivery__crash_after_the_receiver_took_it__is_delivered_again_as_the_same(
    db: None, receiver: Receiver
) -> None:
    append()
    stream = stream_to(receiver, from_start=True)
    deliver_due(now=NOW)
    AuditStream.objects.filter(pk=stream.pk).update(cursor=0)  # as if the commit had been lost

    deliver_due(now=NOW)

    first, second = (body for _, body in receiver.requests)
    assert first == second


def test_delivery__two_workers_at_once__each_event_goes_out_once_and_in_order(
    committed_db: None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "RECORDS_AT_ONCE", 3)
    for number in range(20):
        append(number)
    stream_to(receiver, from_start=True)

    def work() -> None:
        try:
            deliver_due(now=NOW)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    deliver_due(now=NOW)

    assert receiver.sequences() == list(range(1, 22))


def test_signature__of_either_method__is_of_the_body_and_the_time(db: None, receiver: Receiver) -> None:
    append()
    for method in ("ed25519", "hmac-sha256"):
        stream = streams.add_stream(
            actor=SYSTEM, name=method, url=receiver.url, now=NOW, signature=method, from_start=True
        )
        deliver_due(now=NOW)
        headers, body = receiver.requests[-1]
        sent_at, _, mark = headers["Plumbline-Signature"].partition(",")
        signed = sent_at.removeprefix("t=").encode() + b"." + body
        name, _, value = mark.partition("=")
        assert name == method
        if method == "ed25519":
            assert is_signed(signed, value, public_key())
            assert not is_signed(signed + b" ", value, public_key())
        else:
            secret = base64.b64decode(streams.secret_of(stream))
            assert base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() == value
        assert headers["Plumbline-After"] == "0"


def test_stream__clearance__labels_and_data_above_it_are_withheld(db: None, receiver: Receiver) -> None:
    stream_to(receiver, clearance=1)
    ledger.append(
        actor=SYSTEM,
        action="test.event",
        subject=ledger.Subject(type="test", id="1", label="The secret merger", sensitivity=2),
        now=NOW,
        data={"price": 7_000_000},
    )

    deliver_due(now=NOW)

    secret = receiver.records()[-1]
    assert secret["payload_state"] == "withheld"
    assert b"merger" not in b"".join(body for _, body in receiver.requests)
    assert "data" not in secret


def test_stream__ocsf__is_what_was_asked_for(db: None, receiver: Receiver) -> None:
    append()
    stream_to(receiver, from_start=True, format="ocsf")
    deliver_due(now=NOW)
    assert [record["class_uid"] for record in receiver.records()] == [3004, 3004]


def test_webhook__of_checkpoints__follows_the_setting(db: None, receiver: Receiver, settings) -> None:
    settings.AUDIT_CHECKPOINT_WEBHOOK = receiver.url
    append()
    assert deliver_streams() == 0
    made = make_checkpoint(now=NOW)

    assert deliver_streams() == 1

    (record,) = receiver.records()
    from_key = base64.b64decode(public_key())
    assert check_checkpoint(record, {record["key"]: from_key})["sequence"] == made.sequence
    count = AuditEvent.objects.count()
    assert deliver_streams() == 0
    assert AuditEvent.objects.count() == count
    settings.AUDIT_CHECKPOINT_WEBHOOK = ""
    deliver_streams()
    assert not AuditStream.objects.exists()
    assert (
        list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True)[1:])
        == [
            "governance.audit.stream_added",
            "governance.audit.stream_removed",
        ]
        or AuditStream.objects.filter(content=StreamContent.CHECKPOINTS).count() == 0
    )


def test_paused__delivers_nothing_and_resumes_where_it_stood(db: None, receiver: Receiver) -> None:
    stream_to(receiver, from_start=True)
    streams.pause_stream(actor=SYSTEM, name="siem", now=NOW)
    append()
    assert deliver_due(now=NOW) == 0
    with pytest.raises(Conflict):
        streams.pause_stream(actor=SYSTEM, name="siem", now=NOW)
    streams.resume_stream(actor=SYSTEM, name="siem", now=NOW)
    assert deliver_due(now=NOW) == 4
    assert [record["action"] for record in receiver.records()] == [
        "governance.audit.stream_added",
        "governance.audit.stream_paused",
        "test.event",
        "governance.audit.stream_resumed",
    ]


def test_set_up__each_step__is_one_event_by_whom_it_was(cast: Cast, receiver: Receiver) -> None:
    admin = principal_for(cast.admin)
    streams.add_stream(actor=admin, name="siem", url=receiver.url, now=NOW)
    streams.remove_stream(actor=admin, name="siem", now=NOW)
    found = AuditEvent.objects.order_by("sequence").values_list("action", "actor_id", "subject_id")
    assert list(found) == [
        ("governance.audit.stream_added", cast.admin.pk, "siem"),
        ("governance.audit.stream_removed", cast.admin.pk, "siem"),
    ]
    assert verify_chain().holds


def test_set_up__by_others_or_of_nonsense__is_refused(cast: Cast, receiver: Receiver) -> None:
    admin = principal_for(cast.admin)
    for person in (cast.auditor, cast.author):
        with pytest.raises(NotPermitted):
            streams.add_stream(actor=principal_for(person), name="siem", url=receiver.url, now=NOW)
    with pytest.raises(NotPermitted):
        streams.add_stream(actor=admin, name="siem", url=receiver.url, now=NOW, clearance=3)
    for wrong in ({"name": "../x"}, {"name": ""}, {"url": "ftp://x/"}, {"url": "http://u:p@x/"}, {"format": "xml"}):
        with pytest.raises(InvalidInput):
            streams.add_stream(**{"actor": admin, "name": "siem", "url": receiver.url, "now": NOW, **wrong})
    with pytest.raises(NotFound):
        streams.remove_stream(actor=admin, name="siem", now=NOW)
    with pytest.raises(NotPermitted):
        streams.streams_of(principal=principal_for(cast.author), now=timezone.now())
    assert not AuditEvent.objects.exclude(action__endswith=".denied").exists()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "localhost", "[::1]", "[::ffff:10.0.0.1]"]
)
def test_private_address__unless_allowed__is_never_posted_to(host: str, settings) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    with pytest.raises(NotDelivered, match="private"):
        post(f"https://{host}/siem", b"{}", {})


def test_command__adds_lists_and_removes(cast: Cast, receiver: Receiver, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit_stream", "--as", "admin", "add", "siem", receiver.url, "--signature", "hmac-sha256")
    assert "secret" in capsys.readouterr().out
    call_command("audit_stream", "list")
    assert "running" in capsys.readouterr().out
    call_command("audit_stream", "--as", "admin", "remove", "siem")
    assert AuditEvent.objects.filter(actor_id=cast.admin.pk).count() == 2
