"""Ten thousand tampers of eight kinds: both verifiers find each one, and none where nothing was touched."""

from __future__ import annotations

import os
import random
from collections import Counter

import orjson
import psycopg
import pytest
from django.db import connection

from config import env
from governance.audit.chain import Checker, Mark
from governance.audit.standalone.verify_export import Broken, check
from governance.audit.tasks import sign_checkpoint
from governance.audit.verification import verify_chain
from tests.governance.forgery import KINDS, Record, export_of, genuine, row_of, signed_at
from tests.governance.test_ledger import append

LENGTH = 10
SIGNED = (3, 7, LENGTH)
# `AUDIT_TAMPERS=10000` runs as many through the stand-alone verifier too, which takes a minute.
TAMPERS = 10_000
TAMPERS_OF_EXPORTS = int(os.environ.get("AUDIT_TAMPERS", "1200"))


def found_by_checker(events: list[Record], checkpoints: list[Record]) -> bool:
    marks = {each["sequence"]: [Mark(each["head"], each["root"], "a checkpoint")] for each in checkpoints}
    checker = Checker(marks=marks)
    return (checker.feed(row_of(event) for event in events) or checker.finish()) is not None


def found_by_script(events: list[Record], checkpoints: list[Record]) -> bool:
    # The forger hides the checkpoints that would tell; the auditor holds a copy of the last.
    end = max((event["sequence"] for event in events), default=0)
    kept = [each for each in checkpoints if each["sequence"] <= end]
    try:
        check(export_of(events, kept or checkpoints), known=checkpoints[-1:])
    except Broken:
        return True
    return False


@pytest.mark.parametrize(
    ("verifier", "count"),
    [(found_by_checker, TAMPERS), (found_by_script, TAMPERS_OF_EXPORTS)],
    ids=["checker", "script"],
)
def test_tampers__random_of_eight_kinds__every_one_is_found(verifier, count: int) -> None:
    rng = random.Random(20261120)
    missed: Counter[str] = Counter()
    for number in range(count):
        if number % 500 == 0:
            events = genuine(LENGTH, rng)
            checkpoints = signed_at(events, *SIGNED)
            assert not verifier(events, checkpoints)
        kind = KINDS[number % len(KINDS)]
        tampered = orjson.loads(orjson.dumps(events))
        kind(tampered, rng)
        if tampered == events:  # two alike were swapped
            continue
        if not verifier(tampered, checkpoints):
            missed[kind.__name__] += 1
    assert not missed


def test_untouched_ledgers__of_every_length__hold_in_both_verifiers() -> None:
    rng = random.Random(7)
    for length in range(1, 40):
        events = genuine(length, rng)
        checkpoints = signed_at(events, *rng.sample(range(1, length + 1), min(length, 3)), length)
        assert not found_by_checker(events, checkpoints)
        assert not found_by_script(events, checkpoints)


TAMPERS_IN_SQL = [
    "UPDATE governance_auditevent SET actor_label = 'Somebody else' WHERE sequence = {n}",
    "UPDATE governance_auditevent SET data = data || '{{\"number\": -1}}' WHERE sequence = {n}",
    "UPDATE governance_auditevent SET at = at + interval '1 us' WHERE sequence = {n}",
    "UPDATE governance_auditevent SET subject_id = 'other' WHERE sequence = {n}",
    "UPDATE governance_auditevent SET actor_label = '', subject_label = '', data = '{{}}', salt = '' "
    "WHERE sequence = {n}",
    "DELETE FROM governance_auditevent WHERE sequence = {n}",
    "DELETE FROM governance_auditevent WHERE sequence >= {n}",
    "UPDATE governance_auditevent SET sequence = sequence + 1000 WHERE sequence = {n}",
    "UPDATE governance_auditevent a SET data = b.data, salt = b.salt, subject_label = b.subject_label, "
    "actor_label = b.actor_label, payload_digest = b.payload_digest FROM governance_auditevent b "
    "WHERE (a.sequence, b.sequence) IN (({n}, {n} + 1), ({n} + 1, {n}))",
    "INSERT INTO governance_auditevent SELECT sequence + 1000, at, recorded_at, actor_kind, actor_id, "
    "actor_label, action, subject_type, subject_id, subject_label, sensitivity, request_id, before_digest, "
    "after_digest, data, salt, payload_digest, md5(salt) || md5(hash), md5(hash) || md5(salt) "
    "FROM governance_auditevent WHERE sequence = {n}",
    "DELETE FROM governance_checkpoint WHERE sequence = 10; DELETE FROM governance_auditevent WHERE sequence >= 9",
    "UPDATE governance_checkpoint SET merkle_root = repeat('a', 64) WHERE sequence = 6",
    "UPDATE governance_checkpoint SET head_hash = repeat('a', 64) WHERE sequence = 6",
    "UPDATE governance_checkpoint SET frontier = '[]' WHERE sequence = 10",
]


def test_tampers_in_sql__past_the_triggers__every_one_is_found(committed_db: None, settings, tmp_path) -> None:
    settings.AUDIT_CHECKPOINT_DIRECTORY = tmp_path
    for number in range(10):
        append(number)
        if number == 5:
            sign_checkpoint()
    sign_checkpoint()
    assert verify_chain().holds
    role = env.database("DATABASE_OWNER_URL")
    tables = ("governance_auditevent", "governance_checkpoint")
    with psycopg.connect(
        host=str(role["HOST"]),
        port=str(role["PORT"]),
        user=str(role["USER"]),
        password=str(role["PASSWORD"]),
        dbname=str(connection.settings_dict["NAME"]),
        autocommit=True,
    ) as owner:
        for table in tables:
            owner.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for tamper in TAMPERS_IN_SQL:
            for sequence in (2, 5, 8):
                owner.execute(tamper.format(n=sequence))
                assert not verify_chain().holds, tamper
                for table in tables:
                    owner.execute(f"DELETE FROM {table}")
                    owner.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
    assert verify_chain().holds
