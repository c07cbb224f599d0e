"""The agents' part of an evidence kit: who held which version, and the events that tell of it."""

from __future__ import annotations

import io
import json
import zipfile

from django.utils import timezone

from agents.standalone import verify_bundle
from context.access import principal_for
from governance.audit.evidence import write_kit
from governance.audit.standalone.verify_export import check
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish


def kit(cast: Cast, key: str) -> dict[str, bytes]:
    out = io.BytesIO()
    write_kit(principal=principal_for(cast.auditor), out=out, now=timezone.now(), key=key)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_item__that_an_agent_was_given__brings_its_receipts_and_what_seals_them(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="One million"), creation("legal/other", body="Another"))
    agent = give(cast, contract(cast, [{"key": "legal/cap"}]))
    served = agent.bundle()

    files = kit(cast, "legal/cap")

    (held,) = json.loads(files["agents/receipts.json"])
    assert (held["agent"], held["contract"]) == ("comparer", "review")
    assert held["receipt"]["bundle"] == served["digest"]
    lines = files["ledger.jsonl"].splitlines(keepends=True)
    events = [json.loads(line) for line in lines if b'"type":"event"' in line]
    (sealed,) = [event for event in events if event["action"] == "agents.receipts.sealed"]
    assert (sealed["sequence"], sealed["after"]) == (held["seal"]["event"], held["seal"]["root"])
    assert verify_bundle.check_receipt(held, served["digest"]) == held["seal"]
    assert check(lines).proofs > 0
    assert json.loads(kit(cast, "legal/other")["agents/receipts.json"]) == []
