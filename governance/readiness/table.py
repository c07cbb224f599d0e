"""The table of critical context: function, context, source, how often, owner, state; what is missing is a row too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from context.access import Principal
from context.models import ContextItem, Domain
from context.states import ItemState, with_state
from governance.drift.sources.places import KIND_WORDS
from governance.models import Finding
from governance.readiness.starting_points import DETECTOR

MISSING = "missing"
HEADS = ("function", "critical_context", "kind", "key", "source", "update_every_days", "updated_on", "owner", "state")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One text, or one kind that is missing: then `key` is empty, and `finding` is the task to fill it."""

    domain: Domain
    context: str
    kind: str
    key: str
    source: str
    every_days: int | None
    updated_at: datetime | None
    owner: str
    state: str
    finding: int | None = None
    kind_slug: str = ""

    @property
    def state_words(self) -> str:
        return "Missing" if self.state == MISSING else str(ItemState(self.state).label)

    @property
    def cells(self) -> list[Any]:
        return [
            self.domain.name,
            self.context,
            self.kind,
            self.key,
            self.source,
            self.every_days if self.every_days is not None else "",
            self.updated_at.date().isoformat() if self.updated_at else "",
            self.owner,
            self.state_words,
        ]


def missing_in(*, principal: Principal, domain: Domain | None = None) -> list[Entry]:
    """The slots that were declared and hold nothing, as far as the principal may know of them. One query."""
    found = Finding.objects.visible_to(principal).unsettled().filter(detector=DETECTOR, domain__isnull=False)
    if domain is not None:
        found = found.filter(domain=domain)
    return [
        Entry(
            domain=finding.domain,
            context=finding.summary,
            kind=str(finding.evidence.get("kind", "")).replace("_", " "),
            kind_slug=str(finding.evidence.get("kind", "")),
            key="",
            source="",
            every_days=None,
            updated_at=None,
            owner=finding.owner.display_name if finding.owner else "",
            state=MISSING,
            finding=finding.pk,
        )
        for finding in found.select_related("domain", "owner").order_by("domain__name", "pk")
        if finding.domain is not None
    ]


def entries(
    *, principal: Principal, now: datetime, domain: Domain | None = None, most: int | None = None
) -> Iterator[Entry]:
    """Texts by function, kind and title, after what is missing. Two queries, rows read as they are asked for."""
    yield from missing_in(principal=principal, domain=domain)
    items = ContextItem.objects.visible_to(principal).not_retired()
    if domain is not None:
        items = items.filter(domain=domain)
    rows: Any = with_state(items, at=now).select_related("kind", "owner", "current_version", "domain")
    rows = rows.defer("current_version__body", "current_version__data", "current_version__claims")
    rows = rows.order_by("domain__name", "kind__name", "title", "pk")
    for item in rows[:most] if most is not None else rows.iterator(chunk_size=500):
        version = item.current_version
        yield Entry(
            domain=item.domain,
            context=item.title,
            kind=item.kind.name,
            key=item.key,
            source=KIND_WORDS.get(item.source_kind, item.source_kind) or "written here",
            every_days=item.review_interval_days,
            updated_at=version.published_at if version is not None else None,
            owner=item.owner.display_name if item.owner else "",
            state=item.state,
        )
