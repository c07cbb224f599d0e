"""What agents were given and what they were refused; rows are only added (triggers), never the record of a text."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from agents.models.registry import DIGEST_PATTERN
from context.models import Sensitivity


class Bundle(models.Model):
    """The content of an answer, addressed by its digest: the same content is stored once.

    `body` is the RFC 8785 canonical JSON whose SHA-256 is `digest`. `snapshot_at` is the moment for which it was
    first assembled; `as_of` is set where the moment was asked for. `sensitivity` is the highest of its entries.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    body = models.BinaryField()
    contract_version = models.ForeignKey("agents.ContractVersion", on_delete=models.PROTECT, related_name="bundles")
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="bundles")
    snapshot_at = models.DateTimeField()
    as_of = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    sensitivity = models.PositiveSmallIntegerField(choices=Sensitivity.choices)
    version_ids = models.JSONField(default=list)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex=DIGEST_PATTERN), name="bundle_is_content_addressed"),
        ]
        # Which bundles held a text: asked before a change of it is approved, and when it is withdrawn.
        indexes = [GinIndex(fields=["version_ids"], opclasses=["jsonb_path_ops"], name="bundle_by_text")]

    def __str__(self) -> str:
        return f"bundle {self.digest[:12]}"


class ReceiptKind(models.TextChoices):
    """Whether the bundle was sent, or the agent, which held it, was told that it still stands."""

    DELIVERED = "delivered", "Delivered"
    RENEWED = "renewed", "Lease renewed"


class Receipt(models.Model):
    """One delivery or renewal: this agent, with this key, holds this bundle and may rely on it until `lease_until`.

    Committed before the answer leaves. `repeats` is how often, since the receipt before it, the same was sent again to
    the holder of that key under a lease on record, as far as the process that wrote it knew. A seal (`ReceiptSeal`)
    puts each receipt under the audit ledger.
    """

    kind = models.CharField(max_length=9, choices=ReceiptKind.choices, default=ReceiptKind.DELIVERED)
    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="receipts", db_index=False)
    key_prefix = models.CharField(max_length=16)
    # Its index is the one below, which also says when and to whom without a look at the row.
    bundle = models.ForeignKey(Bundle, on_delete=models.PROTECT, related_name="receipts", db_index=False)
    served_at = models.DateTimeField()
    request_id = models.CharField(max_length=64, blank=True)
    task_digest = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    client = models.CharField(max_length=45, blank=True)
    repeats = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-served_at", "-id"]
        indexes = [
            # Each costs every delivery. This one finds the last of an agent.
            models.Index(fields=["agent", "id"], name="receipt_of_agent"),
            models.Index(fields=["bundle", "served_at", "agent"], name="receipt_of_bundle"),
            models.Index(fields=["served_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.agent} received {self.bundle} at {self.served_at:%Y-%m-%d %H:%M}"


class ReceiptSeal(models.Model):
    """A run of receipts under one event of the ledger: `root` is the Merkle root over them, in the order of their ids.

    An index to find a receipt's event by: what proves anything is the event (agents/sealing.py).
    """

    first_receipt = models.BigIntegerField(unique=True)
    last_receipt = models.BigIntegerField(unique=True)
    count = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    sequence = models.BigIntegerField(unique=True)
    sealed_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_receipt"]
        constraints = [
            models.CheckConstraint(condition=Q(first_receipt__lte=models.F("last_receipt")), name="seal_is_a_run"),
            models.CheckConstraint(condition=Q(root__regex=DIGEST_PATTERN), name="seal_has_a_root"),
        ]

    def __str__(self) -> str:
        return f"receipts {self.first_receipt} to {self.last_receipt}"


class Refusal(models.Model):
    """One request that could not be met, with the gaps that say why: the gap report counts these."""

    agent = models.ForeignKey("agents.Agent", on_delete=models.PROTECT, related_name="refusals")
    key_prefix = models.CharField(max_length=16)
    contract_version = models.ForeignKey("agents.ContractVersion", on_delete=models.PROTECT, related_name="refusals")
    gaps = models.JSONField()
    refused_at = models.DateTimeField()
    as_of = models.DateTimeField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    task_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-refused_at", "-id"]
        indexes = [
            models.Index(fields=["contract_version", "refused_at"]),
            models.Index(fields=["refused_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.agent} was refused {self.contract_version} at {self.refused_at:%Y-%m-%d %H:%M}"
