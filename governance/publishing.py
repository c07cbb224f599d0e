"""The only pen: turns an approved change into context in force, at once or at a time; must not judge its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from context import embeddings, passages
from context.access import SYSTEM, Principal, principal_for
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import ContextItem, User
from context.row_security import reading_as_system
from governance.audit import ledger
from governance.change_state import attempting, change_digest, get_change, loaded_edits, lock_change, subject_of, touch
from governance.changes import create_change
from governance.edits import EditInput, StaleBase, check_bases
from governance.governed import lock_records
from governance.governed_edits import check_record_bases
from governance.models import ITEM, Change, ChangeState, Decision, Edit, Operation
from governance.notices import tell_emergency, tell_published, tell_suspended
from governance.pen import Pen, ValidityOver
from governance.permissions import may_publish
from governance.policies import Demand, demands_of, progress_of
from governance.reviews import ApprovalVoid
from governance.screening import ScreeningUnread, acknowledged, require_acknowledged


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """What a publication did: the change, and the keys it published and retired. `scheduled_for` where it waits."""

    change: Change
    published: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    scheduled_for: datetime | None = None


class ApprovalIncomplete(Conflict):
    """The policies, as they stand now, ask for more than was approved."""

    type = "approval-incomplete"
    title = "The change is not approved"


def publish_change(*, actor: User, change_id: int, now: datetime, at: datetime | None = None) -> Publication:
    """Publish an approved change now, or schedule it for `at`.

    Everything it does happens in one transaction: versions, relations, passages, audit events. Raises StaleBase
    where an item has moved on, ApprovalVoid or ApprovalIncomplete where what stands is not what was approved.
    """
    principal = principal_for(actor)
    if at is not None and at > now:
        return _schedule(actor, principal, change_id, now, at)
    change = get_change(principal=principal, change_id=change_id)
    prepared = _prepare_passages(change)
    with attempting("publish", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_publisher(change, principal)
        return _publish(change, actor, principal, prepared, _database_time(now))


def publish_without_approval(
    *, actor: User, change_id: int, reason: str, now: datetime, screening: str = ""
) -> Publication:
    """Publish a change in review at once. For governance/emergencies.py, which judges who may and why."""
    principal = principal_for(actor)
    prepared = _prepare_passages(get_change(principal=principal, change_id=change_id))
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        if change.state not in (ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.SCHEDULED):
            raise Conflict(
                f"Change {change.pk} is {change.get_state_display().lower()}.", field="state", fix="Submit it first."
            )
        edits = loaded_edits(change)
        warnings = acknowledged(change, edits, screening=screening)
        change.emergency_reason = reason
        stages = [stage for demand in demands_of(edits) for stage in demand.stages]
        tell_emergency(change=change, subject=subject_of(change), stages=stages, actor_id=actor.pk, now=now)
        return _publish(change, actor, principal, prepared, _database_time(now), warnings=warnings)


def publish_due_changes(*, now: datetime) -> list[int]:
    """Publish every scheduled change whose time has come; one whose base moved is suspended and says so."""
    done = []
    due = Change.objects.filter(state=ChangeState.SCHEDULED, publish_at__lte=now, suspended_because="")
    for change_id in list(due.order_by("publish_at").values_list("pk", flat=True)):
        try:
            prepared = _prepare_passages(Change.objects.get(pk=change_id))
            with transaction.atomic():
                change = Change.objects.select_for_update().get(pk=change_id)
                if change.state != ChangeState.SCHEDULED or change.scheduled_by is None:
                    continue
                _publish(change, change.scheduled_by, SYSTEM, prepared, _database_time(now))
            done.append(change_id)
        except (StaleBase, ApprovalVoid, ApprovalIncomplete, ScreeningUnread, ValidityOver) as refusal:
            _suspend(change_id, refusal.detail, now)
    return done


def revert_change(*, actor: User, change_id: int, reason: str, now: datetime) -> Change:
    """Draft the change that undoes a published one: a change like any other, to be reviewed and published."""
    principal = principal_for(actor)
    change = get_change(principal=principal, change_id=change_id)
    if change.state != ChangeState.PUBLISHED:
        raise Conflict(f"Change {change.pk} is not published, so there is nothing to undo.", field="state")
    edits = []
    for edit in change.edits.select_related("item"):
        if edit.operation == Operation.CREATE:
            edits.append(EditInput(operation=Operation.RETIRE, record=edit.record, key=edit.key))
        else:
            edits.append(
                EditInput(operation=Operation.REVERT, record=edit.record, key=edit.key, revert_to=edit.base_version)
            )
    return create_change(actor=actor, title=f"Revert: {change.title}"[:200], reason=reason, edits=edits, now=now)


def _schedule(actor: User, principal: Principal, change_id: int, now: datetime, at: datetime) -> Publication:
    if (at - now).days > 3_650:
        raise InvalidInput("That is too far ahead.", field="at", limit="10 years", fix="Choose an earlier time.")
    with attempting("schedule", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_publisher(change, principal)
        _require_approval(change, loaded_edits(change))
        change.state, change.publish_at, change.scheduled_by = ChangeState.SCHEDULED, at, actor
        change.suspended_because = ""
        touch(change, now)
        change.save()
        ledger.append(
            actor=principal,
            action="governance.change.scheduled",
            subject=subject_of(change),
            now=now,
            data={"publish_at": at.isoformat()},
            after=change.digest,
        )
    return Publication(change=change, scheduled_for=at)


def _suspend(change_id: int, why: str, now: datetime) -> None:
    with transaction.atomic():
        change = Change.objects.select_for_update().get(pk=change_id)
        change.suspended_because = why
        touch(change, now)
        change.save()
        tell_suspended(change=change, subject=subject_of(change), why=why, now=now)
        ledger.append(
            actor=SYSTEM,
            action="governance.change.suspended",
            subject=subject_of(change),
            now=now,
            data={"why": why},
            before=change.digest,
        )


def _publish(
    change: Change,
    actor: User,
    principal: Principal,
    prepared: Mapping[str, Sequence[passages.PassageDraft]],
    now: datetime,
    *,
    warnings: Mapping[str, Any] | None = None,
) -> Publication:
    # What was approved is written whole, whoever publishes it.
    with reading_as_system():
        edits = loaded_edits(change)
        # Items are locked in one order, so that two publications cannot wait for each other.
        items = {
            item.pk: item
            for item in ContextItem.objects.select_for_update(of=("self",))
            .filter(pk__in=[edit.item_id for edit in edits if edit.item_id])
            .select_related("current_version")
            .order_by("pk")
        }
        for edit in edits:
            if edit.item_id:
                edit.item = items[edit.item_id]
        if change.emergency_reason:
            _require_same_text(change, edits, demands_of(edits))
        else:
            _require_approval(change, edits)
        lock_records(edits)
        check_bases(edits)
        check_record_bases(edits)
        change.state, change.published_at, change.published_by = ChangeState.PUBLISHED, now, actor
        change.publish_at = change.publish_at if principal.kind == "system" else None
        touch(change, now)
        change.save()
        approvals = [
            {
                "person": review.reviewer_label,
                "username": review.reviewer.username,
                "at": review.created_at.isoformat(),
                **({"on_behalf_of": review.on_behalf_of_label} if review.on_behalf_of_id is not None else {}),
            }
            for review in change.reviews.select_related("reviewer")
            if review.decision == Decision.APPROVE and review.digest == change.digest
        ]
        if change.emergency_reason:
            approvals.append(
                {
                    "person": actor.display_name,
                    "username": actor.username,
                    "at": now.isoformat(),
                    "emergency": change.emergency_reason,
                }
            )
        with Pen(change) as pen:
            entries = pen.write(edits, prepared, approvals, actor, now)
        entries.append(
            ledger.Entry(
                action="governance.emergency.published" if change.emergency_reason else "governance.change.published",
                subject=subject_of(change),
                data={
                    "items": len(edits),
                    "approved_by": [approval["person"] for approval in approvals],
                    **({"emergency": change.emergency_reason} if change.emergency_reason else {}),
                    **({"screening": warnings["digest"]} if warnings else {}),
                    **({"on_behalf_of": actor.display_name} if principal.kind == "system" else {}),
                },
                after=change.digest,
            )
        )
        tell_published(change=change, edits=edits, actor_id=actor.pk, now=now)
        for path in settings.PUBLICATION_FOLLOWERS.values():
            entries += import_string(path)(change=change, edits=edits, now=now)
        ledger.append_all(actor=principal, entries=entries, now=now)
        return Publication(
            change=change,
            published=tuple(edit.address for edit in edits if edit.operation != Operation.RETIRE),
            retired=tuple(edit.address for edit in edits if edit.operation == Operation.RETIRE),
        )


def _prepare_passages(change: Change) -> dict[str, Sequence[passages.PassageDraft]]:
    """Split, and embed where they are few, before any lock is taken: a model must not hold up the ledger."""
    drafts = {
        edit.key: passages.split(
            title=edit.payload["title"],
            body=edit.payload["body"],
            data=edit.payload["data"],
            schema=edit.item_kind.schema,
        )
        for edit in change.edits.filter(record=ITEM).select_related("kind")
        if edit.operation != Operation.RETIRE
    }
    if sum(map(len, drafts.values())) > settings.EMBED_INLINE_LIMIT:
        # The rows themselves are the record of the work that is left: a worker embeds what has no embedding yet.
        return dict(drafts)
    return {key: embeddings.embed_drafts(each) for key, each in drafts.items()}


def _require_publisher(change: Change, principal: Principal) -> None:
    if change.editors.filter(pk=principal.id).exists() or change.reviews.filter(reviewer_id=principal.id).exists():
        return
    if not may_publish(principal, change.edits.values_list("domain_id", flat=True)):
        raise NotPermitted(
            f"You may not publish change {change.pk}.", fix="Its author, its approvers and the domain owner may."
        )


def _require_approval(change: Change, edits: Sequence[Edit]) -> None:
    if change.state not in (ChangeState.APPROVED, ChangeState.SCHEDULED):
        raise ApprovalIncomplete(
            f"Change {change.pk} is {change.get_state_display().lower()}, not approved.",
            field="state",
            fix="Submit it and have it approved first.",
        )
    demands = demands_of(edits)
    _require_same_text(change, edits, demands)
    progress = progress_of(demands, change.reviews.all(), change.digest)
    missing = [each.demand.policy_name for each in progress if not each.complete]
    if missing:
        raise ApprovalIncomplete(
            f"The policy {missing[0]} asks for more than was approved.",
            field="state",
            fix="Have the approvals that are missing given first.",
        )
    require_acknowledged(change, edits)


def _require_same_text(change: Change, edits: Sequence[Edit], demands: Sequence[Demand]) -> None:
    if change_digest(change, edits, demands) != change.digest:
        raise ApprovalVoid(
            f"Change {change.pk}, or the policy it was approved under, is not what was approved.",
            field="digest",
            fix="Reopen and submit it again, so that it is reviewed as it stands under the policies that stand.",
        )


def _database_time(now: datetime) -> datetime:
    """The caller's moment, but never ahead of the database's clock, by which validity is judged when read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT least(clock_timestamp(), %s)", [now])
        (moment,) = cursor.fetchone()
    return moment  # type: ignore[no-any-return]
