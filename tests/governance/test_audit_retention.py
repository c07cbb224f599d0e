"""Retention and legal hold: payloads go, the chain holds, and the database lets nothing else through."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from governance.audit import ledger
from governance.audit.checkpoints import make_checkpoint
from governance.audit.export import as_jsonl, begin_export
from governance.audit.reading import EventFilters
from governance.audit.retention import (
    lift_hold,
    place_hold,
    redact_expired_events,
    remove_retention,
    set_retention,
)
from governance.audit.standalone.verify_export import check
from governance.audit.verification import verify_chain
from governance.models import AuditEvent, AuditRedaction, Change, LegalHold
from tests.cast import Cast, creation, publish
from tests.governance.test_ledger import append, as_owner

NOW = timezone.now()
LATER = NOW + timedelta(days=400)


def record(action: str, subject: str = "1") -> AuditEvent:
    with transaction.atomic():
        return ledger.append(
            actor=SYSTEM,
            action=action,
            subject=ledger.Subject(type="test", id=subject, label=f"Subject {subject}"),
            now=NOW,
            data={"said": "something"},
        )


def redact() -> int:
    return redact_expired_events(actor=SYSTEM, now=LATER)


def redacted() -> list[int]:
    return list(AuditEvent.objects.filter(salt="").order_by("sequence").values_list("sequence", flat=True))


def test_redaction__past_its_retention__payload_is_gone_and_the_chain_holds(db: None) -> None:
    first = record("agents.bundle.served")
    record("context.version.published")
    make_checkpoint(now=NOW)
    set_retention(actor=SYSTEM, action_prefix="agents.bundle", days=365, now=NOW)

    assert redact() == 1

    event = AuditEvent.objects.get(sequence=first.sequence)
    assert event.is_redacted
    assert (event.actor_label, event.subject_label, event.data, event.salt) == ("", "", {}, "")
    assert (event.hash, event.payload_digest) == (first.hash, first.payload_digest)
    verdict = verify_chain()
    assert verdict.holds, verdict.reason
    assert verdict.redacted == 1
    assert make_checkpoint(now=LATER) is not None
    said = AuditEvent.objects.order_by("-sequence").first()
    assert (said.action, said.data["ranges"], said.data["events"]) == ("governance.audit.redacted", [[1, 1]], 1)
    assert redact() == 0


def test_redaction__exported__proves_itself_and_says_so(db: None) -> None:
    for _ in range(3):
        record("agents.bundle.served")
    set_retention(actor=SYSTEM, action_prefix="", days=365, now=NOW)
    assert redact() == 3
    begun = begin_export(principal=SYSTEM, filters=EventFilters(), format="jsonl", now=LATER)
    report = check(as_jsonl(begun))
    assert (report.redacted, report.withheld) == (3, 0)


def test_retention__longest_prefix_that_fits__decides(db: None) -> None:
    record("agents.bundle.served")
    record("agents.bundle.refused")
    record("agents.bundles.other")
    record("context.item.read")
    set_retention(actor=SYSTEM, action_prefix="agents", days=200, now=NOW)
    set_retention(actor=SYSTEM, action_prefix="agents.bundle.refused", days=3_000, now=NOW)
    set_retention(actor=SYSTEM, action_prefix="agents.bundle", days=300, now=NOW)

    assert redact_expired_events(actor=SYSTEM, now=NOW + timedelta(days=250)) == 1
    assert redacted() == [3]
    redact()
    assert redacted() == [1, 3]


def test_retention__none_set_or_not_past__nothing_is_redacted(db: None) -> None:
    record("agents.bundle.served")
    assert redact() == 0
    set_retention(actor=SYSTEM, action_prefix="", days=500, now=NOW)
    assert redact() == 0
    remove_retention(actor=SYSTEM, action_prefix="", now=NOW)
    assert redact_expired_events(actor=SYSTEM, now=NOW + timedelta(days=9_000)) == 0


def test_redaction__the_ledgers_own_events__are_never_redacted(db: None) -> None:
    record("agents.bundle.served")
    set_retention(actor=SYSTEM, action_prefix="", days=200, now=NOW)
    redact()
    assert redact_expired_events(actor=SYSTEM, now=NOW + timedelta(days=9_000)) == 0
    assert verify_chain().holds


def test_hold__while_it_stands__keeps_what_it_matches_and_no_more(db: None) -> None:
    for subject in ("1", "2", "3"):
        record("agents.bundle.served", subject)
    set_retention(actor=SYSTEM, action_prefix="", days=365, now=NOW)
    hold = place_hold(actor=SYSTEM, name="Case 7", reason="A claim", subject_type="test", subject_id="2", now=NOW)

    assert redact() == 2
    assert redacted() == [1, 3]
    lift_hold(actor=SYSTEM, hold_id=hold.pk, reason="Settled", now=LATER)
    assert redact() == 1
    assert verify_chain().holds
    actions = AuditEvent.objects.filter(action__startswith="governance.audit.hold").order_by("sequence")
    assert list(actions.values_list("action", flat=True)) == [
        "governance.audit.hold_placed",
        "governance.audit.hold_lifted",
    ]


@pytest.mark.parametrize(
    ("matches", "kept"),
    [
        ({"action_prefix": "agents.bundle"}, [1]),
        ({"action_prefix": "agents"}, [1, 2]),
        ({"held": SYSTEM}, [1, 2, 3]),
        ({"since": NOW - timedelta(days=1), "until": NOW}, []),
        ({"since": NOW}, [1, 2, 3]),
        ({"subject_type": "other"}, []),
        ({}, [1, 2, 3]),
    ],
)
def test_hold__by_each_mark__the_query_and_the_trigger_agree(db: None, matches, kept: list[int]) -> None:
    for action in ("agents.bundle.served", "agents.key.issued", "context.item.read"):
        record(action)
    set_retention(actor=SYSTEM, action_prefix="", days=365, now=NOW)
    place_hold(actor=SYSTEM, name="Case", reason="A claim", now=NOW, **matches)

    redact()

    assert redacted() == [each for each in (1, 2, 3) if each not in kept]
    # The trigger refuses each of those that the query left out.
    for sequence in kept:
        with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
            attempt([sequence])


def attempt(sequences: list[int]) -> None:
    """What the function would do had it not asked for the holds."""
    made = AuditRedaction.objects.create(
        days=365, recorded_before=LATER, sequences=sequences, redacted_at=LATER, redacted_by_label="x"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT plumbline_redact(%s)", [made.pk])


def as_superuser_with(pen: str, update: str) -> None:
    as_owner_keeping_triggers(f"SELECT set_config('plumbline.pen', '{pen}', true); {update}")


def as_owner_keeping_triggers(statement: str) -> None:
    as_owner(f"ALTER TABLE governance_auditevent ENABLE ALWAYS TRIGGER only_redacted; BEGIN; {statement}; COMMIT")


@pytest.mark.parametrize(
    "update",
    [
        "UPDATE governance_auditevent SET actor_label = 'x'",
        "UPDATE governance_auditevent SET actor_label = '', subject_label = '', data = '{}', salt = ''",
        "UPDATE governance_auditevent SET hash = repeat('a', 64)",
    ],
)
def test_update__even_by_the_owner_with_the_pen__is_refused(committed_db: None, update: str) -> None:
    append(1)
    for pen in ("", "redact:1", "publish:1"):
        with pytest.raises(Exception, match="refused"):
            as_superuser_with(pen, update)
    assert verify_chain().holds


def test_update__of_anything_but_the_payload_in_a_redaction__is_refused(committed_db: None) -> None:
    append(1)
    insert = (
        "INSERT INTO governance_auditredaction (action_prefix, days, recorded_before, sequences, redacted_at, "
        "redacted_by_label) VALUES ('', 365, now(), '{1}', now(), 'x')"
    )
    pen = "SELECT set_config('plumbline.pen', 'redact:' || max(id), true) FROM governance_auditredaction"
    for wrong in ("actor_label = 'x'", "action = 'x', " + CONSTANTS, "hash = repeat('a', 64), " + CONSTANTS):
        with pytest.raises(Exception, match="in no other way"):
            as_owner_keeping_triggers(f"{insert}; {pen}; UPDATE governance_auditevent SET {wrong}")
    # And the right one is refused at the commit, since no event tells of it.
    with pytest.raises(Exception, match="has no event in the ledger"):
        as_owner_keeping_triggers(f"{insert}; {pen}; UPDATE governance_auditevent SET {CONSTANTS}")
    assert verify_chain().holds
    assert not redacted()


CONSTANTS = "actor_label = '', subject_label = '', data = '{}', salt = ''"


def test_application_role__has_no_other_way__and_holds_and_redactions_stand(cast: Cast) -> None:
    record("agents.bundle.served")
    set_retention(actor=SYSTEM, action_prefix="", days=365, now=NOW)
    hold = place_hold(actor=SYSTEM, name="Case", reason="A claim", subject_id="9", now=NOW)
    redact()
    for statement in (
        f"UPDATE governance_auditevent SET {CONSTANTS}",
        "UPDATE governance_auditredaction SET sequences = '{2}'",
        "DELETE FROM governance_auditredaction",
        "DELETE FROM governance_legalhold",
        "UPDATE governance_legalhold SET reason = 'other'",
        "UPDATE governance_legalhold SET lifted_at = now()",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    lift_hold(actor=SYSTEM, hold_id=hold.pk, reason="Over", now=NOW)
    with pytest.raises(DatabaseError, match="lifted once"), transaction.atomic():
        LegalHold.objects.filter(pk=hold.pk).update(lifted_at=None)
    with pytest.raises(Conflict):
        lift_hold(actor=SYSTEM, hold_id=hold.pk, reason="Again", now=NOW)


def test_payload_blanked_without_a_redaction__is_broken_not_redacted(committed_db: None) -> None:
    for number in range(3):
        append(number)
    as_owner(f"UPDATE governance_auditevent SET {CONSTANTS} WHERE sequence = 2")
    verdict = verify_chain()
    assert verdict.broken_sequence == 2
    assert "no redaction" in str(verdict.reason)


def test_rules_and_holds__by_others_or_of_nonsense__are_refused(cast: Cast) -> None:
    auditor, admin, author = (principal_for(each) for each in (cast.auditor, cast.admin, cast.author))
    for actor in (auditor, author):
        with pytest.raises(NotPermitted):
            set_retention(actor=actor, action_prefix="", days=365, now=NOW)
        with pytest.raises(NotPermitted):
            redact_expired_events(actor=actor, now=NOW)
    with pytest.raises(NotPermitted):
        place_hold(actor=author, name="Case", reason="A claim", now=NOW)
    place_hold(actor=auditor, name="Case", reason="A claim", now=NOW)
    with pytest.raises(Conflict):
        place_hold(actor=auditor, name="Case", reason="A claim", now=NOW)
    for days in (0, 30, 182, 99_999):
        with pytest.raises(InvalidInput):
            set_retention(actor=admin, action_prefix="", days=days, now=NOW)
    for prefix in ("a%", "agents.", "Agents", "x" * 81, "'"):
        with pytest.raises(InvalidInput):
            set_retention(actor=admin, action_prefix=prefix, days=365, now=NOW)
    for wrong in ({"name": ""}, {"reason": " "}, {"name": "\x00"}, {"since": NOW, "until": NOW}):
        with pytest.raises(InvalidInput):
            place_hold(**{"actor": admin, "name": "N", "reason": "R", "now": NOW, **wrong})
    with pytest.raises(NotFound):
        lift_hold(actor=admin, hold_id=9_999, reason="x", now=NOW)
    with pytest.raises(NotFound):
        remove_retention(actor=admin, action_prefix="agents", now=NOW)


def test_command__sets_lists_holds_and_redacts(cast: Cast) -> None:
    out = io.StringIO()
    call_command("audit_retention", "--as", "admin", "set", "agents.bundle", "365", stdout=out)
    call_command("audit_retention", "hold", "Case 7", "A claim", "--subject-id", "9", stdout=out)
    call_command("audit_retention", "list", stdout=out)
    call_command("audit_retention", "redact", stdout=out)
    assert "agents.bundle: 365 days" in out.getvalue()
    assert "'Case 7'" in out.getvalue()
    assert "0 events were redacted" in out.getvalue()


def test_hold__on_an_item__keeps_the_events_of_its_changes_too(cast: Cast) -> None:
    publish(cast, creation("legal/held"), creation("legal/with-it"))
    publish(cast, creation("legal/other"))
    held, other = (Change.objects.get(edits__key=key) for key in ("legal/held", "legal/other"))
    set_retention(actor=SYSTEM, action_prefix="", days=365, now=NOW)
    place_hold(actor=SYSTEM, name="Case", reason="A claim.", subject_type="item", subject_id="legal/held", now=NOW)

    redact()

    of = AuditEvent.objects.filter(subject_type="change")
    assert not of.filter(subject_id=str(held.pk), salt="").exists()
    assert of.filter(subject_id=str(other.pk), salt="").count() == of.filter(subject_id=str(other.pk)).count() > 0
    # The trigger says the same, whatever a query would ask for.
    sequence = of.filter(subject_id=str(held.pk)).values_list("sequence", flat=True)[0]
    with pytest.raises(IntegrityError, match="legal hold"), transaction.atomic():
        made = AuditRedaction.objects.create(
            action_prefix="", days=365, recorded_before=LATER, sequences=[sequence], redacted_at=NOW,
            redacted_by_label="Somebody",
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SELECT plumbline_redact(%s)", [made.pk])
    assert verify_chain().holds
