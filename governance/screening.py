"""Screens what a change would publish, field by field, and binds approvals to the warnings they were given in view of.

Nothing is changed and nothing is blocked by a warning alone. But whoever approves says that they have seen the serious
ones, by their digest; and what nobody has seen is not published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from context.digests import canonical
from context.errors import Conflict
from context.screening import Alarm, screen, shielded, visible
from governance.models import ITEM, Change, Decision, Edit, Operation, Review

# Names of records and people, and what was chosen from a list: nobody writes text there.
_NOT_WRITTEN = frozenset(
    {"kind", "domain", "owner", "stewards", "sensitivity", "audiences", "relations", "locale", "valid_from", "valid_to"}
)
AROUND = 60
DEEPEST = 30


class ScreeningUnread(Conflict):
    """An approval does not say that its giver has seen the warnings about the text as it stands."""

    type = "screening-unread"
    title = "There are warnings about the text that you have not acknowledged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A warning about one field of one edit. `before` and `after` are what stands around the place, made visible."""

    record: str
    key: str
    title: str
    field: str
    alarm: Alarm
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """All warnings about a change; `digest` is of the serious ones, and empty where there are none."""

    found: tuple[Found, ...]
    digest: str

    @property
    def serious(self) -> tuple[Found, ...]:
        return tuple(each for each in self.found if each.alarm.serious)


def screen_edits(edits: Iterable[Edit]) -> Screening:
    """What reviewers of these edits have to have seen. No query; a second for each megabyte that was not met before."""
    found = [
        each
        for edit in edits
        if edit.operation != Operation.RETIRE
        for each in screen_payload(edit.payload, record=edit.record, key=edit.key, title=edit.label)
    ]
    return Screening(found=tuple(found), digest=_digest(found))


def screen_payload(payload: Mapping[str, Any], *, record: str = ITEM, key: str = "", title: str = "") -> list[Found]:
    """The warnings about each text of a payload, with the path of the field it stands in."""
    found: list[Found] = []
    for path, text in _texts(payload, record):
        alarms = screen(text)
        shown = shielded(text, alarms) if alarms else text
        found += [
            Found(
                record=record,
                key=key,
                title=title,
                field=path,
                alarm=alarm,
                before=visible(shown[max(0, alarm.start - AROUND) : alarm.start]),
                after=visible(shown[alarm.end : alarm.end + AROUND]),
            )
            for alarm in alarms
        ]
    return found


def acknowledged(change: Change, edits: Sequence[Edit], *, screening: str) -> dict[str, Any]:
    """What an approval, or an emergency, writes down of the warnings it was given in view of. ScreeningUnread where it
    names others.
    """
    found = screen_edits(edits)
    if found.digest != screening and found.digest:
        raise ScreeningUnread(
            f"There {_counted(len(found.serious))} about the text of change {change.pk} to read first.",
            field="screening",
            limit=found.digest,
            fix="Read them on the page of the change, and say so by sending their digest.",
        )
    return {"digest": found.digest, "warnings": len(found.serious)} if found.digest else {}


def require_acknowledged(change: Change, edits: Sequence[Edit]) -> None:
    """Refuse where an approval of the text as it stands was given without the warnings that there are now."""
    found = screen_edits(edits)
    if not found.digest:
        return
    for review in change.reviews.all():
        if review.decision == Decision.APPROVE and review.digest == change.digest and seen(review) != found.digest:
            raise ScreeningUnread(
                f"{review.reviewer_label} approved without having seen a warning that there is now.",
                field="screening",
                limit=found.digest,
                fix="Reopen and submit the change, so that it is approved in view of its warnings.",
            )


def seen(review: Review) -> str:
    """The digest of the warnings that this decision was made in view of."""
    stated = review.receipt.get("screening") or {}
    return str(stated.get("digest", ""))


def _texts(payload: Mapping[str, Any], record: str) -> Iterator[tuple[str, str]]:
    for name, value in payload.items():
        if record != ITEM or name not in _NOT_WRITTEN:
            yield from _within(value, name, 0)


def _within(value: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif depth < DEEPEST and isinstance(value, Mapping):
        for name, inner in value.items():
            yield f"{path}.{name} (its name)", str(name)
            yield from _within(inner, f"{path}.{name}", depth + 1)
    elif depth < DEEPEST and isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _within(inner, f"{path}.{number}", depth + 1)


def _digest(found: Sequence[Found]) -> str:
    """Of the places alone: what stands there is bound by the change's own digest."""
    serious = [
        [each.record, each.key, each.field, each.alarm.check, each.alarm.kind, each.alarm.start, each.alarm.end]
        for each in found
        if each.alarm.serious
    ]
    return hashlib.sha256(canonical(serious)).hexdigest() if serious else ""


def _counted(number: int) -> str:
    return "is 1 warning" if number == 1 else f"are {number} warnings"
