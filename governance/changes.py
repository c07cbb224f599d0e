"""Changes from draft to submission: made, edited, submitted, withdrawn, reopened; must not review or publish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound
from context.models import User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.change_state import (
    append_event,
    attempting,
    back_to_draft,
    change_digest,
    loaded_edits,
    lock_change,
    require_editor,
    subject_of,
    touch,
)
from governance.edits import EditInput, NothingToChange, brief, build_edit, check_bases, is_same, refuse_doubles
from governance.governed import at_address
from governance.governed_edits import build_record_edit, check_record_bases, check_record_drafts
from governance.models import ITEM, Change, ChangeState, Edit, Operation
from governance.notices import tell_submitted
from governance.policies import demands_of, progress_of
from governance.references import References

LONGEST_TITLE = 200
LONGEST_REASON = 5_000
MOST_EDITS = 2_000


def create_change(
    *, actor: User, title: str, reason: str, edits: Sequence[EditInput], now: datetime, origin: str = "person"
) -> Change:
    """Start a draft. Edits that would change nothing are left out; NothingToChange where none is left of some."""
    principal = principal_for(actor)
    if len(edits) > MOST_EDITS:
        raise InvalidInput("The change has too many edits.", field="edits", limit=MOST_EDITS, fix="Split it.")
    denials = denials_recorded(
        actor=principal,
        action="governance.change.create",
        subject=lambda: ledger.Subject(type="change", id="new", label="A change that was not made"),
        now=now,
        data={"keys": [edit.address for edit in edits[:50]]},
    )
    with denials, transaction.atomic():
        change = Change.objects.create(
            title=_line(title, "title", LONGEST_TITLE),
            reason=_line(reason, "reason", LONGEST_REASON),
            author=actor,
            origin=origin,
            created_at=now,
            updated_at=now,
        )
        change.editors.add(actor)
        references = References(principal=principal)
        references.load_items(edit.key for edit in edits if edit.record == ITEM)
        references.created = _created(edits)
        references.load_taken(references.created)
        made = [_build(change, edit, actor=actor, references=references, now=now) for edit in edits]
        kept = [edit for edit in made if edit is not None]
        if edits and not kept:
            raise NothingToChange("The edits leave every item as it is.", fix="Change something, or leave it.")
        refuse_doubles(kept)
        Edit.objects.bulk_create(kept)
        append_event(change, principal, "governance.change.created", now, edits=[brief(edit) for edit in kept[:50]])
    return change


def put_edit(
    *, actor: User, change_id: int, edit: EditInput, now: datetime, expected_row_version: int | None = None
) -> Edit | None:
    """Add an edit, or replace the one on the same item or record. Any real difference voids what was approved.

    Returns None, and leaves everything as it was, where the edit would change nothing that is not there already.
    """
    principal = principal_for(actor)
    with attempting("edit", principal=principal, change_id=change_id, now=now, key=edit.address), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        present = {each.address: each for each in change.edits.all()}
        references = References(principal=principal)
        references.created = _created([*present.values(), edit])
        require_editor(change, principal)
        made = _build(change, edit, actor=actor, references=references, now=now)
        was = present.get(made.address if made is not None else edit.address)
        if made is None and was is None:
            return None
        if made is not None and was is not None and is_same(was, made):
            return was
        voided = back_to_draft(change, actor, now)
        if was is not None:
            was.delete()
        if made is not None:
            if len(present) >= MOST_EDITS and was is None:
                raise InvalidInput("The change has too many edits.", field="edits", limit=MOST_EDITS, fix="Split it.")
            made.save()
        append_event(
            change,
            principal,
            "governance.change.edited",
            now,
            edit=brief(made) if made is not None else {"key": edit.address, "operation": "removed"},
            voided=voided,
        )
    return made


def remove_edit(
    *,
    actor: User,
    change_id: int,
    key: str,
    now: datetime,
    expected_row_version: int | None = None,
) -> Change:
    """Take an item, or what else is at this address, out of the change; what was approved is void."""
    principal = principal_for(actor)
    with attempting("edit", principal=principal, change_id=change_id, now=now, key=key), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        require_editor(change, principal)
        edit = change.edits.filter(at_address(key)).first()
        if edit is None:
            raise NotFound(f"Change {change.pk} has no edit of {key[:200]}.", field="key")
        voided = back_to_draft(change, actor, now)
        edit.delete()
        append_event(
            change,
            principal,
            "governance.change.edited",
            now,
            edit={"key": edit.address, "operation": "removed"},
            voided=voided,
        )
    return change


def describe_change(
    *,
    actor: User,
    change_id: int,
    title: str | None = None,
    reason: str | None = None,
    now: datetime,
    expected_row_version: int | None = None,
) -> Change:
    """Set the title or the reason; both are part of what is approved."""
    principal = principal_for(actor)
    with attempting("describe", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        require_editor(change, principal)
        new_title = change.title if title is None else _line(title, "title", LONGEST_TITLE)
        new_reason = change.reason if reason is None else _line(reason, "reason", LONGEST_REASON)
        if (new_title, new_reason) == (change.title, change.reason):
            return change
        voided = back_to_draft(change, actor, now)
        change.title, change.reason = new_title, new_reason
        change.save(update_fields=["title", "reason"])
        append_event(change, principal, "governance.change.described", now, voided=voided)
    return change


def add_editor(*, actor: User, change_id: int, editor: User, now: datetime) -> Change:
    """Let somebody else edit the draft; from then on they cannot approve it."""
    principal = principal_for(actor)
    with attempting("add_editor", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        require_editor(change, principal)
        if change.state != ChangeState.DRAFT:
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}.", fix="Reopen it first.")
        change.editors.add(editor)
        touch(change, now)
        change.save()
        append_event(change, principal, "governance.change.editor_added", now, editor=editor.display_name)
    return change


def submit_change(*, actor: User, change_id: int, now: datetime, expected_row_version: int | None = None) -> Change:
    """Hand the draft to its reviewers: fixes the digest that they approve."""
    principal = principal_for(actor)
    with attempting("submit", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        require_editor(change, principal)
        if change.state != ChangeState.DRAFT:
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}, not a draft.", field="state")
        edits = loaded_edits(change)
        if not edits:
            raise Conflict(f"Change {change.pk} has no edits.", field="edits", fix="Add an edit first.")
        check_bases(edits)
        check_record_bases(edits)
        check_record_drafts(edits, principal)
        demands = demands_of(edits)
        change.digest = change_digest(change, edits, demands)
        change.approvals_required = max(demand.people_required for demand in demands)
        change.state = ChangeState.IN_REVIEW
        change.submitted_at = now
        change.suspended_because = ""
        touch(change, now)
        change.save()
        progress = progress_of(demands, [], change.digest)
        tell_submitted(change=change, subject=subject_of(change), progress=progress, now=now)
        append_event(
            change,
            principal,
            "governance.change.submitted",
            now,
            after=change.digest,
            policies=sorted({demand.policy_name for demand in demands}),
        )
    return change


def withdraw_change(*, actor: User, change_id: int, now: datetime, comment: str = "") -> Change:
    """Take back a change that is not published; it can be reopened."""
    principal = principal_for(actor)
    with attempting("withdraw", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        require_editor(change, principal)
        if change.state not in ChangeState.open_states():
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}.", field="state")
        before = change.digest
        change.state, change.publish_at, change.digest = ChangeState.WITHDRAWN, None, ""
        change.decided_at = now
        touch(change, now)
        change.save()
        append_event(
            change, principal, "governance.change.withdrawn", now, before=before, comment=comment[:LONGEST_REASON]
        )
    return change


def reopen_change(*, actor: User, change_id: int, now: datetime) -> Change:
    """Make a draft again of what was withdrawn, rejected, submitted or approved; approvals are void."""
    principal = principal_for(actor)
    with attempting("reopen", principal=principal, change_id=change_id, now=now), transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        require_editor(change, principal)
        if change.state in {ChangeState.DRAFT, ChangeState.PUBLISHED}:
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}.", field="state")
        before = back_to_draft(change, actor, now)
        append_event(change, principal, "governance.change.reopened", now, before=before or "")
    return change


def _created(edits: Iterable[Edit | EditInput]) -> dict[str, Mapping[str, Any]]:
    """The payloads of the items that these edits create, by key where one is given."""
    return {
        each.key: each.payload
        for each in edits
        if each.record == ITEM and each.operation == Operation.CREATE and each.key
    }


def _build(change: Change, edit: EditInput, *, actor: User, references: References, now: datetime) -> Edit | None:
    build = build_edit if edit.record == ITEM else build_record_edit
    return build(change, edit, actor=actor, references=references, now=now)


def _line(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"The {name} of the change is empty.", field=name, fix=f"Give a {name}.")
    check_storable(value, field=name)
    if len(value) > limit:
        raise InvalidInput(f"The {name} is too long.", field=name, limit=limit, fix=f"Keep it to {limit} characters.")
    return value.strip()
