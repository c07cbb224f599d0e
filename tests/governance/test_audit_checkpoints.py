"""Checkpoints: signed, kept in three places, incremental, and what finds a ledger that was cut or written anew."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from context.access import SYSTEM, principal_for
from context.digests import canonical, plain
from context.errors import NotFound, NotPermitted
from context.signing import is_signed
from governance.audit import checkpoints as making
from governance.audit.checkpoints import (
    LedgerBroken,
    consistency_proof,
    inclusion_proof,
    make_checkpoint,
    signed_statement,
    write_files,
)
from governance.audit.proofs import consistency_holds, inclusion_holds
from governance.audit.tasks import sign_checkpoint
from governance.audit.verification import stream_rows, verify_chain
from governance.models import AuditEvent, Checkpoint
from tests.cast import Cast
from tests.governance.test_ledger import append, as_owner

NOW = timezone.now()


@pytest.fixture
def home(settings, tmp_path: Path) -> Path:
    settings.AUDIT_CHECKPOINT_DIRECTORY = tmp_path / "checkpoints"
    return tmp_path / "checkpoints"


def fill(count: int) -> None:
    for number in range(count):
        append(number)


def test_checkpoint__says_what_the_ledger_is__signed_and_verifiable(db: None) -> None:
    fill(5)

    made = make_checkpoint(now=NOW)

    assert made is not None
    assert (made.sequence, made.event_count) == (5, 5)
    assert made.head_hash == AuditEvent.objects.get(sequence=5).hash
    said = plain(signed_statement(made))
    unsigned = {name: value for name, value in said.items() if name not in ("signature", "public_key")}
    assert is_signed(canonical(unsigned), said["signature"], said["public_key"])
    assert not is_signed(canonical({**unsigned, "root": "0" * 64}), said["signature"], said["public_key"])


def test_checkpoint__is_no_event__and_none_is_made_where_nothing_came_after(db: None) -> None:
    assert make_checkpoint(now=NOW) is None
    fill(2)
    first = make_checkpoint(now=NOW)

    assert make_checkpoint(now=NOW + timedelta(hours=1)) == first
    assert AuditEvent.objects.count() == 2
    assert Checkpoint.objects.count() == 1


def test_checkpoint__next_one__reads_only_what_is_new(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(4)
    make_checkpoint(now=NOW)
    fill(3)
    asked: list[int] = []
    monkeypatch.setattr(making, "stream_rows", lambda *, after: asked.append(after) or stream_rows(after=after))

    second = make_checkpoint(now=NOW)

    assert asked == [4]
    assert second is not None
    assert second.merkle_root == verify_chain().merkle_root


def test_checkpoint__rows__never_change(db: None) -> None:
    fill(2)
    make_checkpoint(now=NOW)
    for statement in (
        "UPDATE governance_checkpoint SET signed_at = now()",
        "DELETE FROM governance_checkpoint",
        "TRUNCATE governance_checkpoint",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_checkpoint__of_what_is_not_in_the_ledger__is_refused_by_the_database(db: None) -> None:
    fill(3)
    last = make_checkpoint(now=NOW)
    assert last is not None
    fill(1)
    for sequence, head in ((4, "f" * 64), (9, last.head_hash), (2, AuditEvent.objects.get(sequence=2).hash)):
        last.sequence = last.event_count = sequence
        last.head_hash = head
        with pytest.raises(DatabaseError, match="checkpoint"), transaction.atomic():
            last.save(force_insert=True)


def test_files__written_once__and_a_second_run_writes_the_missing_ones(db: None, home: Path) -> None:
    fill(2)
    assert sign_checkpoint() == 2
    fill(1)
    assert sign_checkpoint() == 3
    assert [path.name for path in sorted(home.iterdir())] == [making.file_name(2), making.file_name(3)]
    said = json.loads((home / making.file_name(3)).read_text())
    assert (said["sequence"], said["head"]) == (3, AuditEvent.objects.get(sequence=3).hash)

    (home / making.file_name(2)).unlink()
    verdict = verify_chain()
    assert verdict.holds
    assert "1 of 2 checkpoints" in verdict.notes[0]
    assert [path.name for path in write_files()] == [making.file_name(2)]
    assert verify_chain().notes == ()


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        ("DELETE FROM governance_auditevent WHERE sequence > 4", "truncated"),
        ("DELETE FROM governance_auditevent", "truncated"),
        # Every event after the fourth gone, and others in their place.
        ("DELETE FROM governance_auditevent WHERE sequence > 4 /* and grow again */", "is not the one"),
        ("DELETE FROM governance_auditevent /* and grow again */", "began with another first event|is not the one"),
        (
            "DELETE FROM governance_checkpoint WHERE sequence = 6; "
            "DELETE FROM governance_auditevent WHERE sequence > 5",
            "its row was removed",
        ),
    ],
)
def test_verify__chain_that_holds_in_itself_but_was_signed_otherwise__is_broken(
    committed_db: None, home: Path, tamper: str, reason: str
) -> None:
    fill(3)
    sign_checkpoint()
    fill(3)
    sign_checkpoint()
    assert verify_chain().holds

    as_owner("ALTER TABLE governance_checkpoint DISABLE TRIGGER USER; " + tamper)
    if "grow again" in tamper:
        fill(7)

    verdict = verify_chain()
    assert not verdict.holds
    assert verdict.reason is not None
    assert re.search(reason, verdict.reason), verdict.reason
    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit")
    with pytest.raises(LedgerBroken):
        make_checkpoint(now=NOW)


@pytest.mark.parametrize(
    ("mend", "reason"),
    [
        (lambda said: {**said, "root": "0" * 64}, "its signature does not hold"),
        (lambda said: {**said, "signature": "AAAA"}, "its signature does not hold"),
        (lambda said: {**said, "key": "0" * 16}, "its key is not trusted"),
        (lambda said: [said], "cannot be read as a checkpoint"),
        (lambda said: {**said, "sequence": "2"}, "cannot be read as a checkpoint"),
    ],
)
def test_verify__file_that_was_altered__is_named(db: None, home: Path, mend, reason: str) -> None:
    fill(2)
    sign_checkpoint()
    (path,) = home.iterdir()
    path.write_text(json.dumps(mend(json.loads(path.read_text()))))

    verdict = verify_chain()

    assert verdict.reason is not None
    assert reason in verdict.reason
    assert path.name in verdict.reason


def test_verify__key_was_replaced__old_checkpoints_hold_while_the_old_key_is_trusted(db: None, settings) -> None:
    fill(2)
    made = make_checkpoint(now=NOW)
    old = signed_statement(made)["public_key"]
    settings.SIGNING_KEY = "YW5vdGhlci1rZXktZm9yLXRoZS10ZXN0cy1hbG9uZSE="
    assert not verify_chain().holds

    settings.AUDIT_TRUSTED_KEYS = [old]

    assert verify_chain().holds
    fill(1)
    assert make_checkpoint(now=NOW).key_id != made.key_id
    assert verify_chain().checkpoints == 2


def test_make_checkpoint__event_was_altered__nothing_is_signed(committed_db: None) -> None:
    fill(4)
    as_owner("UPDATE governance_auditevent SET action = 'other' WHERE sequence = 3")

    with pytest.raises(LedgerBroken, match="3"):
        make_checkpoint(now=NOW)
    assert not Checkpoint.objects.exists()


def test_proofs__of_any_event_and_pair_of_checkpoints__hold(cast: Cast) -> None:
    for count in (3, 4, 6):
        fill(count)
        make_checkpoint(now=NOW)
    auditor = principal_for(cast.auditor)

    for sequence in range(1, 14):
        proof = inclusion_proof(principal=auditor, sequence=sequence)
        assert inclusion_holds(
            event_hash=proof["hash"],
            index=sequence - 1,
            size=proof["tree_size"],
            path=proof["path"],
            root=proof["checkpoint"]["root"],
        )
    proof = consistency_proof(principal=SYSTEM, old=3, new=7)
    old, new = proof["checkpoints"]
    assert consistency_holds(old=3, new=7, old_root=old["root"], new_root=new["root"], proof=proof["path"])
    with pytest.raises(NotPermitted):
        inclusion_proof(principal=principal_for(cast.author), sequence=1)
    with pytest.raises(NotFound):
        inclusion_proof(principal=auditor, sequence=14)
    with pytest.raises(NotFound):
        consistency_proof(principal=auditor, old=4)
