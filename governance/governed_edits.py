"""Edits of governed records: built into checked rows and compared with their base; must not save or know a kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from context.access import Principal
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import User
from governance.edits import EditInput, StaleBase
from governance.governed import Draft, Facets, GovernedRecord, Payload, RecordState, governed, split
from governance.governed_diffs import record_differences
from governance.models import Change, Edit, Operation
from governance.references import References, UnknownReference, shown


def build_record_edit(
    change: Change, edit: EditInput, *, actor: User, references: References, now: datetime
) -> Edit | None:
    """The row for an edit of a governed record, or None where it changes nothing."""
    principal, created = references.principal, references.created
    record = governed(edit.record)
    if edit.operation not in Operation.values:
        raise InvalidInput(
            f"{edit.operation[:40]!r} is not an operation.",
            field="op",
            fix=f"Use one of: {', '.join(Operation.values)}.",
        )
    check_storable(dict(edit.payload), field="payload")
    record.check_key(edit.key)
    found = record.states([edit.key]).get(edit.key)
    if edit.operation == Operation.CREATE:
        if found is not None:
            raise Conflict(f"The key {edit.key} is taken.", field="key", fix="Choose another key.")
        draft = record.prepare(key=edit.key, payload=edit.payload, base=None, principal=principal, created=created)
        _require_clearance(principal, edit.key, draft)
        if not record.may_propose(principal, draft.facets, new=True):
            raise _not_permitted(record, draft.facets.label)
        return _row(change, edit, draft, None, actor, now)
    if found is None or not record.visible(principal, [edit.key]):
        raise UnknownReference(
            f"There is no {record.noun.lower()} {shown(edit.key)}.", field="key", fix="Give the key of one."
        )
    if not record.may_propose(principal, found.facets, new=False):
        raise _not_permitted(record, found.facets.label)
    if edit.base_version is not None and edit.base_version != found.version:
        raise _moved(record, edit.key, found, edit.base_version)
    if found.retired and edit.operation != Operation.REVERT:
        raise Conflict(f"{found.facets.label} is retired.", field="key", fix="Revert it to a version to bring it back.")
    if edit.operation == Operation.RETIRE:
        return _row(change, edit, Draft(payload={"name": found.facets.label}, facets=found.facets), found, actor, now)
    draft = record.prepare(
        key=edit.key, payload=_wanted(record, edit), base=found.payload, principal=principal, created=created
    )
    _require_clearance(principal, edit.key, draft)
    if not record_differences(record, found.payload, draft.payload) and not found.retired:
        return None
    return _row(change, edit, draft, found, actor, now)


def check_record_bases(edits: Sequence[Edit]) -> None:
    """Refuse where a record has moved on since its edit was made. One or two queries for each kind."""
    for name, theirs in split(edits)[1].items():
        record = governed(name)
        states = record.states([edit.key for edit in theirs])
        for edit in theirs:
            found = states.get(edit.key)
            if edit.operation == Operation.CREATE:
                if found is not None:
                    raise StaleBase(
                        f"{edit.key} exists already.", field="key", fix=f"Choose another key, or revise the {name}."
                    )
            elif found is None or found.version != edit.base_version:
                raise _moved(record, edit.key, found, edit.base_version or 0)


def check_record_drafts(edits: Sequence[Edit], principal: Principal) -> None:
    """Check once more, as a whole, what is about to be reviewed: edits beside these may have come and gone."""
    items, records = split(edits)
    created = {edit.key: edit.payload for edit in items if edit.operation == Operation.CREATE}
    for name, theirs in records.items():
        record = governed(name)
        for edit in theirs:
            if edit.operation != Operation.RETIRE:
                record.prepare(key=edit.key, payload=edit.payload, base=None, principal=principal, created=created)


def record_bases(edits: Iterable[Edit]) -> dict[int, Payload]:
    """The payload each edit of a record was made on, by the edit's id. One query for each edit."""
    found = {}
    for name, theirs in split(edits)[1].items():
        record = governed(name)
        for edit in theirs:
            payload = record.payload_at(edit.key, edit.base_version) if edit.base_version is not None else None
            if payload is not None:
                found[edit.pk] = payload
    return found


def may_edit_record(principal: Principal, edit: Edit) -> bool:
    """Whether this person may go on editing what another proposed for a record: who might have proposed it."""
    record = governed(edit.record)
    found = record.states([edit.key]).get(edit.key)
    proposed = Facets(
        label=edit.label,
        domain=edit.domain,
        sensitivity=edit.sensitivity,
        owner=edit.owner,
        steward_ids=tuple(edit.steward_ids),
    )
    return record.may_propose(principal, found.facets if found is not None else proposed, new=found is None)


def _wanted(record: GovernedRecord, edit: EditInput) -> Payload:
    if edit.operation != Operation.REVERT:
        return dict(edit.payload)
    payload = record.payload_at(edit.key, edit.revert_to) if edit.revert_to is not None else None
    if payload is None:
        raise UnknownReference(
            f"{edit.key} has no version {edit.revert_to}.", field="revert_to", fix="Give the number of a version."
        )
    return {**payload, **edit.payload}


def _require_clearance(principal: Principal, key: str, draft: Draft) -> None:
    if draft.facets.sensitivity > principal.clearance:
        raise NotPermitted(f"{key} would be above your clearance.", field="sensitivity", fix="Choose a lower one.")


def _not_permitted(record: GovernedRecord, label: str) -> NotPermitted:
    return NotPermitted(
        f"You may not propose edits of the {record.noun.lower()} {label}.",
        field="key",
        fix="Ask its owner, a steward of its domain or an administrator to propose it.",
    )


def _moved(record: GovernedRecord, key: str, found: RecordState | None, base: int) -> StaleBase:
    current = found.version if found is not None else 0
    return StaleBase(
        f"{key} is at version {current}; this edit was made on version {base}.",
        field="base_version",
        limit=current,
        fix="Read the newer version and make the edit again on it.",
        keys=[f"{record.name}:{key}"],
    )


def _row(change: Change, edit: EditInput, draft: Draft, base: RecordState | None, actor: User, now: datetime) -> Edit:
    facets = draft.facets
    return Edit(
        change=change,
        record=edit.record,
        operation=edit.operation,
        key=edit.key,
        base_version=base.version if base is not None else None,
        payload=draft.payload,
        domain=facets.domain,
        sensitivity=facets.sensitivity,
        owner=facets.owner,
        steward_ids=sorted(facets.steward_ids),
        base_domain=base.facets.domain if base is not None else None,
        base_sensitivity=base.facets.sensitivity if base is not None else None,
        base_owner=base.facets.owner if base is not None else None,
        edited_by=actor,
        edited_at=now,
    )
