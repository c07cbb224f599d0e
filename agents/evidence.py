"""What the agents' floor adds to an evidence kit: who was given which texts, and who was refused.

Must not write, but for the seal of receipts that were waiting for theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.models import Receipt, ReceiptSeal, Refusal
from agents.sealing import MOST_IN_A_SEAL, SUBJECT, proofs_of, record_of, seal_receipts
from governance.audit.evidence import EvidenceFile, EvidenceScope, json_array

VERIFIER = Path(__file__).parent / "standalone" / "verify_bundle.py"


def evidence_of(scope: EvidenceScope) -> list[EvidenceFile]:
    """Receipts of bundles that held a version of the item, or were served in the period; refusals of the period."""
    seal_receipts(now=timezone.now())
    receipts = _receipts(scope)
    files = [
        EvidenceFile(
            path="agents/receipts.json",
            title="Receipts of agents",
            about="Which agent held which bundle of these texts from when until when, by content digest; each with the "
            "path that proves it under the event of the ledger which sealed it.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc7"),
            content=json_array(_receipt_records(receipts)),
            subjects=tuple(_seals(receipts)) if scope.key else (),
        ),
        EvidenceFile(
            path="verify_bundle.py",
            title="Verifier of bundles and receipts",
            about="Checks a bundle, its signed lease and its receipt without Plumbline; beside verify_export.py it "
            "finds the receipt's seal in the ledger extract.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc7"),
            content=[VERIFIER.read_bytes()],
        ),
    ]
    if not scope.key:
        files.append(
            EvidenceFile(
                path="agents/refusals.json",
                title="Refusals to agents",
                about="Which agent was refused a bundle, and which requirement was missing, stale or contradicted.",
                supports=("eu-ai-act-14", "iso-42001-a628", "soc2-cc6"),
                content=json_array(_refusal_records(scope)),
            )
        )
    return files


def _receipts(scope: EvidenceScope) -> QuerySet[Receipt]:
    receipts = Receipt.objects.filter(bundle__sensitivity__lte=scope.principal.clearance)
    if scope.version_ids is None:
        return receipts.filter(scope.within("served_at"))
    held = Q(pk__in=[])
    for version_id in scope.version_ids:
        held |= Q(bundle__version_ids__contains=[version_id])
    return receipts.filter(held)


def _seals(receipts: QuerySet[Receipt]) -> Iterator[tuple[str, str]]:
    """The subjects of the events that sealed them."""
    numbers = receipts.order_by("pk").values_list("pk", flat=True)
    last = 0
    for number in numbers.iterator(chunk_size=2_000):
        if number <= last:
            continue
        seal = ReceiptSeal.objects.filter(first_receipt__lte=number, last_receipt__gte=number).first()
        if seal is not None:
            last = seal.last_receipt
            yield SUBJECT, f"{seal.first_receipt}-{seal.last_receipt}"


def _receipt_records(receipts: QuerySet[Receipt]) -> Iterator[dict[str, Any]]:
    found = receipts.select_related("agent", "bundle__contract_version__contract").defer("bundle__body")
    every = found.order_by("pk").iterator(chunk_size=MOST_IN_A_SEAL)
    while some := list(islice(every, MOST_IN_A_SEAL)):
        proofs = dict(proofs_of([receipt.pk for receipt in some]))
        for receipt in some:
            yield {
                "receipt": record_of(receipt),
                "agent": receipt.agent.slug,
                "contract": receipt.bundle.contract_version.contract.slug,
                "contract_version": receipt.bundle.contract_version.number,
                "snapshot_at": receipt.bundle.snapshot_at,
                "versions": receipt.bundle.version_ids,
                "client": receipt.client,
                "seal": proofs.get(receipt.pk),
            }


def _refusal_records(scope: EvidenceScope) -> Iterator[dict[str, Any]]:
    found = Refusal.objects.filter(scope.within("refused_at")).select_related("agent", "contract_version__contract")
    for refusal in found.order_by("refused_at", "pk").iterator(chunk_size=500):
        yield {
            "agent": refusal.agent.slug,
            "contract": refusal.contract_version.contract.slug,
            "contract_version": refusal.contract_version.number,
            "gaps": refusal.gaps,
            "refused_at": refusal.refused_at,
            "request_id": refusal.request_id,
        }
