"""What a change would touch beyond its own items, before anybody approves it; must not write or know an upper floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from context.access import Principal
from context.models import ContextItem, Relation
from governance.models import ITEM, Change


@dataclass(frozen=True, kw_only=True, slots=True)
class Touched:
    """One thing that depends on an item of the change: `why` in words, `url` where it has a page.

    `figures` are counts under names that stay, such as deliveries; `last_at` is the last of what they count.
    """

    kind: str
    label: str
    why: str
    url: str = ""
    figures: Mapping[str, int] = field(default_factory=dict)
    last_at: datetime | None = None


# An impact source takes the change, its keys and who asks, and gives what it knows to be touched.
ImpactSource = Callable[[Change, Sequence[str], Principal], list[Touched]]


def impact_of(*, change: Change, principal: Principal) -> list[Touched]:
    """Items that refer to the change's items, then what the upper floors add through `IMPACT_SOURCES`."""
    keys = list(change.edits.filter(record=ITEM).values_list("key", flat=True))
    touched = _referring_items(keys, principal)
    for path in settings.IMPACT_SOURCES.values():
        source: ImpactSource = import_string(path)
        touched += source(change, keys, principal)
    return touched


def _referring_items(keys: Sequence[str], principal: Principal) -> list[Touched]:
    visible = ContextItem.objects.visible_to(principal).values("pk")
    relations = (
        Relation.objects.filter(target__key__in=keys, source__in=visible, target__in=visible)
        .exclude(source__key__in=keys)
        .select_related("source", "target")
        .order_by("source__key", "type")
    )
    return [
        Touched(
            kind="item",
            label=relation.source.title,
            why=f"{relation.get_type_display()} {relation.target.title}",
            url=f"/items/{relation.source.key}/",
        )
        for relation in relations
    ]
