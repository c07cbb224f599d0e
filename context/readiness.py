"""Is our context ready for agents? Figures for five questions, per domain and overall; must not change or store any.

What the upper floors know of it comes through `READINESS_SOURCES`: each gives figures by domain id, None for overall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.conf import settings
from django.utils.module_loading import import_string

from context.access import Principal
from context.inventory import DomainReadiness, read_inventory
from context.models import ContextItem, Domain
from context.statements import rows

Question = Literal["inventory", "currency", "consistency", "governance", "architecture"]
Figures = Mapping[str, float | None]
FiguresByDomain = Mapping[int | None, Figures]
Source = Callable[..., FiguresByDomain]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One figure: which question it answers, what it is called, its unit, and whether more of it is better."""

    name: str
    question: Question
    label: str
    unit: str = ""
    more_is_better: bool | None = None


MEASURES = (
    Measure(name="texts", question="inventory", label="Texts"),
    Measure(name="needed", question="inventory", label="Required by contracts"),
    Measure(name="met", question="inventory", label="Of these, there and usable", more_is_better=True),
    Measure(name="slots", question="inventory", label="Expected kinds that are missing", more_is_better=False),
    Measure(name="verified_percent", question="currency", label="Verified in time", unit="%", more_is_better=True),
    Measure(name="overdue", question="currency", label="Verification overdue", more_is_better=False),
    Measure(
        name="age_percent",
        question="currency",
        label="Median age against the review interval",
        unit="%",
        more_is_better=False,
    ),
    Measure(name="contradictions", question="consistency", label="Open contradictions", more_is_better=False),
    Measure(
        name="one_snapshot_percent",
        question="consistency",
        label="Runs that read one snapshot",
        unit="%",
        more_is_better=True,
    ),
    Measure(name="owned_percent", question="governance", label="Texts with an owner", unit="%", more_is_better=True),
    Measure(name="own_policies", question="governance", label="Approval policies of its own"),
    Measure(
        name="approval_days", question="governance", label="Median days to approve", unit="days", more_is_better=False
    ),
    Measure(name="contracts", question="architecture", label="Contracts"),
    Measure(name="contracts_holding", question="architecture", label="Contracts that hold today", more_is_better=True),
)
QUESTIONS: Mapping[Question, str] = {
    "inventory": "Is what agents need there?",
    "currency": "Is it current?",
    "consistency": "Does it agree with itself?",
    "governance": "Does somebody answer for it?",
    "architecture": "Do agents get what they were promised?",
}

# Ages since a text was last confirmed, as a share of its interval; over texts that the reader may know.
_AGES = """
SELECT domain_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY share), grouping(domain_id) FROM (
    SELECT domain_id, extract(epoch FROM %(now)s - coalesce(verified_at, created_at)) / 864.0
        / greatest(review_interval_days, 1) AS share
    FROM context_contextitem WHERE id = ANY (%(items)s::bigint[])
) aged GROUP BY GROUPING SETS ((domain_id), ())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Readiness:
    """`domains` as the inventory has them; `figures` by domain id, None for all of them, each by measure."""

    domains: list[DomainReadiness]
    figures: Mapping[int | None, Figures]

    def of(self, domain: Domain | None) -> Figures:
        return self.figures.get(domain.pk if domain is not None else None, {})


def read_readiness(*, principal: Principal, now: datetime) -> Readiness:
    """All figures over what the principal may see. Seven queries, and those of the sources."""
    domains = read_inventory(principal=principal, now=now)
    figures: dict[int | None, dict[str, float | None]] = {entry.domain.pk: _counted([entry]) for entry in domains}
    figures[None] = _counted(domains)
    visible = ContextItem.objects.visible_to(principal).not_retired()
    ids = list(visible.order_by().values_list("pk", flat=True))
    for domain_id, share, overall in rows(_AGES, {"items": ids, "now": now}):
        place = None if overall else domain_id
        if share is not None and place in figures:
            figures[place]["age_percent"] = round(float(share), 1)
    for dotted in settings.READINESS_SOURCES.values():
        source: Source = import_string(dotted)
        for place, found in source(principal=principal, now=now).items():
            if place in figures:
                figures[place] = {**figures[place], **found}
    return Readiness(domains=domains, figures=figures)


def _counted(entries: list[DomainReadiness]) -> dict[str, float | None]:
    texts = sum(entry.items for entry in entries)
    owned = texts - sum(entry.unowned for entry in entries)
    verified = sum(entry.verified for entry in entries)
    return {
        "texts": texts,
        "verified": verified,
        "verified_percent": round(100 * verified / texts, 1) if texts else None,
        "overdue": sum(entry.overdue for entry in entries),
        "owned_percent": round(100 * owned / texts, 1) if texts else None,
    }
