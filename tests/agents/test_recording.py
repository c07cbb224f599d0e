"""Several requests to a commit: each with its row and event, none paying for another's fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from agents import recording
from agents.authentication import AuthenticatedAgent, authenticate
from agents.recording import record
from context.digests import digest_of
from context.errors import InvalidInput
from context.request_id import current_request_id, during_request
from context.statements import rows
from governance.audit import ledger
from governance.models import AuditEvent
from tests.agents.conftest import give
from tests.cast import Cast


def told(number: int) -> ledger.Entry:
    return ledger.Entry(
        action="agents.bundle.served",
        subject=ledger.Subject(type="bundle", id=digest_of(number), label=f"bundle {number}"),
        data={"row": number},
    )


def write(agent: AuthenticatedAgent, *, fault: bool = False) -> int:
    def store() -> int:
        if fault:
            rows("SELECT 1 / %(nothing)s::int", {"nothing": 0})
        return int(rows("SELECT (random() * 1000000)::int", {})[0][0])

    return record(agent=agent, store=store, tell=told, now=timezone.now())


@pytest.fixture
def agent(committed_db: None, cast: Cast) -> AuthenticatedAgent:
    return authenticate(f"Bearer {give(cast).bearer}")


def test_record__many_at_once__each_has_one_event_with_its_own_request_id(agent: AuthenticatedAgent) -> None:
    before = AuditEvent.objects.count()
    start = Barrier(8)

    def ask(number: int) -> str:
        start.wait()
        try:
            with during_request(f"request-{number}"):
                for _ in range(5):
                    write(agent)
                return current_request_id()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        asked = set(pool.map(ask, range(8)))
    written = AuditEvent.objects.filter(action="agents.bundle.served")
    assert AuditEvent.objects.count() == before + 40
    assert {event.request_id for event in written} == asked
    assert {written.filter(request_id=each).count() for each in asked} == {5}
    sequences = list(AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True))
    assert sequences == list(range(1, len(sequences) + 1))


def test_record__one_of_several_fails__the_others_are_written_and_it_alone_hears(agent: AuthenticatedAgent) -> None:
    before = AuditEvent.objects.count()
    start = Barrier(4)

    def ask(number: int) -> str:
        start.wait()
        try:
            write(agent, fault=number == 0)
        except DatabaseError:
            return "failed"
        finally:
            connections.close_all()
        return "written"

    # Nobody may write until all wait, so that they do go together.
    with recording._writing, ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(ask, number) for number in range(4)]
        while len(recording._queue) < 4:
            pass
        recording._writing.release()
        answers = [each.result() for each in begun]
        recording._writing.acquire()
    assert sorted(answers) == ["failed", "written", "written", "written"]
    assert AuditEvent.objects.count() == before + 3


def test_record__event_that_cannot_be_written__leaves_no_row(agent: AuthenticatedAgent) -> None:
    def insert() -> int:
        return int(
            rows(
                "INSERT INTO context_idempotentrequest (principal_kind, principal_id, key, request_sha256, "
                "content_type, headers, created_at) VALUES ('agent', 1, 'k', '', '', '{}', now()) RETURNING id",
                {},
            )[0][0]
        )

    def unsayable(number: int) -> ledger.Entry:
        return ledger.Entry(action="x", subject=ledger.Subject(type="x", id="x", label="x"), data={"n": 2**60})

    with pytest.raises(InvalidInput):
        record(agent=agent, store=insert, tell=unsayable, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM context_idempotentrequest")
        assert cursor.fetchone() == (0,)
