"""The evidence kit: everything of an item or a period, proved, without what is not the reader's, without claims."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from context.access import Principal, principal_for
from context.digests import canonical
from context.errors import InvalidInput, NotFound, NotPermitted
from context.signing import is_signed
from governance.audit.evidence import write_kit
from governance.audit.evidence_index import FRAMEWORKS
from governance.audit.standalone.verify_export import check
from governance.models import AuditEvent
from tests.cast import Cast, creation, propose, publish, revision

NOW = timezone.now()


def kit(principal: Principal, **asked: Any) -> dict[str, bytes]:
    out = io.BytesIO()
    write_kit(principal=principal, out=out, now=timezone.now(), **asked)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def history(cast: Cast) -> Cast:
    publish(cast, creation("legal/cap", body="One million", sensitivity="internal"))
    publish(cast, revision("legal/cap", body="Two million"))
    publish(cast, creation("sales/price", body="Cheap"))
    propose(cast, revision("legal/cap", body="Three million"))
    return cast


def test_item__all_of_it_and_nothing_else__each_event_proved(history: Cast) -> None:
    files = kit(principal_for(history.auditor), key="legal/cap")

    versions = json.loads(files["versions.json"])
    assert [(each["number"], each["body"]) for each in versions] == [(1, "One million"), (2, "Two million")]
    changes = json.loads(files["changes.json"])
    assert [each["state"] for each in changes] == ["published", "published"]  # a draft is its editors' alone
    approvals = json.loads(files["approvals.json"])
    assert {each["reviewer"] for each in approvals} == {"reviewer"}
    assert [each["digest"] for each in approvals] == [each["digest"] for each in changes]
    report = check(files["ledger.jsonl"].splitlines(keepends=True))
    subjects = {json.loads(line)["subject"]["id"] for line in files["ledger.jsonl"].splitlines() if b'"event"' in line}
    assert subjects == {"legal/cap", *(str(each["number"]) for each in changes)}
    assert not report.complete
    assert report.events > 8
    assert json.loads(files["agents/receipts.json"]) == []


def test_period__what_happened_in_it(history: Cast) -> None:
    auditor = principal_for(history.auditor)
    files = kit(auditor, since=NOW - timedelta(days=1), until=NOW + timedelta(days=1))
    assert len(json.loads(files["versions.json"])) == 3
    assert check(files["ledger.jsonl"].splitlines(keepends=True)).events == AuditEvent.objects.count()
    before = kit(auditor, since=NOW - timedelta(days=9), until=NOW - timedelta(days=8))
    assert json.loads(before["versions.json"]) == json.loads(before["changes.json"]) == []
    assert json.loads(files["agents/refusals.json"]) == []


def test_archive__each_file_is_listed_signed_and_verifiable_in_a_folder(history: Cast, tmp_path: Path) -> None:
    files = kit(principal_for(history.auditor), key="legal/cap")

    manifest = json.loads(files.pop("manifest.json"))
    signature, key = manifest.pop("signature"), manifest.pop("public_key")
    assert is_signed(canonical(manifest), signature, key)
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert not [name for name in files if ".." in name or name.startswith("/")]
    assert b"def check(" in files["verify_export.py"]
    held = [json.loads(content) for name, content in files.items() if name.startswith("checkpoints/")]
    assert check(files["ledger.jsonl"].splitlines(keepends=True), [key], held).tree_size == held[-1]["sequence"]


def test_index__maps_files_to_requirements_without_scripts_or_claims(history: Cast) -> None:
    publish(history, creation("legal/odd", title="<script>alert(1)</script>"))
    page = kit(principal_for(history.auditor), key="legal/odd")["index.html"].decode()

    for title, _ in FRAMEWORKS.values():
        assert title in page
    for name in ("article 12", "article 14", "A.6.2.8", "GOVERN", "CC6", "CC7", "CC8"):
        assert name in page
    assert "support" in page
    assert not re.search(r"compl(y|ies|iant|iance)", page, re.IGNORECASE)
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "nothing in this archive" not in page


def test_kit__what_is_not_the_readers__is_left_out_or_withheld(history: Cast) -> None:
    publish(history, creation("legal/merger", title="The secret merger", body="secret", sensitivity="confidential"))
    admin = Principal(kind="person", id=0, label="A", clearance=1, roles=frozenset({("administrator", None)}))

    everything = b"".join(kit(admin, since=NOW - timedelta(days=1)).values())

    assert b"secret" not in everything.replace(b"secret_", b"").replace(verifier(), b"")
    with pytest.raises(NotFound):
        kit(admin, key="legal/merger")


def verifier() -> bytes:
    return (Path(__file__).parents[2] / "governance/audit/standalone/verify_export.py").read_bytes()


def test_kit__wrong_reader_or_question__is_refused(history: Cast, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        kit(principal_for(history.author), key="legal/cap")
    auditor = principal_for(history.auditor)
    for wrong in ({}, {"key": "legal/cap", "since": NOW}, {"since": NOW, "until": NOW}):
        with pytest.raises(InvalidInput):
            kit(auditor, **wrong)
    out = tmp_path / "kit.zip"
    with pytest.raises(CommandError, match="no item"):
        call_command("evidence_kit", "--item", "legal/none", "--out", str(out))
    assert list(tmp_path.iterdir()) == []
    call_command("evidence_kit", "--item", "legal/cap", "--out", str(out), "--as", "auditor", stdout=io.StringIO())
    assert zipfile.is_zipfile(out)
