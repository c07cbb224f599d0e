"""Sources as they are shown and asked about; must hold no rule."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.api.fields import Input, Text, WholeNumber
from governance.drift.sources.places import LONGEST_NAME
from governance.drift.sources.texts import LARGEST_TEXT
from governance.models import WatchedSource


class IntervalInput(Input):
    interval_hours = WholeNumber(help_text="1, 6, 24, 168 or 720.")


class UploadInput(Input):
    name = Text(max_length=LONGEST_NAME, help_text="The name of the file, without folders.")
    text = Text(max_length=LARGEST_TEXT, help_text="What it says: Markdown, plain text or HTML by its name.")


class WatchedSourceSerializer(serializers.Serializer[WatchedSource]):
    """What is known of the source of an item; the texts themselves are in the evidence of its findings."""

    key = serializers.CharField(source="item.key")
    kind = serializers.CharField(help_text="git, url, database or upload.")
    uri = serializers.CharField()
    state = serializers.CharField(help_text="waiting, unchanged, changed or unreadable.")
    why = serializers.CharField(help_text="Why it is unreadable, as a word; empty where it is not.")
    reason = serializers.CharField(help_text="The same as a sentence.")
    is_asked = serializers.BooleanField(help_text="A reading was asked for and has not been made yet.")
    checked_at = serializers.DateTimeField(allow_null=True, help_text="When it was last tried.")
    fetched_at = serializers.DateTimeField(allow_null=True, help_text="When it last gave a text.")
    changed_at = serializers.DateTimeField(allow_null=True, help_text="When it was first seen to say what it says now.")
    next_check_at = serializers.DateTimeField()
    interval_hours = serializers.IntegerField(allow_null=True)
    follows = serializers.CharField(source="base_digest", help_text="The digest of the text that the item follows.")
    seen = serializers.CharField(source="seen_digest", help_text="The digest of the text as it was last read.")


def shown(row: WatchedSource) -> dict[str, Any]:
    return dict(WatchedSourceSerializer(row).data)
