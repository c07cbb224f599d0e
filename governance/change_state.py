"""The change as a record: read, locked, digested, counted, set back to a draft; must not decide who may do what."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from context.access import Principal
from context.digests import digest_of
from context.errors import Conflict, NotFound, NotPermitted, PreconditionFailed
from context.models import Sensitivity, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded, record_restricted_read
from governance.governed_edits import may_edit_record
from governance.models import ITEM, Change, ChangeState, Edit
from governance.permissions import may_author
from governance.policies import Demand
from governance.sight import may_see, seen


def get_change(*, principal: Principal, change_id: int) -> Change:
    """The change, where the principal may see it; NotFound otherwise."""
    found = Change.objects.select_related("author").filter(pk__in=seen(principal, change_id)).first()
    if found is None:
        raise _no_such_change(change_id)
    return found


def lock_change(*, principal: Principal, change_id: int, expected_row_version: int | None = None) -> Change:
    """The change, locked for this transaction; NotFound where hidden, PreconditionFailed where moved on."""
    if not may_see(principal, change_id):
        raise _no_such_change(change_id)
    change = Change.objects.select_for_update().get(pk=change_id)
    if expected_row_version is not None and change.row_version != expected_row_version:
        raise PreconditionFailed(
            f"Change {change.pk} was written since you read it.", field="If-Match", fix="Read it again and retry."
        )
    return change


def loaded_edits(change: Change) -> list[Edit]:
    """The change's edits with all that policies and publication ask of them. One query."""
    return list(
        change.edits.select_related(
            "kind",
            "domain__parent",
            "owner",
            "base_domain__parent",
            "item__kind",
            "item__domain__parent",
            "item__current_version",
        )
    )


def change_digest(change: Change, edits: Sequence[Edit], demands: Sequence[Demand]) -> str:
    """SHA-256 over everything the change would do, how often it was edited, and the policies it is approved under."""
    return digest_of(
        {
            "change": change.pk,
            "title": change.title,
            "reason": change.reason,
            "revision": change.revision,
            "policies": sorted({demand.policy_digest for demand in demands}),
            "edits": [
                {
                    "operation": edit.operation,
                    "key": edit.address,
                    "base_version": edit.base_version,
                    "payload": edit.payload,
                }
                for edit in sorted(edits, key=lambda each: each.address)
            ],
        }
    )


def require_editor(change: Change, principal: Principal) -> None:
    """Editors, and whoever may author in every domain the change touches."""
    if change.editors.filter(pk=principal.id).exists():
        return
    edits = list(change.edits.select_related("domain", "item", "owner"))
    if not edits or not all(_may_edit(principal, edit) for edit in edits):
        raise NotPermitted(f"You may not edit change {change.pk}.", fix="Ask its author to add you as an editor.")


def _may_edit(principal: Principal, edit: Edit) -> bool:
    if edit.record == ITEM and edit.domain is not None:
        return may_author(principal, edit.domain, edit.item)
    return may_edit_record(principal, edit)


def back_to_draft(change: Change, actor: User, now: datetime) -> str | None:
    """Reopen for editing; the actor is a co-editor from now on. Returns the digest whose approval is void."""
    if change.state == ChangeState.PUBLISHED:
        raise Conflict(
            f"Change {change.pk} is published and stands.", field="state", fix="Revert it, or start another change."
        )
    voided = change.digest or None
    change.editors.add(actor)
    change.state, change.digest, change.publish_at, change.decided_at = ChangeState.DRAFT, "", None, None
    change.revision += 1
    change.suspended_because = ""
    touch(change, now)
    change.save()
    return voided


def touch(change: Change, now: datetime) -> None:
    """Count a write; the caller saves."""
    change.row_version += 1
    change.updated_at = now


def append_event(
    change: Change,
    principal: Principal,
    action: str,
    now: datetime,
    *,
    before: str | None = None,
    after: str | None = None,
    **data: Any,
) -> None:
    ledger.append(
        actor=principal, action=action, subject=subject_of(change), now=now, data=data, before=before, after=after
    )


def subject_of(change: Change) -> ledger.Subject:
    """The change as the subject of audit events, as sensitive as the most sensitive text it touches."""
    levels = list(change.edits.values_list("sensitivity", "item__sensitivity", "base_sensitivity"))
    level = max(
        (max(proposed, item or 0, record or 0) for proposed, item, record in levels), default=int(Sensitivity.INTERNAL)
    )
    return ledger.Subject(type="change", id=str(change.pk), label=change.title, sensitivity=level)


def attempting(
    step: str, *, principal: Principal, change_id: int, now: datetime, **data: Any
) -> AbstractContextManager[None]:
    """Around the transaction of a step on a change: what is not permitted is refused, and is an event of its own."""
    return denials_recorded(
        actor=principal,
        action=f"governance.change.{step}",
        subject=lambda: subject_of(Change.objects.get(pk=change_id)),
        before=lambda: Change.objects.values_list("digest", flat=True).get(pk=change_id),
        now=now,
        data=data,
    )


def record_change_read(change: Change, principal: Principal, how: str, now: datetime) -> None:
    """Record that the proposed text of a change with a restricted item is shown. Call it last."""
    record_restricted_read(actor=principal, subject=subject_of(change), how=how, now=now, digest=change.digest or None)


def _no_such_change(change_id: int) -> NotFound:
    return NotFound(f"There is no change {change_id}.")
