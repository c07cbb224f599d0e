"""Changes from draft to submission: made, edited, submitted, withdrawn, reopened; must not review or publish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from context.access import Principal, principal_for
from context.digests import check_storable, digest_of
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import ContextItem, ContextVersion, Sensitivity, User
from governance.audit import ledger
from governance.models import Change, ChangeState, Edit, Operation
from governance.permissions import may_author, require_author
from governance.policies import Demand, demands_of
from governance.proposals import (
    FieldDifference,
    Payload,
    Proposal,
    References,
    UnknownReference,
    check_key,
    differences,
    key_for,
    prepare,
    state_of,
)

LONGEST_TITLE = 200
LONGEST_REASON = 5_000
MOST_EDITS = 2_000


class NothingToChange(Conflict):
    """Every edit leaves its item as it is."""

    type = "nothing-to-change"
    title = "Nothing would change"


class StaleBase(Conflict):
    """The item has a newer version than the one the edit was made on."""

    type = "stale-base"
    title = "Somebody published a newer version"


@dataclass(frozen=True, kw_only=True, slots=True)
class EditInput:
    """What somebody wants done to one item.

    `payload` may leave out what stays as it is. `key` may be empty for a creation (made from the title).
    `base_version` defaults to the current one; `revert_to` is the version number to return to; `replaced_by`
    the key that takes a retired item's place.
    """

    operation: str
    key: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    base_version: int | None = None
    revert_to: int | None = None
    replaced_by: str | None = None


def get_change(*, principal: Principal, change_id: int) -> Change:
    """The change, where the principal may see it; NotFound otherwise."""
    found = Change.objects.visible_to(principal).select_related("author").filter(pk=change_id).first()
    if found is None:
        raise _no_such_change(change_id)
    return found


def create_change(
    *, actor: User, title: str, reason: str, edits: Sequence[EditInput], now: datetime, origin: str = "person"
) -> Change:
    """Start a draft. Edits that would change nothing are left out; NothingToChange where none is left of some."""
    principal = principal_for(actor)
    if len(edits) > MOST_EDITS:
        raise InvalidInput("The change has too many edits.", field="edits", limit=MOST_EDITS, fix="Split it.")
    with transaction.atomic():
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
        references.load_items(edit.key for edit in edits)
        references.created_keys = {edit.key for edit in edits if edit.operation == Operation.CREATE and edit.key}
        made = [_build_edit(change, edit, actor=actor, references=references, now=now) for edit in edits]
        kept = [edit for edit in made if edit is not None]
        if edits and not kept:
            raise NothingToChange("The edits leave every item as it is.", fix="Change something, or leave it.")
        _refuse_doubles(kept)
        Edit.objects.bulk_create(kept)
        append_event(change, principal, "governance.change.created", now, edits=[_brief(edit) for edit in kept[:50]])
    return change


def put_edit(
    *, actor: User, change_id: int, edit: EditInput, now: datetime, expected_row_version: int | None = None
) -> Edit | None:
    """Add an edit, or replace the one on the same item. Any real difference voids what was approved.

    Returns None, and leaves everything as it was, where the edit would change nothing that is not there already.
    """
    principal = principal_for(actor)
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        present = {each.key: each for each in change.edits.all()}
        references = References(principal=principal)
        references.created_keys = {each.key for each in present.values() if each.operation == Operation.CREATE} | (
            {edit.key} if edit.operation == Operation.CREATE and edit.key else set()
        )
        _require_editor(change, principal)
        made = _build_edit(change, edit, actor=actor, references=references, now=now)
        was = present.get(made.key if made is not None else edit.key)
        if made is None and was is None:
            return None
        if made is not None and was is not None and _same(was, made):
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
            edit=_brief(made) if made is not None else {"key": was.key if was else edit.key, "operation": "removed"},
            voided=voided,
        )
    return made


def remove_edit(
    *, actor: User, change_id: int, key: str, now: datetime, expected_row_version: int | None = None
) -> Change:
    """Take an item out of the change; what was approved is void."""
    principal = principal_for(actor)
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        _require_editor(change, principal)
        edit = change.edits.filter(key=key).first()
        if edit is None:
            raise NotFound(f"Change {change.pk} has no edit of {key[:200]}.", field="key")
        voided = back_to_draft(change, actor, now)
        edit.delete()
        append_event(
            change,
            principal,
            "governance.change.edited",
            now,
            edit={"key": key, "operation": "removed"},
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
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        _require_editor(change, principal)
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
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_editor(change, principal)
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
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id, expected_row_version=expected_row_version)
        _require_editor(change, principal)
        if change.state != ChangeState.DRAFT:
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}, not a draft.", field="state")
        edits = loaded_edits(change)
        if not edits:
            raise Conflict(f"Change {change.pk} has no edits.", field="edits", fix="Add an edit first.")
        check_bases(edits)
        demands = demands_of(edits)
        change.digest = change_digest(change, edits, demands)
        change.approvals_required = max(demand.people_required for demand in demands)
        change.state = ChangeState.IN_REVIEW
        change.submitted_at = now
        change.suspended_because = ""
        touch(change, now)
        change.save()
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
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_editor(change, principal)
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
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_editor(change, principal)
        if change.state in {ChangeState.DRAFT, ChangeState.PUBLISHED}:
            raise Conflict(f"Change {change.pk} is {change.get_state_display().lower()}.", field="state")
        before = back_to_draft(change, actor, now)
        append_event(change, principal, "governance.change.reopened", now, before=before or "")
    return change


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
                    "key": edit.key,
                    "base_version": edit.base_version,
                    "payload": edit.payload,
                }
                for edit in sorted(edits, key=lambda each: each.key)
            ],
        }
    )


def edit_differences(edit: Edit) -> list[FieldDifference]:
    """What the edit changes against the version it was made on."""
    if edit.operation == Operation.RETIRE:
        return [FieldDifference(field="retired", before=None, after=edit.payload.get("replaced_by") or True)]
    return differences(base_state(edit), edit.payload)


def base_state(edit: Edit) -> Payload | None:
    """The payload of the version the edit was made on; None for a creation."""
    if edit.item is None or edit.base_version is None:
        return None
    version = ContextVersion.objects.get(item=edit.item, number=edit.base_version)
    return state_of(edit.item, version)


def loaded_edits(change: Change) -> list[Edit]:
    """The change's edits with all that policies and publication ask of them. One query."""
    return list(
        change.edits.select_related(
            "kind", "domain__parent", "owner", "item__kind", "item__domain__parent", "item__current_version"
        )
    )


def check_bases(edits: Sequence[Edit]) -> None:
    """Refuse where an item has moved on since its edit was made, naming each."""
    taken = set(
        ContextItem.objects.filter(key__in=[edit.key for edit in edits if edit.item_id is None]).values_list(
            "key", flat=True
        )
    )
    if taken:
        raise StaleBase(
            f"{', '.join(sorted(taken)[:5])} exists already.",
            field="key",
            fix="Choose another key, or revise the item.",
        )
    moved = [
        edit
        for edit in edits
        if edit.item is not None
        and (edit.item.current_version is None or edit.item.current_version.number != edit.base_version)
    ]
    if moved:
        first = moved[0]
        current = first.item.current_version.number if first.item and first.item.current_version else 0
        raise StaleBase(
            f"{first.key} is at version {current}; this edit was made on version {first.base_version}"
            + (f" (and {len(moved) - 1} more)." if len(moved) > 1 else "."),
            field="base_version",
            limit=current,
            fix="Read the newer version and make the edit again on it.",
            keys=[edit.key for edit in moved[:50]],
        )


def lock_change(*, principal: Principal, change_id: int, expected_row_version: int | None = None) -> Change:
    """The change, locked for this transaction; NotFound where hidden, PreconditionFailed where moved on."""
    if not Change.objects.visible_to(principal).filter(pk=change_id).exists():
        raise _no_such_change(change_id)
    change = Change.objects.select_for_update().get(pk=change_id)
    if expected_row_version is not None and change.row_version != expected_row_version:
        raise PreconditionFailed(
            f"Change {change.pk} was written since you read it.", field="If-Match", fix="Read it again and retry."
        )
    return change


def subject_of(change: Change) -> ledger.Subject:
    """The change as the subject of audit events, as sensitive as the most sensitive text it touches."""
    levels = list(change.edits.values_list("sensitivity", "item__sensitivity"))
    level = max((max(proposed, present or 0) for proposed, present in levels), default=int(Sensitivity.INTERNAL))
    return ledger.Subject(type="change", id=str(change.pk), label=change.title, sensitivity=level)


def _build_edit(change: Change, edit: EditInput, *, actor: User, references: References, now: datetime) -> Edit | None:
    """The row for an edit, or None where it changes nothing."""
    if edit.operation not in Operation.values:
        raise InvalidInput(
            f"{edit.operation[:40]!r} is not an operation.",
            field="op",
            fix=f"Use one of: {', '.join(Operation.values)}.",
        )
    if edit.operation == Operation.CREATE:
        return _build_creation(change, edit, actor=actor, references=references, now=now)
    item = references.item(edit.key)
    if item is None or item.current_version is None:
        raise UnknownReference(f"There is no item {edit.key[:200]!r}.", field="key", fix="Give the key of an item.")
    require_author(references.principal, item.domain, item)
    current = item.current_version
    if edit.base_version is not None and edit.base_version != current.number:
        raise StaleBase(
            f"{item.key} is at version {current.number}; your edit was made on version {edit.base_version}.",
            field="base_version",
            limit=current.number,
            fix="Read the newer version and make the edit again on it.",
            keys=[item.key],
        )
    if item.retired_at is not None and edit.operation != Operation.REVERT:
        raise Conflict(
            f"{item.key} is retired.", field="key", fix="Revert it to a version to bring it back, or create another."
        )
    base = state_of(item, current)
    if edit.operation == Operation.RETIRE:
        proposal = prepare({}, base=base, references=references)
        payload: Payload = {"replaced_by": _replacement(edit, item, references)}
    else:
        proposal = prepare(_wanted(edit, item), base=base, references=references)
        payload = proposal.payload
        if not differences(base, payload) and item.retired_at is None:
            return None
        if proposal.domain != item.domain:
            raise InvalidInput(
                "An item cannot move to another domain: its key would no longer be true.",
                field="domain",
                fix="Create it there and retire this one, naming the replacement.",
            )
    return _row(change, edit.operation, item.key, item, current.number, payload, proposal, actor, now)


def _build_creation(change: Change, edit: EditInput, *, actor: User, references: References, now: datetime) -> Edit:
    proposal = prepare(edit.payload, base=None, references=references)
    require_author(references.principal, proposal.domain)
    key = check_key(edit.key, proposal.domain) if edit.key else key_for(proposal.domain, proposal.payload["title"])
    # Keys are names, not secrets: that one is taken is said even where its item may not be seen.
    if ContextItem.objects.filter(key=key).exists():
        raise Conflict(f"The key {key} is taken.", field="key", fix="Choose another key.")
    return _row(change, Operation.CREATE, key, None, None, proposal.payload, proposal, actor, now)


def _row(
    change: Change,
    operation: str,
    key: str,
    item: ContextItem | None,
    base_version: int | None,
    payload: Payload,
    proposal: Proposal,
    actor: User,
    now: datetime,
) -> Edit:
    return Edit(
        change=change,
        operation=operation,
        key=key,
        item=item,
        base_version=base_version,
        payload=payload,
        kind=proposal.kind,
        domain=proposal.domain,
        sensitivity=proposal.sensitivity,
        audience_ids=sorted(group.pk for group in proposal.audiences),
        owner=proposal.owner,
        steward_ids=sorted(person.pk for person in proposal.stewards),
        edited_by=actor,
        edited_at=now,
    )


def _wanted(edit: EditInput, item: ContextItem) -> Mapping[str, Any]:
    if edit.operation != Operation.REVERT:
        return edit.payload
    number = edit.revert_to
    version = ContextVersion.objects.filter(item=item, number=number).first() if number is not None else None
    if version is None:
        raise UnknownReference(
            f"{item.key} has no version {edit.revert_to}.", field="revert_to", fix="Give the number of a version."
        )
    return {**state_of(item, version), **edit.payload}


def _replacement(edit: EditInput, item: ContextItem, references: References) -> str | None:
    if not edit.replaced_by:
        return None
    if edit.replaced_by == item.key:
        raise InvalidInput("An item cannot replace itself.", field="replaced_by", fix="Name another item, or none.")
    if edit.replaced_by not in references.created_keys and references.item(edit.replaced_by) is None:
        raise UnknownReference(
            f"There is no item {edit.replaced_by[:200]!r}.", field="replaced_by", fix="Give the key of an item."
        )
    return edit.replaced_by


def _require_editor(change: Change, principal: Principal) -> None:
    """Editors, and whoever may author in every domain the change touches."""
    if change.editors.filter(pk=principal.id).exists():
        return
    edits = list(change.edits.select_related("domain", "item"))
    if not edits or not all(may_author(principal, edit.domain, edit.item) for edit in edits):
        raise NotPermitted(f"You may not edit change {change.pk}.", fix="Ask its author to add you as an editor.")


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


def _brief(edit: Edit) -> dict[str, Any]:
    return {"operation": edit.operation, "key": edit.key, "payload": digest_of(edit.payload)}


def _same(was: Edit, made: Edit) -> bool:
    return (was.operation, was.base_version, was.payload) == (made.operation, made.base_version, made.payload)


def _refuse_doubles(edits: Sequence[Edit]) -> None:
    seen: set[str] = set()
    for edit in edits:
        if edit.key in seen:
            raise InvalidInput(
                f"{edit.key} is edited twice in one change.", field="edits.key", fix="Keep one edit per item."
            )
        seen.add(edit.key)


def _line(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"The {name} of the change is empty.", field=name, fix=f"Give a {name}.")
    check_storable(value, field=name)
    if len(value) > limit:
        raise InvalidInput(f"The {name} is too long.", field=name, limit=limit, fix=f"Keep it to {limit} characters.")
    return value.strip()


def _no_such_change(change_id: int) -> NotFound:
    return NotFound(f"There is no change {change_id}.")
