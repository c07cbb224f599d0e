"""Receipts are sealed into the ledger whole and in order, and whatever is done to them afterwards is found."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as thoroughness
from hypothesis import strategies as st

from agents import sealing
from agents.models import Receipt, ReceiptSeal
from agents.sealing import check_receipts, leaf_of, proofs_of, record_of, seal_receipts
from agents.standalone import verify_bundle
from context.access import SYSTEM
from context.digests import digest_of
from context.signing import public_key
from governance.audit.export import as_jsonl, begin_export
from governance.audit.reading import EventFilters
from governance.models import AuditEvent
from tests.agents.conftest import Presented, contract, give
from tests.agents.repeating import Said, Site, commit
from tests.cast import Cast, creation, publish


@pytest.fixture
def comparer(cast: Cast) -> Presented:
    publish(cast, creation("legal/liability", body="Capped at one year of fees."))
    return give(cast, contract(cast, [{"key": "legal/liability"}]))


def test_seal__receipts_that_wait__one_event_over_all_and_none_twice(comparer: Presented) -> None:
    for _ in range(5):
        comparer.bundle()
    (seal,) = seal_receipts(now=timezone.now())
    event = AuditEvent.objects.get(sequence=seal.sequence)
    assert (event.action, event.after_digest, event.actor_kind) == ("agents.receipts.sealed", seal.root, "system")
    assert seal.count == 5
    assert seal_receipts(now=timezone.now()) == []
    comparer.bundle()
    (second,) = seal_receipts(now=timezone.now())
    assert (second.first_receipt, second.count) == (seal.last_receipt + 1, 1)
    assert check_receipts() == (None, ())


def test_seal__more_than_one_event_holds__goes_on_with_the_next(
    comparer: Presented, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MOST_IN_A_SEAL", 2)
    for _ in range(5):
        comparer.bundle()
    assert [seal.count for seal in seal_receipts(now=timezone.now())] == [2, 2, 1]
    assert check_receipts() == (None, ())


def test_check__receipts_not_sealed_yet__are_told_of_and_nothing_is_broken(comparer: Presented) -> None:
    comparer.bundle()
    fault, notes = check_receipts()
    assert fault is None
    assert "1 receipts" in notes[0]


@pytest.mark.parametrize("tampering", ["altered", "removed", "swapped"])
def test_verify_audit__receipts_tampered_with__names_the_event_that_sealed_them(
    comparer: Presented, monkeypatch: pytest.MonkeyPatch, tampering: str
) -> None:
    for _ in range(4):
        comparer.bundle()
    (seal,) = seal_receipts(now=timezone.now())
    call_command("verify_audit", stdout=io.StringIO())
    genuine = sealing._records

    def forged(**which: Any) -> Iterator[dict[str, Any]]:
        records = list(genuine(**which))
        if tampering == "altered":
            records[1] = {**records[1], "agent": 99}
        elif tampering == "removed":
            del records[1]
        else:
            records[1], records[2] = records[2], records[1]
        return iter(records)

    monkeypatch.setattr(sealing, "_records", forged)
    with pytest.raises(CommandError, match=f"event {seal.sequence} sealed"):
        call_command("verify_audit", stdout=io.StringIO())


def test_verify_audit__receipt_put_into_a_gap_of_what_is_sealed__is_found(comparer: Presented) -> None:
    comparer.bundle()
    gap = Receipt.objects.latest("pk").pk + 1
    genuine = Receipt.objects.latest("pk")
    Receipt.objects.create(
        pk=gap + 1, agent=genuine.agent, key_prefix="x", bundle=genuine.bundle, served_at=timezone.now()
    )
    (seal,) = seal_receipts(now=timezone.now())
    assert check_receipts()[0] is None
    Receipt.objects.create(pk=gap, agent=genuine.agent, key_prefix="x", bundle=genuine.bundle, served_at=timezone.now())
    fault, _ = check_receipts()
    assert fault is not None
    assert fault.sequence == seal.sequence


@thoroughness(suppress_health_check=[HealthCheck.too_slow])  # a busy machine says nothing about the rule
@given(
    st.fixed_dictionaries(
        {
            "receipt": st.integers(1, 2**53 - 1),
            "request_id": st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
            "task": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        }
    )
)
def test_leaf__of_any_record__is_the_digest_of_its_canonical_json(record: dict[str, Any]) -> None:
    assert leaf_of(record) == digest_of(record)


# -- the stand-alone verifier ------------------------------------------------------------------------------------------


@pytest.fixture
def handed(tmp_path: Path, comparer: Presented) -> dict[str, str]:
    """What an agent keeps of an answer, and what an auditor adds to it, as files."""
    commit()
    told: Said = Site().post(comparer)
    comparer.bundle()
    seal_receipts(now=timezone.now())
    number = int(told.headers["Plumbline-Receipt"])
    receipt = {
        "receipt": record_of(Receipt.objects.get(pk=number)),
        "seal": dict(proofs_of([number]))[number],
    }
    export = begin_export(principal=SYSTEM, filters=EventFilters(), format="jsonl", now=timezone.now())
    files = {
        "bundle": told.content,
        "headers": "".join(f"{name}: {value}\r\n" for name, value in told.headers.items()).encode(),
        "receipt": json.dumps(receipt).encode(),
        "export": b"".join(as_jsonl(export)),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in files}


def verdict(files: dict[str, str], capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    given_files = [part for name in ("headers", "receipt", "export") for part in (f"--{name}", files[name])]
    status = verify_bundle.main([files["bundle"], *given_files, *more])
    return status, capsys.readouterr().out


def test_verifier__everything_genuine__holds_down_to_the_ledger(
    handed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    status, said = verdict(handed, capsys, "--key", public_key())
    assert status == 0, said
    assert said.count("HOLDS") == 3
    assert "NOT CHECKED" not in said


def test_verifier__lease_over__says_so(handed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    status, said = verdict(handed, capsys, "--key", public_key(), "--at", "2999-01-01T00:00:00Z")
    assert status == 3
    assert "ENDED: the lease" in said


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("bundle", b"one year", b"two years", "the bundle was altered"),
        ("headers", b'"agent":"comparer"', b'"agent":"comparex"', "not about this bundle"),
        ("headers", b'"lease_until":"2', b'"lease_until":"3', "the signature does not hold"),
        ("receipt", b'"agent": ', b'"agent": 9', "the receipt was altered"),
        ("receipt", b'"index": 0', b'"index": 1', "the receipt was altered"),
        ("export", b'"action":"agents.receipts.sealed"', b'"action":"agents.receipts.sealex"', "export does not hold"),
    ],
)
def test_verifier__anything_altered__is_broken(
    handed: dict[str, str], capsys: pytest.CaptureFixture[str], file: str, old: bytes, new: bytes, why: str
) -> None:
    content = Path(handed[file]).read_bytes()
    assert old in content
    Path(handed[file]).write_bytes(content.replace(old, new, 1))
    status, said = verdict(handed, capsys, "--key", public_key())
    assert status == 1
    assert why in said


def test_verifier__key_of_somebody_else__is_broken(handed: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    status, said = verdict(handed, capsys, "--key", base64.b64encode(raw).decode())
    assert status == 1
    assert "which you did not give" in said


def test_verifier__nothing_but_the_bundle__says_what_was_not_checked(
    handed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify_bundle.main([handed["bundle"]]) == 0
    assert capsys.readouterr().out.count("NOT CHECKED") == 2


def test_seals__changed_or_deleted__refused(comparer: Presented) -> None:
    comparer.bundle()
    seal_receipts(now=timezone.now())
    with pytest.raises(Exception, match=r"never change|permission denied"):
        ReceiptSeal.objects.update(count=7)
