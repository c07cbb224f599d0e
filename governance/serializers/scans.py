"""Scans for drift as they are shown; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.api.fields import Input, Text
from governance.drift.scan import progress_of
from governance.models import Scan


class ScanInput(Input):
    full = serializers.BooleanField(default=False, help_text="Look at everything, not only at what changed.")
    domain = Text(max_length=60, required=False, help_text="Only in this domain and below it.")
    detectors = serializers.ListField(
        child=Text(max_length=40), required=False, max_length=50, help_text="Only these; all unless said."
    )


class ProgressSerializer(serializers.Serializer[Any]):
    """`done` of `shards` parts are done; the rest counts findings so far."""

    shards = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    share = serializers.FloatField(help_text="From 0 to 1.")
    items = serializers.IntegerField(help_text="Texts looked at, once for each detector.")
    opened = serializers.IntegerField()
    reopened = serializers.IntegerField()
    changed = serializers.IntegerField()
    resolved = serializers.IntegerField()
    standing = serializers.IntegerField(help_text="Seen again, unchanged.")
    seconds = serializers.FloatField(help_text="Of work, over all workers.")


class ScanSerializer(serializers.Serializer[Scan]):
    id = serializers.IntegerField()
    full = serializers.BooleanField()
    domain = serializers.CharField(source="domain.slug", default=None, allow_null=True)
    detectors = serializers.ListField(child=serializers.CharField())
    state = serializers.CharField(help_text="waiting, running, done, or incomplete: a part of it failed.")
    requested_by = serializers.CharField(source="requested_by.display_name", default=None, allow_null=True)
    requested_at = serializers.DateTimeField()
    planned_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    progress = serializers.SerializerMethodField()

    def get_progress(self, scan: Scan) -> dict[str, Any]:
        return dict(ProgressSerializer(progress_of(scan)).data)
