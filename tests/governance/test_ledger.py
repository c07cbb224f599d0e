"""The audit ledger: one chain whoever writes, and every tampering found."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from config import env
from context.access import SYSTEM, principal_for
from governance.audit import ledger
from governance.audit.verification import verify_chain
from governance.models import AuditEvent
from tests.cast import Cast, creation, publish

WRITERS = 50
EVENTS_EACH = 10


def append(number: int = 0) -> AuditEvent:
    with transaction.atomic():
        return ledger.append(
            actor=SYSTEM,
            action="test.event",
            subject=ledger.Subject(type="test", id=str(number), label=f"Subject {number}"),
            now=timezone.now(),
            data={"number": number, "text": "naïve ✓"},
        )


def as_owner(statement: str, *parameters: object) -> None:
    """Write past the triggers, as an intruder with the owner's rights would."""
    role = env.database("DATABASE_OWNER_URL")
    with psycopg.connect(
        host=str(role["HOST"]),
        port=str(role["PORT"]),
        user=str(role["USER"]),
        password=str(role["PASSWORD"]),
        dbname=str(connection.settings_dict["NAME"]),
        autocommit=True,
    ) as owner:
        owner.execute("ALTER TABLE governance_auditevent DISABLE TRIGGER USER")
        owner.execute(statement, parameters)
        owner.execute("ALTER TABLE governance_auditevent ENABLE TRIGGER USER")


def test_append__outside_a_transaction__is_refused(committed_db: None) -> None:
    with pytest.raises(ledger.LedgerOutsideTransaction):
        ledger.append(actor=SYSTEM, action="x", subject=ledger.Subject(type="t", id="1", label="l"), now=timezone.now())


def test_append__fifty_concurrent_writers__no_fork_and_no_gap(committed_db: None) -> None:
    barrier = threading.Barrier(WRITERS)
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            barrier.wait()
            for number in range(EVENTS_EACH):
                append(writer * 1000 + number)
        except BaseException as error:  # noqa: BLE001  reported below
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    verdict = verify_chain()
    assert verdict.holds, verdict.reason
    assert verdict.checked == WRITERS * EVENTS_EACH
    assert AuditEvent.objects.values("previous_hash").distinct().count() == WRITERS * EVENTS_EACH


def test_append__transaction_rolled_back__leaves_no_event_and_no_gap(committed_db: None) -> None:
    append(1)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ledger.append(actor=SYSTEM, action="x", subject=ledger.Subject(type="t", id="1", label="l"), now=timezone.now())
        _ = 1 / 0
    append(2)

    assert verify_chain().checked == 2


def test_state_change__event_cannot_be_written__does_not_happen(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise DatabaseError("the ledger is full")

    monkeypatch.setattr(ledger, "append_all", fail)
    with pytest.raises(DatabaseError):
        publish(cast, creation("legal/liability"))
    assert not AuditEvent.objects.exists()
    assert not cast.author.changes.exists()


@pytest.mark.parametrize(
    ("statement", "found_at"),
    [
        ("UPDATE governance_auditevent SET actor_label = 'Somebody else' WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET data = '{}' WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET at = at + interval '1 second' WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET action = 'test.other' WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET sensitivity = 0 WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET hash = repeat('a', 64) WHERE sequence = 3", 3),
        ("UPDATE governance_auditevent SET previous_hash = repeat('a', 64) WHERE sequence = 3", 3),
        ("DELETE FROM governance_auditevent WHERE sequence = 3", 3),
        ("DELETE FROM governance_auditevent WHERE sequence = 1", 1),
        (
            "UPDATE governance_auditevent SET sequence = CASE sequence WHEN 3 THEN 4 ELSE 3 END + 100 "
            "WHERE sequence IN (3, 4); "
            "UPDATE governance_auditevent SET sequence = sequence - 100 WHERE sequence > 100",
            3,
        ),
    ],
)
def test_verify__row_tampered_with__names_the_first_broken_event(
    committed_db: None, statement: str, found_at: int
) -> None:
    for number in range(6):
        append(number)
    assert verify_chain().holds

    as_owner(statement)

    verdict = verify_chain()
    assert verdict.broken_sequence == found_at
    with pytest.raises(CommandError, match=f"broken at event {found_at}"):
        call_command("verify_audit")


def test_verify__intact__says_how_many_and_the_head(committed_db: None) -> None:
    last = append()
    output = StringIO()

    call_command("verify_audit", "--json", stdout=output)

    verdict = json.loads(output.getvalue())
    assert verdict["holds"] is True
    assert verdict["head"] == {"sequence": 1, "hash": last.hash}


def test_append__any_characters__the_database_and_the_standard_write_the_same(db: None) -> None:
    odd = "".join(map(chr, [*range(1, 160), 0x2028, 0xE000, 0xFFFF, 0x1F600])) + '"\\/'
    event = ledger.append(
        actor=SYSTEM,
        action=odd[:80],
        subject=ledger.Subject(type=odd[10:50], id=odd, label=odd),
        now=timezone.now(),
        data={odd: [odd, 1e300, 0.1, -0.0, 2**53 - 1, None, True]},
    )

    stored = AuditEvent.objects.get()
    assert (stored.hash, stored.previous_hash) == (event.hash, "0" * 64)
    assert ledger.hash_of(stored) == ledger.hash_of(event) == event.hash
    assert verify_chain().holds


def test_append_all__entries_of_several_requests__each_keeps_who_when_and_which(cast: Cast) -> None:
    earlier = timezone.now() - timedelta(minutes=1)
    author = principal_for(cast.author)
    subject = ledger.Subject(type="test", id="1", label="S")
    events = ledger.append_all(
        actor=SYSTEM,
        entries=[
            ledger.Entry(action="a", subject=subject, actor=author, at=earlier, request_id="first"),
            ledger.Entry(action="b", subject=subject, request_id=""),
        ],
        now=timezone.now(),
    )

    stored = AuditEvent.objects.order_by("sequence")
    assert [(each.actor_id, each.request_id) for each in stored] == [(author.id, "first"), (0, "")]
    assert stored[0].at == earlier
    assert [each.hash for each in stored] == [each.hash for each in events]
    assert verify_chain().holds


def test_events__for_those_who_do_not_audit__do_not_exist(cast: Cast) -> None:
    append()

    assert AuditEvent.objects.visible_to(principal_for(cast.auditor)).count() == 1
    assert not AuditEvent.objects.visible_to(principal_for(cast.author)).exists()
    assert not AuditEvent.objects.visible_to(principal_for(cast.outsider)).exists()
