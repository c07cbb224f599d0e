"""The audit page: verification that tells its progress, checkpoints, evidence and the scripts that check them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from context.access import SYSTEM
from context.models import User
from governance.audit.ledger import Entry, Subject, append_all
from governance.models import AuditEvent, Checkpoint, Review
from tests.cast import Cast, approve, creation, publish


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def told(response: object) -> str:
    return b"".join(response.streaming_content).decode()


def test_verify__many_events__tells_how_far_it_is_and_ends_with_the_verdict(cast: Cast) -> None:
    from_system = Entry(action="test.done", subject=Subject(type="test", id="1", label="One"))
    for _ in range(3):
        append_all(actor=SYSTEM, entries=[from_system] * 1_500, now=timezone.now())
    page = told(signed_in(cast.auditor).post(reverse("governance:audit-verify")))
    assert "4,000 events of" in page.replace("\xa0", " ") or "4000 events of" in page
    assert page.index("checked; all hold so far") < page.index("The record is whole")
    assert page.rstrip().endswith("</html>")


def test_checkpoint__made_and_downloaded_on_its_page__is_the_signed_statement(cast: Cast) -> None:
    publish(cast, creation("legal/one"))
    client = signed_in(cast.auditor)
    client.post(reverse("governance:make-checkpoint"))
    made = Checkpoint.objects.latest("sequence")
    assert AuditEvent.objects.get(sequence=made.sequence).action == "governance.audit.checkpoint_asked"
    assert str(made.sequence) in client.get(reverse("governance:checkpoints")).content.decode()
    file = client.get(reverse("governance:checkpoint", args=[made.sequence]))
    assert json.loads(file.content)["signature"] == made.signature
    assert client.get(reverse("governance:checkpoint", args=[999_999])).status_code == 404


def test_evidence__of_an_item__is_one_archive_and_of_nothing_is_said_on_the_page(cast: Cast) -> None:
    publish(cast, creation("legal/one"))
    client = signed_in(cast.auditor)
    kit = client.get(reverse("governance:evidence") + "?item=legal/one")
    assert "index.html" in zipfile.ZipFile(io.BytesIO(b"".join(kit.streaming_content))).namelist()
    refused = client.get(reverse("governance:evidence") + "?item=legal/none", follow=True)
    assert "no item" in refused.content.decode().lower()


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        (lambda document: None, 0, "HOLDS: Rui Reviewer (reviewer) decided 'approve'"),
        (lambda document: document["receipt"].update(decision="reject"), 1, "BROKEN"),
        (lambda document: document["receipt"]["change"].update(digest="0" * 64), 1, "BROKEN"),
        (lambda document: document.update(signature="!"), 2, "NOT A RECEIPT"),
        (lambda document: document.pop("receipt"), 2, "NOT A RECEIPT"),
        (lambda document: document["receipt"].update(format="x"), 2, "NOT A RECEIPT"),
    ],
)
def test_receipt__checked_by_the_downloaded_script_alone(
    cast: Cast, tmp_path: Path, change: object, status: int, word: str
) -> None:
    made = approve(cast, creation("legal/one"))
    review = Review.objects.get()
    client = signed_in(cast.author)
    page = client.get(reverse("governance:change", args=[made.pk])).content.decode()
    address = f"/api/v1/changes/{made.pk}/reviews/{review.pk}/receipt/"
    assert address in page
    document = client.get(address).json()
    key = document["public_key"]
    change(document)
    (tmp_path / "receipt.json").write_text(json.dumps(document, indent=1))
    (tmp_path / "verify_receipt.py").write_bytes(
        client.get(reverse("governance:verifier", args=["verify_receipt"])).content
    )
    # Isolated: neither this project nor its settings can be found.
    ran = subprocess.run(
        [sys.executable, "-I", "verify_receipt.py", "receipt.json", "--key", key],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, word in ran.stdout) == (status, True), ran.stdout + ran.stderr


def test_receipt__of_another_key_than_the_trusted_one__is_broken(cast: Cast, tmp_path: Path) -> None:
    from_elsewhere = {
        "receipt": {"format": "plumbline.review-receipt/1"},
        "public_key": "A" * 43 + "=",
        "signature": "",
    }
    (tmp_path / "receipt.json").write_text(json.dumps(from_elsewhere))
    script = Path(__file__).parents[2] / "governance" / "audit" / "standalone" / "verify_receipt.py"
    ran = subprocess.run(
        [sys.executable, "-I", str(script), str(tmp_path / "receipt.json"), "--key", "B" * 43 + "="],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, "another key" in ran.stdout) == (1, True)


def test_verifier__of_another_name__does_not_exist(cast: Cast) -> None:
    assert signed_in(cast.author).get("/verifiers/settings.py").status_code == 404
    assert Client().get("/verifiers/verify_receipt.py").status_code == 302
