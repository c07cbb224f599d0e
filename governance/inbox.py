"""What waits for one person, and in which order: reviews, verifications, findings, own changes; must not write."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.module_loading import import_string

from context.access import Principal, other_accounts_of
from context.models import ContextItem
from context.ownership import Answering, read_answering
from governance.deadlines import Judged, StageDeadline, changes_in_review, escalates_to, judged
from governance.debt import QueuedItem, due_by, items_answered_by, queued
from governance.delegations import StandIn, standing_in_for
from governance.emergencies import PEOPLE_AFTERWARDS
from governance.models import Change, ChangeState, Decision, Finding, Ratification, RatificationVerdict
from governance.reviews import MayReview, may_review

# A rejected change stays in its author's inbox for so long, unless it is reopened.
REJECTED_SHOWN_DAYS = 30
NO_DATE = date.max
STALE = "stale"  # the detector of texts that nobody confirmed in time


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxEntry:
    """One thing that waits. `kind` is review, ratification, verification, finding, draft, changes_requested, approved,
    suspended, rejected or escalation, or what an upper floor adds; `subject` is `type:id`; `debt` orders what is due
    on one day.
    """

    kind: str
    title: str
    why: str
    due_at: datetime | None
    url: str
    debt: float
    subject: str

    def is_overdue(self, now: datetime) -> bool:
        return self.due_at is not None and self.due_at < now


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A change that this person may decide on now, the stage it is at and when that is due."""

    change: Change
    stage: str
    due_at: datetime | None
    on_behalf_of: str = ""


# An inbox source takes who asks and the moment, and gives entries of its own.
InboxSource = Callable[..., Iterable[InboxEntry]]


def inbox_for(*, principal: Principal, now: datetime) -> list[InboxEntry]:
    """Everything that waits for this person: by the day it is due, then the greatest debt. What has no date is last.

    About twenty queries, six more for each person they stand in for, however much there is.
    """
    if principal.kind != "person":
        return []
    answering = read_answering()
    in_review = changes_in_review(principal)
    waiting = _waiting(principal, in_review)
    entries = [_review_entry(each, principal) for each in waiting]
    entries += _late_stages(principal, in_review, {each.change.pk for each in waiting}, answering, now)
    texts = _texts(principal, answering, now)
    entries += texts
    entries += _ratifications(principal)
    entries += _findings(principal, answering, now, texts=[entry.subject for entry in texts])
    entries += _own_changes(principal, now)
    for path in settings.INBOX_SOURCES.values():
        source: InboxSource = import_string(path)
        entries += source(principal=principal, now=now)
    return sorted(entries, key=_place)


def waiting_for(principal: Principal) -> list[Waiting]:
    """The changes in review that this person may decide on now, the longest waiting first. About twenty queries."""
    if principal.kind != "person":
        return []
    return _waiting(principal, changes_in_review(principal))


def overdue_items(principal: Principal, *, now: datetime) -> list[ContextItem]:
    """The texts this person answers for or stewards that nobody confirmed in time, the longest overdue first."""
    items = due_by(items_answered_by(principal), now).select_related("kind", "domain", "current_version")
    return list(items.order_by(Coalesce("verified_until", "created_at"), "key"))


def _waiting(principal: Principal, in_review: Sequence[Judged]) -> list[Waiting]:
    stand_ins = [(each, _readable_by(each.principal, in_review)) for each in standing_in_for(principal.id)]
    others = other_accounts_of(principal)
    found = []
    for each in in_review:
        usable = [stand_in for stand_in, readable in stand_ins if each.change.pk in readable]
        verdict = may_review(each.change, principal, each.progress, usable, others)
        if verdict.allowed:
            deadline = _own_deadline(each, principal, verdict)
            found.append(
                Waiting(
                    change=each.change,
                    stage=deadline.stage.name if deadline else "",
                    due_at=deadline.due_at if deadline else None,
                    on_behalf_of=verdict.stand_in.principal.label if verdict.stand_in is not None else "",
                )
            )
    return found


def _readable_by(absent: Principal, in_review: Sequence[Judged]) -> set[int]:
    changes = Change.objects.visible_to(absent).filter(pk__in=[each.change.pk for each in in_review])
    return set(changes.values_list("pk", flat=True)) if in_review else set()


def _own_deadline(judged: Judged, principal: Principal, verdict: MayReview) -> StageDeadline | None:
    def theirs(deadline: StageDeadline, stand_in: StandIn | None) -> bool:
        if stand_in is None:
            return deadline.stage.admits(principal)
        return stand_in.covers(deadline.stage.domain_id) and deadline.stage.admits(stand_in.principal)

    return next((each for each in judged.deadlines if theirs(each, verdict.stand_in)), None)


def _review_entry(waiting: Waiting, principal: Principal) -> InboxEntry:
    place = f", in the place of {waiting.on_behalf_of}" if waiting.on_behalf_of else ""
    return InboxEntry(
        kind="review",
        title=waiting.change.title,
        why=f"{waiting.change.author.display_name} asks for your decision{place}: {waiting.stage}.",
        due_at=waiting.due_at,
        url=f"/changes/{waiting.change.pk}/",
        debt=0.0,
        subject=f"change:{waiting.change.pk}",
    )


def _late_stages(
    principal: Principal, in_review: Sequence[Judged], mine: set[int], answering: Answering, now: datetime
) -> list[InboxEntry]:
    """Decisions in this person's domains that others did not take in time."""
    found = []
    for each in in_review:
        late = [
            deadline
            for deadline in each.deadlines
            if deadline.due_at <= now and escalates_to(each, deadline, answering) == principal.id
        ]
        if late and each.change.pk not in mine:
            found.append(
                InboxEntry(
                    kind="escalation",
                    title=each.change.title,
                    why=f"Nobody decided in time: {late[0].stage.name} ({late[0].stage.who}).",
                    due_at=late[0].due_at,
                    url=f"/changes/{each.change.pk}/",
                    debt=0.0,
                    subject=f"change:{each.change.pk}",
                )
            )
    return found


def _texts(principal: Principal, answering: Answering, now: datetime) -> list[InboxEntry]:
    """Texts to be verified, due soon or overdue, and those of others in this person's domains that are past grace."""
    ahead = now + timedelta(days=settings.VERIFICATION_REMIND_DAYS)
    own = due_by(items_answered_by(principal, answering), ahead)
    own_items = list(own.select_related("domain", "owner"))
    grace = now - timedelta(days=settings.VERIFICATION_GRACE_DAYS)
    others = due_by(ContextItem.objects.visible_to(principal), grace).filter(answering.escalated_to(principal.id))
    held = {item.pk for item in own_items}
    late = [item for item in others.select_related("domain", "owner") if item.pk not in held]
    return [_text_entry(each, now, escalated=each.item.pk not in held) for each in queued([*own_items, *late], now=now)]


def _text_entry(each: QueuedItem, now: datetime, *, escalated: bool) -> InboxEntry:
    item, days = each.item, (now - each.due_at).days
    if escalated and item.owner is not None:
        why = f"{item.owner.display_name} has not verified it for {days} days since it was due."
    elif each.due_at > now:
        why = f"To be verified by {each.due_at:%d %B %Y}."
    else:
        why = f"Overdue {days} days." if days else "To be verified today."
    return InboxEntry(
        kind="escalation" if escalated else "verification",
        title=item.title,
        why=why,
        due_at=each.due_at,
        url=f"/items/{item.key}/",
        debt=each.debt.points,
        subject=f"item:{item.key}",
    )


def _ratifications(principal: Principal) -> list[InboxEntry]:
    """Emergency publications that too few people have confirmed and this person, who had no part in them, may."""
    given = Ratification.objects.filter(change=OuterRef("pk"))
    counted = given.filter(verdict=RatificationVerdict.RATIFY).order_by().values("change").annotate(n=Count("pk"))
    waiting = (
        Change.objects.visible_to(principal)
        .filter(~Exists(given.filter(person_id=principal.id)), state=ChangeState.PUBLISHED)
        .exclude(Q(emergency_reason="") | Q(published_by_id=principal.id))
        .annotate(ratified=Coalesce(Subquery(counted.values("n")), 0))
        .filter(ratified__lt=PEOPLE_AFTERWARDS)
    )
    return [
        InboxEntry(
            kind="ratification",
            title=each.change.title,
            why=f"Published in an emergency: {each.change.emergency_reason}"[:400],
            due_at=each.change.published_at,
            url=f"/changes/{each.change.pk}/",
            debt=0.0,
            subject=f"change:{each.change.pk}",
        )
        for each in judged(waiting)
        if principal.id not in each.editor_ids
        and any(stage.stage.admits(principal) for progress in each.progress for stage in progress.stages)
    ]


def _findings(principal: Principal, answering: Answering, now: datetime, *, texts: Collection[str]) -> list[InboxEntry]:
    """Findings of this person, those that nobody else has in their domains, and others' there that are late.

    That a text was not confirmed in time stands there already where the text does, and is told once.
    """
    first = [domain for domain, chain in answering.chains.items() if chain[:1] == (principal.id,)]
    reach = [domain for domain, chain in answering.chains.items() if principal.id in chain]
    nobodys = Q(owner__isnull=True) | Q(owner__is_active=False)
    mine = Q(owner_id=principal.id) | (Q(domain_id__in=first) & nobodys)
    late = Q(domain_id__in=reach, due_at__lte=now)
    found = []
    for finding in Finding.objects.visible_to(principal).awaiting(now).filter(mine | late).select_related("owner"):
        has_owner = finding.owner is not None and finding.owner.is_active
        escalated = has_owner and finding.owner_id != principal.id
        if escalated and answering.above(finding.domain_id, finding.owner_id) != principal.id:
            continue
        if not escalated and not has_owner and answering.for_domain(finding.domain_id) != principal.id:
            continue
        overdue = finding.detector == STALE and finding.evidence.get("confirmable", True)
        if overdue and f"item:{finding.subject_id}" in texts:
            continue
        found.append(
            InboxEntry(
                kind="escalation" if escalated else "finding",
                title=finding.subject_label,
                why=finding.summary,
                due_at=finding.due_at,
                url=f"/findings/{finding.pk}/",
                debt=float(finding.severity),
                subject=f"finding:{finding.pk}",
            )
        )
    return found


def _own_changes(principal: Principal, now: datetime) -> list[InboxEntry]:
    """What this person has begun and must go on with: drafts, those sent back, approved, suspended and rejected."""
    states = Q(state__in=[ChangeState.DRAFT, ChangeState.APPROVED])
    states |= Q(state=ChangeState.SCHEDULED) & ~Q(suspended_because="")
    states |= Q(state=ChangeState.REJECTED, decided_at__gte=now - timedelta(days=REJECTED_SHOWN_DAYS))
    # One query with the rows of the relation, so that a change is there once.
    own = Change.editors.through._default_manager.filter(user_id=principal.id).values("change_id")
    changes = Change.objects.visible_to(principal).filter(states, pk__in=own).prefetch_related("reviews")
    return [_own_entry(change) for change in changes]


def _own_entry(change: Change) -> InboxEntry:
    last = max(change.reviews.all(), key=lambda review: (review.created_at, review.pk), default=None)
    kind, why, due_at = change.state, "", None
    if change.state == ChangeState.SCHEDULED:
        kind, why, due_at = "suspended", f"It was not published: {change.suspended_because}", change.publish_at
    elif change.state == ChangeState.APPROVED:
        why = "It is approved and waits to be published."
    elif last is not None and (change.state == ChangeState.REJECTED or last.decision == Decision.REQUEST_CHANGES):
        kind = "rejected" if change.state == ChangeState.REJECTED else "changes_requested"
        why = f"{last.reviewer_label}: {last.comment}"[:400]
    else:
        why = f"A draft, last edited on {change.updated_at:%d %B %Y}."
    return InboxEntry(
        kind=kind,
        title=change.title,
        why=why,
        due_at=due_at,
        url=f"/changes/{change.pk}/",
        debt=0.0,
        subject=f"change:{change.pk}",
    )


def _place(entry: InboxEntry) -> tuple[date, float, str, str]:
    due = entry.due_at.astimezone(UTC).date() if entry.due_at is not None else NO_DATE
    return (due, -entry.debt, entry.kind, entry.title)
