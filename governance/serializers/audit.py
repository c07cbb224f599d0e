"""Audit events as they are shown and exported, with all that their hash covers; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from governance.audit.verification import Verdict
from governance.audit.withholding import REDACTED, WHOLE, WITHHELD, EventReading


class ActorSerializer(serializers.Serializer[EventReading]):
    kind = serializers.CharField(source="actor_kind")
    id = serializers.IntegerField(source="actor_id")
    label = serializers.CharField(source="actor_label")  # type: ignore[assignment]  # JSON has a field of that name


class SubjectSerializer(serializers.Serializer[EventReading]):
    type = serializers.CharField(source="subject_type")
    id = serializers.CharField(source="subject_id")
    label = serializers.CharField(source="subject_label")  # type: ignore[assignment]  # JSON has a field of that name


class AuditEventSerializer(serializers.Serializer[EventReading]):
    """One event, as far as the reader's clearance reaches.

    `before` and `after` are digests; `previous_hash` is the hash of the event before it.
    """

    sequence = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="When it was done.")
    recorded_at = serializers.DateTimeField(help_text="The database's clock when it was appended.")
    actor = ActorSerializer(source="*")
    action = serializers.CharField()
    subject = SubjectSerializer(source="*")
    sensitivity = serializers.IntegerField()
    request_id = serializers.CharField(allow_blank=True)
    before = serializers.CharField(source="before_digest", allow_blank=True)
    after = serializers.CharField(source="after_digest", allow_blank=True)
    data = serializers.DictField()  # type: ignore[assignment]  # JSON has a field of that name
    payload_state = serializers.ChoiceField(
        choices=(WHOLE, WITHHELD, REDACTED), help_text="Whether labels and data are given; empty where they are not."
    )
    payload_digest = serializers.CharField()
    previous_hash = serializers.CharField()
    hash = serializers.CharField()


class AuditEventPageSerializer(serializers.Serializer[Any]):
    results = AuditEventSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class VerdictSerializer(serializers.Serializer[Verdict]):
    """What a check of the whole chain found; `broken_sequence` names the first event that does not hold."""

    holds = serializers.BooleanField()
    checked = serializers.IntegerField()
    head_sequence = serializers.IntegerField()
    head_hash = serializers.CharField()
    broken_sequence = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    seconds = serializers.FloatField()
    checkpoints = serializers.IntegerField(help_text="Signed checkpoints that the ledger was compared with.")
    signed_sequence = serializers.IntegerField(help_text="The last event that one of them covers.")
    redacted = serializers.IntegerField(help_text="Events whose payload was redacted by retention.")
    merkle_root = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())


class CheckpointSerializer(serializers.Serializer[Any]):
    """A signed statement on the ledger up to `sequence`; `root` is the Merkle tree hash of RFC 9162."""

    format = serializers.CharField()
    ledger = serializers.CharField()
    sequence = serializers.IntegerField()
    events = serializers.IntegerField()
    head = serializers.CharField()
    root = serializers.CharField()  # type: ignore[assignment]  # JSON has a field of that name
    signed_at = serializers.DateTimeField()
    key = serializers.CharField()
    signature = serializers.CharField()
    public_key = serializers.CharField(allow_blank=True)


class CheckpointPageSerializer(serializers.Serializer[Any]):
    results = CheckpointSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    next = serializers.CharField(allow_null=True)


class InclusionSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    sequence = serializers.IntegerField()
    hash = serializers.CharField()
    tree_size = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoint = CheckpointSerializer()


class ConsistencySerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    old = serializers.IntegerField()
    new = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())
    checkpoints = CheckpointSerializer(many=True)
