"""What the agents' floor adds to an evidence kit: who was given which texts, and who was refused; must not write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from agents.models import Receipt, Refusal
from governance.audit.evidence import EvidenceFile, EvidenceScope, json_array


def evidence_of(scope: EvidenceScope) -> list[EvidenceFile]:
    """Receipts of bundles that held a version of the item, or were served in the period; refusals of the period."""
    receipts = _receipts(scope)
    files = [
        EvidenceFile(
            path="agents/receipts.json",
            title="Receipts of agents",
            about="Which agent held which bundle of these texts from when on, by content digest.",
            supports=("eu-ai-act-12", "iso-42001-a628", "soc2-cc7"),
            content=json_array(_receipt_records(receipts)),
            subjects=tuple(
                ("bundle", digest) for digest in receipts.order_by().values_list("bundle_id", flat=True).distinct()
            )
            if scope.key
            else (),
        )
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


def _receipt_records(receipts: QuerySet[Receipt]) -> Iterator[dict[str, Any]]:
    found = receipts.select_related("agent", "bundle__contract_version__contract").defer("bundle__body")
    for receipt in found.order_by("served_at", "pk").iterator(chunk_size=500):
        yield {
            "receipt": receipt.pk,
            "agent": receipt.agent.slug,
            "key_prefix": receipt.key_prefix,
            "bundle": receipt.bundle_id,
            "contract": receipt.bundle.contract_version.contract.slug,
            "contract_version": receipt.bundle.contract_version.number,
            "snapshot_at": receipt.bundle.snapshot_at,
            "versions": receipt.bundle.version_ids,
            "served_at": receipt.served_at,
            "request_id": receipt.request_id,
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
