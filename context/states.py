"""The state of an item at a moment, as one word and as a database expression; must not change anything."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Case, Exists, OuterRef, Q, Value, When

from context.models import ContextItem, ContextVersion


class ItemState(models.TextChoices):
    """In force and confirmed; in force but nobody confirmed it in time; not yet; no longer; taken out."""

    IN_FORCE = "in_force", "In force and verified"
    OVERDUE = "overdue", "Verification overdue"
    SCHEDULED = "scheduled", "Scheduled"
    EXPIRED = "expired", "Expired"
    RETIRED = "retired", "Retired"


def with_state(items: models.QuerySet[ContextItem], *, at: datetime) -> models.QuerySet[ContextItem]:
    """`items` annotated with `state` (a word of ItemState) as it is at `at`. No query of its own."""
    versions = ContextVersion.objects.filter(item=OuterRef("pk"))
    in_force = Exists(versions.in_force(at))
    to_come = Exists(versions.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=at), valid_from__gt=at))
    return items.annotate(
        state=Case(
            When(retired_at__lte=at, then=Value(ItemState.RETIRED.value)),
            When(~in_force & to_come, then=Value(ItemState.SCHEDULED.value)),
            When(~in_force, then=Value(ItemState.EXPIRED.value)),
            When(Q(verified_until__isnull=True) | Q(verified_until__lt=at), then=Value(ItemState.OVERDUE.value)),
            default=Value(ItemState.IN_FORCE.value),
            output_field=models.CharField(),
        )
    )
