"""Reads changes for those who may see them: lists, their edits, and what each edit changes; must not write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet

from context.access import Principal
from context.diffs import TextDiff, diff_text
from context.errors import NotFound
from governance.change_state import get_change
from governance.governed import at_address, governed
from governance.governed_diffs import record_differences
from governance.models import ITEM, Change, Edit, Operation
from governance.proposals import FieldDifference, differences
from governance.relation_ends import known_ends, without_unknown_ends
from governance.summaries import base_states, terms_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeFilters:
    """Which changes are asked for; what is empty is not filtered by. `key` is of something that the change edits."""

    state: str = ""
    author: str = ""
    key: str = ""
    record: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EditComparison:
    """What one edit changes against the version it was made on; a retirement changes no field."""

    edit: Edit
    body: TextDiff
    fields: tuple[FieldDifference, ...]


def changes_of(*, principal: Principal, filters: ChangeFilters) -> QuerySet[Change]:
    """The changes that the principal may see, with the number of their edits. One query when read."""
    changes = Change.objects.visible_to(principal)
    if filters.state:
        changes = changes.filter(state=filters.state)
    if filters.author:
        changes = changes.filter(author__username=filters.author)
    if filters.key or filters.record:
        edits = Edit.objects.filter(change=OuterRef("pk"))
        edits = edits.filter(key=filters.key) if filters.key else edits
        changes = changes.filter(Exists(edits.filter(record=filters.record) if filters.record else edits))
    return changes.select_related("author", "published_by").annotate(edits_count=Count("edits"))


def read_change(*, principal: Principal, change_id: int) -> Change:
    """The change with its people, its reviews and the keys it edits. Five queries, however many edits it has."""
    change = (
        Change.objects.visible_to(principal)
        .select_related("author", "published_by", "scheduled_by")
        .prefetch_related(
            "editors", "reviews__reviewer", Prefetch("edits", queryset=Edit.objects.only("change", "record", "key"))
        )
        .filter(pk=change_id)
        .first()
    )
    if change is None:
        raise NotFound(f"There is no change {change_id}.")
    return change


def edits_of(*, principal: Principal, change_id: int) -> QuerySet[Edit]:
    """The edits of a visible change."""
    change = get_change(principal=principal, change_id=change_id)
    return change.edits.select_related("kind", "domain", "item", "edited_by")


def read_edit(*, principal: Principal, change_id: int, key: str) -> Edit:
    """The edit of one item, or of what else is at this address."""
    edit = edits_of(principal=principal, change_id=change_id).filter(at_address(key)).first()
    if edit is None:
        raise NotFound(f"Change {change_id} has no such edit.")
    return edit


def proposed_states(*, principal: Principal, edits: Sequence[Edit]) -> dict[int, dict[str, Any]]:
    """What each edit proposes, by its id, as far as the principal may know where its relations lead."""
    known = known_ends(principal=principal, edits=edits)
    return {edit.pk: without_unknown_ends(edit.payload, known) for edit in edits}


def compare_edits(*, principal: Principal, edits: Sequence[Edit]) -> list[EditComparison]:
    """What each edit changes, for this reader. One query for all the versions they were made on, two for relations, and
    one for terms where texts differ.
    """
    bases = base_states([edit for edit in edits if edit.operation != Operation.CREATE])
    known = known_ends(principal=principal, edits=edits, bases=bases.values())
    shown = {pk: without_unknown_ends(base, known) for pk, base in bases.items()}
    terms = terms_of(edits, bases)
    return [
        _compare(edit, without_unknown_ends(edit.payload, known), shown.get(edit.pk), terms.get(edit.pk, frozenset()))
        for edit in edits
    ]


def _compare(edit: Edit, payload: dict[str, Any], base: dict[str, Any] | None, terms: frozenset[str]) -> EditComparison:
    if edit.operation == Operation.RETIRE:
        return EditComparison(edit=edit, body=diff_text("", ""), fields=())
    if edit.record != ITEM:
        fields = record_differences(governed(edit.record), base, payload)
        return EditComparison(edit=edit, body=diff_text("", ""), fields=tuple(fields))
    before = str((base or {}).get("body") or "")
    found = differences(base, payload)
    return EditComparison(
        edit=edit,
        body=diff_text(before, str(payload.get("body") or ""), terms=terms),
        fields=tuple(difference for difference in found if difference.field != "body"),
    )
