"""Rebasing an edit onto a newer version: what merges by itself, and each conflict for a person; must not guess."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from context.access import Principal, principal_for
from context.errors import Conflict, InvalidInput, NotFound
from context.models import ContextItem, ContextVersion, User
from governance.change_state import get_change
from governance.changes import put_edit
from governance.edits import EditInput, base_state
from governance.governed import at_address, governed
from governance.governed_merging import Choice, RecordMerge, merge_record
from governance.models import ITEM, Edit, Operation
from governance.proposals import FIELDS, Payload, state_of


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageConflict:
    """One place that both changed. `place` is `body.<n>`, or a field such as `data.limits`; sides as they stand."""

    place: str
    base: Any
    mine: Any
    theirs: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """An edit set on a newer version. `payload` holds mine wherever `conflicts` is open."""

    payload: Payload
    conflicts: tuple[PassageConflict, ...]
    onto_version: int
    taken_over: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of passages: settled text, or the three sides of a conflict."""

    text: list[str]
    conflict: PassageConflict | None = None


def plan_rebase(*, edit: Edit) -> Merge:
    """What rebasing this edit onto its item's current version would give. Reads three versions, writes nothing."""
    if edit.record != ITEM:
        merged, version = _merge_record(edit, {})
        return Merge(
            payload=merged.payload,
            conflicts=tuple(
                PassageConflict(place=each.place, base=each.base, mine=each.mine, theirs=each.theirs)
                for each in merged.conflicts
            ),
            onto_version=version,
            taken_over=merged.taken_over,
        )
    item = edit.item
    base = base_state(edit)
    if item is None or item.current_version is None or base is None or edit.operation != Operation.REVISE:
        raise Conflict(f"{edit.key} has nothing to be rebased onto.", field="key", fix="Make the edit again.")
    theirs = state_of(item, ContextVersion.objects.get(pk=item.current_version.pk))
    return merge(base=base, mine=edit.payload, theirs=theirs, onto_version=item.current_version.number)


def merge(*, base: Payload, mine: Payload, theirs: Payload, onto_version: int) -> Merge:
    """Merge three states: a field or passage that one side alone changed is taken; both differently is a conflict."""
    merged: Payload = {}
    conflicts: list[PassageConflict] = []
    taken: list[str] = []
    for name in FIELDS:
        if name == "body":
            for piece in merge_text(base["body"], mine["body"], theirs["body"]):
                if piece.conflict is not None:
                    conflicts.append(piece.conflict)
                merged["body"] = merged.get("body", []) + piece.text
            merged["body"] = "\n\n".join(merged.get("body", []))
            if theirs["body"] != base["body"]:
                taken.append("body")
        elif name == "data":
            merged["data"], found = _merge_fields("data.", base["data"], mine["data"], theirs["data"], taken)
            conflicts += found
        else:
            one, found = _merge_fields("", {name: base[name]}, {name: mine[name]}, {name: theirs[name]}, taken)
            merged[name] = one.get(name)
            conflicts += found
    return Merge(
        payload=merged, conflicts=tuple(conflicts), onto_version=onto_version, taken_over=tuple(sorted(set(taken)))
    )


def conflicts_told(conflicts: Sequence[PassageConflict], *, principal: Principal) -> tuple[PassageConflict, ...]:
    """The conflicts without relations whose other end this principal may not know of. One query."""
    sides = [side for each in conflicts if each.place == "relations" for side in (each.base, each.mine, each.theirs)]
    keys = {relation["key"] for side in sides for relation in side or ()}
    known = set(ContextItem.objects.visible_to(principal).filter(key__in=keys).values_list("key", flat=True))

    def told(side: Any) -> Any:
        return [relation for relation in side or () if relation["key"] in known]

    return tuple(
        replace(each, base=told(each.base), mine=told(each.mine), theirs=told(each.theirs))
        if each.place == "relations"
        else each
        for each in conflicts
    )


def rebase_edit(*, actor: User, change_id: int, key: str, choices: Mapping[str, Choice], now: datetime) -> Edit | None:
    """Set the edit on the current version, with a choice for every conflict; what was approved is void.

    Raises Conflict, naming the places, while one is undecided. Returns None where nothing is left to change.
    """
    change = get_change(principal=principal_for(actor), change_id=change_id)
    edit = change.edits.select_related("item__current_version").filter(at_address(key)).first()
    if edit is None:
        raise NotFound(f"Change {change.pk} has no edit of {key[:200]}.", field="key")
    plan = plan_rebase(edit=edit)
    unknown = sorted(set(choices) - {conflict.place for conflict in plan.conflicts})
    if unknown or not set(choices.values()) <= {"mine", "theirs", "both"}:
        raise InvalidInput("The choices do not fit the conflicts.", field="choices", fix="Read the conflicts again.")
    open_places = [conflict.place for conflict in plan.conflicts if conflict.place not in choices]
    if open_places:
        raise Conflict(
            f"{len(open_places)} conflicts of {key} are not decided.",
            field="choices",
            fix="Choose mine, theirs or both for each.",
            places=open_places,
        )
    if edit.record != ITEM:
        if "both" in choices.values():
            raise InvalidInput("A place cannot hold both.", field="choices", fix="Choose mine or theirs there.")
        payload = _merge_record(edit, choices)[0].payload
    else:
        payload = _decided(plan, edit, choices)
    revision = EditInput(
        operation="revise", record=edit.record, key=edit.key, payload=payload, base_version=plan.onto_version
    )
    return put_edit(actor=actor, change_id=change_id, edit=revision, now=now)


def _merge_record(edit: Edit, choices: Mapping[str, Choice]) -> tuple[RecordMerge, int]:
    record = governed(edit.record)
    theirs = record.states([edit.key]).get(edit.key)
    base = record.payload_at(edit.key, edit.base_version) if edit.base_version is not None else None
    if theirs is None or base is None or edit.operation != Operation.REVISE:
        raise Conflict(f"{edit.key} has nothing to be rebased onto.", field="key", fix="Make the edit again.")
    merged = merge_record(record, base=base, mine=edit.payload, theirs=theirs.payload, choices=choices)
    return merged, theirs.version


def _decided(plan: Merge, edit: Edit, choices: Mapping[str, Choice]) -> Payload:
    base = base_state(edit)
    if base is None or edit.item is None or edit.item.current_version is None:
        raise Conflict(f"{edit.key} has nothing to be rebased onto.", field="key")
    theirs = state_of(edit.item, edit.item.current_version)
    payload = dict(plan.payload)
    payload["data"] = dict(payload["data"])
    for conflict in plan.conflicts:
        choice = choices[conflict.place]
        if conflict.place.startswith("body."):
            continue
        if choice == "both":
            raise InvalidInput(
                f"{conflict.place} cannot hold both.", field="choices", fix="Choose mine or theirs there."
            )
        value = conflict.mine if choice == "mine" else conflict.theirs
        if conflict.place.startswith("data."):
            name = conflict.place.removeprefix("data.")
            payload["data"].pop(name, None)
            if value is not None:
                payload["data"][name] = value
        else:
            payload[conflict.place] = value
    passages: list[str] = []
    for piece in merge_text(base["body"], edit.payload["body"], theirs["body"]):
        if piece.conflict is None:
            passages += piece.text
            continue
        choice = choices[piece.conflict.place]
        sides = {"mine": [piece.conflict.mine], "theirs": [piece.conflict.theirs]}
        sides["both"] = sides["theirs"] + sides["mine"]
        passages += [side for side in sides[choice] if side]
    payload["body"] = "\n\n".join(passages)
    return payload


def _merge_fields(
    prefix: str, base: Payload, mine: Payload, theirs: Payload, taken: list[str]
) -> tuple[Payload, list[PassageConflict]]:
    merged: Payload = {}
    conflicts = []
    for name in sorted({*base, *mine, *theirs}):
        was, ours, other = base.get(name), mine.get(name), theirs.get(name)
        if ours == other or other == was:
            value = ours
        elif ours == was:
            value = other
            taken.append(f"{prefix}{name}")
        else:
            value = ours
            conflicts.append(PassageConflict(place=f"{prefix}{name}", base=was, mine=ours, theirs=other))
        if value is not None:
            merged[name] = value
    return merged, conflicts


def _passages(text: str) -> list[str]:
    return [passage for passage in re.split(r"\n{2,}", text.strip("\n")) if passage]


def merge_text(base: str, mine: str, theirs: str) -> list[Piece]:
    """Three-way merge by passages (blank lines part them), after the diff3 algorithm (Khanna, Kunal, Pierce 2007)."""
    origin, ours, other = _passages(base), _passages(mine), _passages(theirs)
    mine_at, theirs_at = _matches(origin, ours), _matches(origin, other)
    pieces: list[Piece] = []
    here = (0, 0, 0)
    count = 0
    stable = [index for index in range(len(origin)) if index in mine_at and index in theirs_at]
    for index in [*stable, None]:
        upto = (len(origin), len(ours), len(other)) if index is None else (index, mine_at[index], theirs_at[index])
        chunk = (origin[here[0] : upto[0]], ours[here[1] : upto[1]], other[here[2] : upto[2]])
        for was, left, right in _one_by_one(*chunk):
            if left == right or right == was:
                pieces.append(Piece(left))
            elif left == was:
                pieces.append(Piece(right))
            else:
                count += 1
                before, mine_text, theirs_text = ("\n\n".join(side) for side in (was, left, right))
                conflict = PassageConflict(place=f"body.{count}", base=before, mine=mine_text, theirs=theirs_text)
                pieces.append(Piece(left, conflict))
        if index is not None:
            pieces.append(Piece([origin[index]]))
            here = (upto[0] + 1, upto[1] + 1, upto[2] + 1)
    return pieces


def _one_by_one(was: list[str], left: list[str], right: list[str]) -> list[tuple[list[str], list[str], list[str]]]:
    """A run of passages that kept its length on both sides is taken as passages rewritten in place."""
    if len(was) == len(left) == len(right):
        return [([a], [b], [c]) for a, b, c in zip(was, left, right, strict=True)]
    return [(was, left, right)]


def _matches(origin: list[str], changed: list[str]) -> dict[int, int]:
    """Which passage of `changed` each unchanged passage of `origin` is, in order."""
    blocks = SequenceMatcher(None, origin, changed, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}
