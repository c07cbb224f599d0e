"""Finds how much of a domain no agent is ever given; must not call a text wrong for that.

One finding for a domain: that nobody reads a text is no fault of the text, and thousands of findings would be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.module_loading import import_string

from context.models import ContextItem, Domain, Sensitivity
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, evidence

NAMED = 50
TENTHS = 10


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Three statements a domain, and one for each source of use."""
    for domain in Domain.objects.filter(pk__in=subjects.domain_ids):
        days = int(context.number("unread_days", domain.pk))
        since = now - timedelta(days=days)
        items = ContextItem.objects.not_retired().filter(domain=domain, created_at__lt=since)
        ids = set(items.values_list("pk", flat=True))
        used = _read(since, now)
        if not ids or not used:
            continue  # where agents read nothing at all, that is not this domain's to mend
        unread = ids - used
        share = len(unread) / len(ids)
        if share * 100 < context.number("least_percent", domain.pk):
            continue
        # Names of texts that only some may know of are not told to whoever looks after the domain.
        open_ones = items.filter(pk__in=unread, sensitivity__lte=Sensitivity.INTERNAL, audiences__isnull=True)
        yield FindingDraft(
            cause={"domain": domain.slug},
            summary=f"Agents were given none of many texts of {domain.name} in {days} days.",
            evidence=evidence(
                sentence=f"Of {len(ids)} texts at least {days} days old, {len(unread)} were given to no agent.",
                figures={"Texts": len(ids), "Given to no agent": len(unread), "Share, %": round(share * 100)},
                keys=list(open_ones.order_by("key").values_list("key", flat=True)[:NAMED]),
            ),
            basis={"tenths": int(share * TENTHS)},
            domain_id=domain.pk,
            size=0.2 * share,
        )


def _read(since: datetime, now: datetime) -> set[int]:
    found: set[int] = set()
    for path in settings.USE_SOURCES.values():
        counted: Mapping[int, int] = import_string(path)(since=since, until=now, item_ids=None)
        found.update(counted)
    return found


DETECTOR = Detector(
    name="unread",
    question="How much of a domain is never given to any agent?",
    scope=Scope.DOMAIN,
    detect=detect,
    options=(
        Option(name="unread_days", default=180, least=1, most=3650, help="Given to no agent for so many days."),
        Option(
            name="least_percent",
            default=50,
            least=1,
            most=100,
            help="From this share of the domain's texts, in percent.",
        ),
    ),
)
