"""Edits of items: what somebody wants done, built into a checked row, compared with its base; must not save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from context.digests import digest_of
from context.errors import Conflict, InvalidInput
from context.models import ContextItem, ContextVersion, User
from context.row_security import reading_as_system
from governance.models import ITEM, Change, Edit, Operation
from governance.permissions import require_author
from governance.proposals import FieldDifference, Payload, Proposal, check_key, differences, key_for, prepare, state_of
from governance.references import References, UnknownReference


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
    """What somebody wants done to one item, or to the governed record of that kind and key.

    `payload` may leave out what stays as it is. `key` may be empty for a creation (made from the title).
    `base_version` defaults to the current one; `revert_to` is the version number to return to; `replaced_by`
    the key that takes a retired item's place.
    """

    operation: str
    record: str = ITEM
    key: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    base_version: int | None = None
    revert_to: int | None = None
    replaced_by: str | None = None

    @property
    def address(self) -> str:
        """As `Edit.address`: what tells its subject from any other."""
        return self.key if self.record == ITEM else f"{self.record}:{self.key}"


def build_edit(change: Change, edit: EditInput, *, actor: User, references: References, now: datetime) -> Edit | None:
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


def edit_differences(edit: Edit) -> list[FieldDifference]:
    """What the edit changes against the version it was made on."""
    if edit.operation == Operation.RETIRE:
        return [FieldDifference(field="retired", before=None, after=edit.payload.get("replaced_by") or True)]
    return differences(base_state(edit), edit.payload)


def base_state(edit: Edit) -> Payload | None:
    """The payload of the version the edit was made on; None for a creation, or where that text is not the reader's."""
    if edit.item is None or edit.base_version is None:
        return None
    version = ContextVersion.objects.filter(item=edit.item, number=edit.base_version).first()
    return state_of(edit.item, version) if version is not None else None


def check_bases(edits: Sequence[Edit]) -> None:
    """Refuse where an item has moved on since its edit was made, naming each; other records are passed over."""
    edits = [edit for edit in edits if edit.record == ITEM]
    with reading_as_system():
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


def brief(edit: Edit) -> dict[str, Any]:
    return {"operation": edit.operation, "key": edit.address, "payload": digest_of(edit.payload)}


def is_same(was: Edit, made: Edit) -> bool:
    return (was.operation, was.base_version, was.payload) == (made.operation, made.base_version, made.payload)


def refuse_doubles(edits: Sequence[Edit]) -> None:
    seen: set[str] = set()
    for edit in edits:
        if edit.address in seen:
            raise InvalidInput(
                f"{edit.address} is edited twice in one change.", field="edits.key", fix="Keep one edit per item."
            )
        seen.add(edit.address)


def _build_creation(change: Change, edit: EditInput, *, actor: User, references: References, now: datetime) -> Edit:
    proposal = prepare(edit.payload, base=None, references=references)
    require_author(references.principal, proposal.domain)
    key = check_key(edit.key, proposal.domain) if edit.key else key_for(proposal.domain, proposal.payload["title"])
    if references.is_taken(key):
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
