"""When a version is in force: the one condition behind every `in_force`; must not know who asks."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q


def in_force_at(at: datetime, prefix: str = "") -> Q:
    """The condition for a version to be in force at `at`: known by then, true then, and not yet superseded."""
    return (
        Q(**{f"{prefix}published_at__lte": at, f"{prefix}valid_from__lte": at})
        & (Q(**{f"{prefix}valid_to__isnull": True}) | Q(**{f"{prefix}valid_to__gt": at}))
        & (Q(**{f"{prefix}superseded_at__isnull": True}) | Q(**{f"{prefix}superseded_at__gt": at}))
    )
