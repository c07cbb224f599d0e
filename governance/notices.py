"""Who is told what at each step of a change, in words; must not decide the step or deliver the words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Q

from context.access import Principal, principal_for
from context.models import ContextItem, Domain, RoleGrant, User
from context.ownership import effective_owner_id, read_answering
from governance.audit import ledger
from governance.delegations import delegates_of
from governance.models import ITEM, ApproverRule, Change, Edit, NotificationKind, Review
from governance.notifying import notify
from governance.policies import DemandProgress, StageDemand
from governance.sight import may_see
from governance.summaries import weight_of

NAMED_AT_MOST = 3


def tell_submitted(
    *, change: Change, subject: ledger.Subject, progress: Sequence[DemandProgress], now: datetime
) -> None:
    """Those who may approve at the stages that wait now, and whoever stands in for them."""
    waiting = [each.current.stage for each in progress if each.current is not None]
    asked = approvers_of(waiting)
    told = who_may_read(change, asked - set(change.editors.values_list("pk", flat=True)) - {change.author_id})
    notify(
        people=told,
        kind=NotificationKind.REVIEW_REQUESTED,
        subject=subject,
        text=f"{change.author.display_name} asks for your decision on “{change.title}”{_weight(change)}.",
        url=f"/changes/{change.pk}/",
        now=now,
    )


def _weight(change: Change) -> str:
    """How much of it is substance, where texts are revised: ": 3 substantive, 41 editorial"."""
    edits = list(change.edits.select_related("kind", "domain", "item__domain", "item__kind", "item__current_version"))
    weight = weight_of(edits)
    return f": {weight}" if weight is not None else ""


def tell_reviewed(
    *,
    change: Change,
    subject: ledger.Subject,
    review: Review,
    before: Sequence[DemandProgress],
    after: Sequence[DemandProgress],
    now: datetime,
) -> None:
    """The author of what became of it; after an approval that opens the next stage, those who approve there."""
    who = review.reviewer_label
    if review.on_behalf_of_id is not None:
        who = f"{who}, in the place of {review.on_behalf_of_label},"
    kinds = {
        "reject": (NotificationKind.CHANGE_REJECTED, "rejected"),
        "request_changes": (NotificationKind.CHANGES_REQUESTED, "asks for changes to"),
    }
    if review.decision in kinds:
        kind, verb = kinds[review.decision]
        _tell_author(change, subject, kind, f"{who} {verb} “{change.title}”: {review.comment[:300]}", now)
    elif all(each.complete for each in after):
        text = f"{who} approved “{change.title}”. It can be published."
        _tell_author(change, subject, NotificationKind.CHANGE_APPROVED, text, now)
    else:
        reached = {each.current.stage.token for each in before if each.current is not None}
        opened = [each for each in after if each.current is not None and each.current.stage.token not in reached]
        if opened:
            tell_submitted(change=change, subject=subject, progress=opened, now=now)


def tell_published(*, change: Change, edits: Sequence[Edit], actor_id: int, now: datetime) -> None:
    """Whoever answers for the items, or stewards them: one notice a person, whatever the number of items."""
    answering = read_answering()
    items = ContextItem.objects.filter(key__in=[edit.key for edit in edits if edit.record == ITEM])
    items = items.select_related("owner")
    concerned: dict[int, list[tuple[str, int]]] = {}
    stewards: dict[int, list[int]] = {}
    rows = ContextItem.stewards.through._default_manager.filter(contextitem__in=items)
    for item_id, person in rows.values_list("contextitem_id", "user_id"):
        stewards.setdefault(item_id, []).append(person)
    for item in items:
        for person in {effective_owner_id(item, answering), *stewards.get(item.pk, ())}:
            if person is not None:
                concerned.setdefault(person, []).append((item.title, item.sensitivity))
    for edit in edits:
        if edit.record != ITEM:
            for named in {edit.owner_id, edit.base_owner_id, *edit.steward_ids}:
                if named is not None:
                    concerned.setdefault(named, []).append((edit.label, edit.sensitivity))
    for person, theirs in concerned.items():
        titles = ", ".join(f"“{title}”" for title, _ in theirs[:NAMED_AT_MOST])
        more = f" and {len(theirs) - NAMED_AT_MOST} more" if len(theirs) > NAMED_AT_MOST else ""
        notify(
            people=[person],
            kind=NotificationKind.ITEM_PUBLISHED,
            subject=ledger.Subject(
                type="change",
                id=str(change.pk),
                label=change.title,
                sensitivity=max(sensitivity for _, sensitivity in theirs),
            ),
            text=f"{titles}{more}: published by “{change.title}”.",
            url=f"/changes/{change.pk}/",
            now=now,
            but_not=actor_id,
        )


def tell_emergency(
    *, change: Change, subject: ledger.Subject, stages: Iterable[StageDemand], actor_id: int, now: datetime
) -> None:
    """Those who could have approved it and had no part in it: two of them have to ratify it afterwards."""
    involved = set(change.editors.values_list("pk", flat=True)) | {change.author_id, actor_id}
    notify(
        people=who_may_read(change, approvers_of(stages) - involved),
        kind=NotificationKind.RATIFICATION_ASKED,
        subject=subject,
        text=f"“{change.title}” was published in an emergency: {change.emergency_reason[:300]}",
        url=f"/changes/{change.pk}/",
        now=now,
    )


def tell_suspended(*, change: Change, subject: ledger.Subject, why: str, now: datetime) -> None:
    """Whoever scheduled it and its author: it did not happen, and why."""
    notify(
        people=[change.author_id, change.scheduled_by_id],
        kind=NotificationKind.CHANGE_SUSPENDED,
        subject=subject,
        text=f"“{change.title}” was due to be published and was not: {why}",
        url=f"/changes/{change.pk}/",
        now=now,
    )


def approvers_of(stages: Iterable[StageDemand]) -> set[int]:
    """Who may approve at one of these stages, those who stand in for them included. At most three queries and one.

    The same rule as `StageDemand.admits`, asked the other way round.
    """
    found: set[int] = set()
    groups: set[int] = set()
    roles: dict[str, set[int | None]] = {}
    owned: set[int | None] = set()
    for stage in stages:
        if stage.rule == ApproverRule.GROUP and stage.group_id is not None:
            groups.add(stage.group_id)
        elif stage.rule == ApproverRule.PERSON and stage.person_id is not None:
            found.add(stage.person_id)
        elif stage.rule == ApproverRule.ITEM_OWNER and stage.owner_id is not None:
            found.add(stage.owner_id)
        elif stage.rule == ApproverRule.DOMAIN_OWNER:
            owned.add(stage.domain_id)
        elif stage.rule == ApproverRule.ROLE:
            roles.setdefault(stage.role, set()).add(stage.domain_id)
    if groups:
        found |= set(User.objects.filter(groups__in=groups).values_list("pk", flat=True))
    if owned or roles:
        # What has no domain is for those alone who hold the role everywhere.
        above = _above(owned.union(*roles.values()))
        found |= set(
            Domain.objects.filter(pk__in={up for each in owned for up in above[each]}, owner__isnull=False).values_list(
                "owner_id", flat=True
            )
        )
        granted = Q(pk__in=[])
        for role, domains in roles.items():
            reach = {up for each in domains for up in above[each]}
            granted |= Q(role=role) & (Q(domain__isnull=True) | Q(domain_id__in=reach))
        found |= set(RoleGrant.objects.filter(granted).values_list("user_id", flat=True))
    for delegates in delegates_of(found).values():
        found |= delegates
    return found


def who_may_read(change: Change, people: Collection[int]) -> set[int]:
    """Those of these people who may see the change. Two queries and one for each of them; more where other records than
    items are edited, which are seen by role.
    """
    found = set()
    by_role = change.edits.exclude(record=ITEM).exists()
    for user in User.objects.filter(pk__in=people, is_active=True).prefetch_related("groups"):
        reader = (
            principal_for(user)
            if by_role
            else Principal(
                kind="person",
                id=user.pk,
                label=user.display_name,
                clearance=user.clearance,
                groups=frozenset(group.pk for group in user.groups.all()),
            )
        )
        if may_see(reader, change.pk):
            found.add(user.pk)
    return found


def _above(domain_ids: Iterable[int | None]) -> Mapping[int | None, set[int]]:
    parents = dict(Domain.objects.values_list("pk", "parent_id"))
    found: dict[int | None, set[int]] = {}
    for domain_id in domain_ids:
        chain: set[int] = set()
        at: int | None = domain_id
        while at is not None and at not in chain:
            chain.add(at)
            at = parents.get(at)
        found[domain_id] = chain
    return found


def _tell_author(change: Change, subject: ledger.Subject, kind: NotificationKind, text: str, now: datetime) -> None:
    notify(people=[change.author_id], kind=kind, subject=subject, text=text, url=f"/changes/{change.pk}/", now=now)
