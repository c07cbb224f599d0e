"""How receipts, the skew map, changes to wait for and signing keys read in JSON; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents.models import ReceiptKind

STANDINGS = ("behind", "lapsed", "current", "never")


class ChangeStateSerializer(serializers.Serializer[Any]):
    contract = serializers.SlugField()
    state = serializers.CharField(help_text="Send it as `since` next time.")
    changed = serializers.BooleanField()


class SigningKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField(help_text="The first 16 hexadecimal digits of the SHA-256 of the public key.")
    public_key = serializers.CharField(help_text="The 32 bytes of an Ed25519 public key, base64.")
    algorithm = serializers.CharField()
    current = serializers.BooleanField(help_text="Whether this installation signs with it now.")


class SigningKeysSerializer(serializers.Serializer[Any]):
    keys = SigningKeySerializer(many=True)


class ReceiptRecordSerializer(serializers.Serializer[Any]):
    receipt = serializers.IntegerField()
    kind = serializers.ChoiceField(ReceiptKind.values)
    agent = serializers.IntegerField()
    key = serializers.CharField()
    bundle = serializers.CharField()
    served_at = serializers.CharField()
    lease_until = serializers.CharField(allow_null=True)
    request_id = serializers.CharField(allow_blank=True)
    task = serializers.CharField(allow_blank=True)


class SealSerializer(serializers.Serializer[Any]):
    event = serializers.IntegerField(help_text="Its event in the audit ledger.")
    receipts = serializers.CharField(help_text="The run of receipts that it seals: first-last.")
    size = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]  # JSON has a field of that name
    index = serializers.IntegerField()
    path = serializers.ListField(child=serializers.CharField())


class ReceiptSerializer(serializers.Serializer[Any]):
    receipt = ReceiptRecordSerializer()
    agent = serializers.SlugField()
    contract = serializers.SlugField()
    contract_version = serializers.IntegerField()
    seal = SealSerializer(allow_null=True, help_text="Null until it is sealed, within seconds.")


class MovedOnSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    held = serializers.IntegerField()
    now = serializers.IntegerField(allow_null=True)
    since = serializers.DateTimeField()


class HoldingSerializer(serializers.Serializer[Any]):
    agent = serializers.SlugField(source="agent.slug")
    contract = serializers.SlugField(source="contract.slug")
    standing = serializers.ChoiceField(STANDINGS)
    contract_version = serializers.IntegerField(allow_null=True)
    current_contract_version = serializers.IntegerField(allow_null=True)
    texts = serializers.IntegerField()
    behind = serializers.IntegerField()
    behind_since = serializers.DateTimeField(allow_null=True)
    moved_on = MovedOnSerializer(many=True)
    bundle = serializers.CharField(allow_blank=True)
    held_since = serializers.DateTimeField(allow_null=True)
    last_told_at = serializers.DateTimeField(allow_null=True)
    lease_until = serializers.DateTimeField(allow_null=True)


class SkewSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    summary = serializers.DictField(child=serializers.IntegerField())
    holdings = HoldingSerializer(many=True)
