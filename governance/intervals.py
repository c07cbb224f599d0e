"""The review interval a new text gets where its author gives none; must not touch intervals that were approved."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from context.access import principal_for
from context.errors import InvalidInput, NotPermitted
from context.models import Kind, Sensitivity, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.configuration import record_configuration_change
from governance.models import ReviewInterval
from governance.models.intervals import LONGEST_INTERVAL_DAYS


def interval_for(*, kind: Kind, sensitivity: int, intervals: Iterable[ReviewInterval] | None = None) -> int:
    """Days: the entry for both, else for the kind, else for the sensitivity, else for all, else the kind's own.

    One query, none where `intervals` are given.
    """
    rows = ReviewInterval.objects.all() if intervals is None else intervals
    days = {(row.kind_id, row.sensitivity): row.days for row in rows}
    for place in ((kind.pk, sensitivity), (kind.pk, None), (None, sensitivity), (None, None)):
        if place in days:
            return days[place]
    return kind.default_review_interval_days


def set_interval(
    *, actor: User, kind: Kind | None, sensitivity: int | None, days: int | None, now: datetime
) -> ReviewInterval | None:
    """Set the interval for new items of this kind at this sensitivity, or, with `days` None, take the entry away."""
    principal = principal_for(actor)
    with denials_recorded(
        actor=principal,
        action="governance.reviewinterval.set",
        subject=lambda: ledger.Subject(
            type="reviewinterval", id=kind.slug if kind else "all", label=f"Interval of {kind or 'every kind'}"
        ),
        now=now,
        data={"sensitivity": sensitivity, "days": days},
    ):
        if not principal.has_role("administrator"):
            raise NotPermitted("Review intervals are set by administrators.", fix="Ask one of them.")
    if days is not None and (isinstance(days, bool) or not 1 <= days <= LONGEST_INTERVAL_DAYS):
        raise InvalidInput(
            "The interval must be a number of days.",
            field="days",
            limit=LONGEST_INTERVAL_DAYS,
            fix=f"Give a whole number from 1 to {LONGEST_INTERVAL_DAYS}.",
        )
    if sensitivity is not None and sensitivity not in Sensitivity.values:
        raise InvalidInput("That is not a sensitivity.", field="sensitivity", fix="Use a number from 0 to 3.")
    row = ReviewInterval.objects.filter(kind=kind, sensitivity=sensitivity).first()
    if days is None:
        if row is not None:
            record_configuration_change(actor=actor, instance=row, verb="deleted", write=row.delete, now=now)
        return None
    if row is None:
        row, verb = ReviewInterval(kind=kind, sensitivity=sensitivity, days=days), "created"
    elif row.days == days:
        return row
    else:
        row.days, verb = days, "changed"
    record_configuration_change(actor=actor, instance=row, verb=verb, write=row.save, now=now)
    return row
