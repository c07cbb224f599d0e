"""What changed since a detector last looked, and what lies beside it: the subjects of an incremental scan."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from context.models import ContextItem, ContextVersion, Relation
from governance.models import AuditEvent

# The ledger is in the order of commits, so that nothing slips between two scans; times of rows are not.
CHANGING = ("context.version.published", "context.item.retired", "context.item.verified")


def ledger_head() -> int:
    """The last event that is there now."""
    head = AuditEvent.objects.order_by("-sequence").values_list("sequence", flat=True).first()
    return head or 0


def changed_items(*, after_sequence: int, after: datetime, until: datetime) -> set[int]:
    """Ids of items written, verified or retired after that event, and of those whose time came or ended since."""
    events = AuditEvent.objects.filter(sequence__gt=after_sequence, subject_type="item", action__in=CHANGING)
    keys = set(events.values_list("subject_id", flat=True))
    found = set(ContextItem.objects.filter(key__in=keys).values_list("pk", flat=True))
    passed = {"gt": after, "lte": until}
    turned = Q()
    for column in ("valid_from", "valid_to", "superseded_at"):
        turned |= Q(**{f"{column}__{operator}": moment for operator, moment in passed.items()})
    return found | set(ContextVersion.objects.filter(turned).values_list("item_id", flat=True))


def with_related(changed: set[int]) -> set[int]:
    """These items, and those they are related to in either direction."""
    if not changed:
        return set()
    ids = sorted(changed)
    found = set(changed)
    found.update(Relation.objects.filter(source_id__in=ids).values_list("target_id", flat=True))
    found.update(Relation.objects.filter(target_id__in=ids).values_list("source_id", flat=True))
    return found
