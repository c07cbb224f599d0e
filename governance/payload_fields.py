"""The fields of a payload one by one: each checked against its type and limit; must not know the item as a whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from context.access import Principal
from context.errors import InvalidInput
from context.models import RelationType, Sensitivity
from context.moments import moment_of
from governance.drift.sources.places import WATCHED, place_of
from governance.references import References, UnknownReference, shown

LONGEST_TITLE = 300
LONGEST_BODY = 1_000_000
LONGEST_DATA = 262_144
LONGEST_KEY = 200
MOST_TAGS = 50
LONGEST_TAG = 60
MOST_RELATIONS = 500
MOST_PEOPLE = 100
LONGEST_INTERVAL_DAYS = 3_650
LOCALE = re.compile(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
SOURCE_FIELDS = {"kind": 20, "uri": 1000, "fingerprint": 128}


def text(value: Any, name: str, limit: int, *, required: bool = False) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text.", field=name, fix="Send a string.")
    if required and not value.strip():
        raise InvalidInput(f"{name} is empty.", field=name, fix=f"Give a {name}.")
    if len(value) > limit:
        raise InvalidInput(
            f"{name} has {len(value):,} characters.",
            field=name,
            limit=limit,
            fix=f"Shorten it to {limit:,} characters.",
        )
    return value


def names(value: Any, name: str, *, limit: int, longest: int) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise InvalidInput(f"{name} must be a list of texts.", field=name, fix="Send an array of strings.")
    cleaned = sorted({part.strip() for part in value if part.strip()})
    if len(cleaned) > limit:
        raise InvalidInput(f"{name} has {len(cleaned)} entries.", field=name, limit=limit, fix="Keep fewer of them.")
    for part in cleaned:
        if len(part) > longest:
            raise InvalidInput(f"An entry of {name} is too long.", field=name, limit=longest, fix="Shorten it.")
    return cleaned


def sensitivity_of(word: Any, principal: Principal) -> Sensitivity:
    if not isinstance(word, str) or word not in Sensitivity.labels:
        raise InvalidInput(
            f"{shown(word)} is not a sensitivity.",
            field="sensitivity",
            fix=f"Use one of: {', '.join(Sensitivity.labels)}.",
        )
    level = Sensitivity.from_word(word)
    if level > principal.clearance:
        raise InvalidInput(
            f"You may not write {word} text: it is above your clearance.",
            field="sensitivity",
            limit=Sensitivity(max(principal.clearance, 0)).word,
            fix="Choose a lower sensitivity, or ask somebody with that clearance.",
        )
    return level


def parse_moment(value: Any, name: str) -> datetime | None:
    """A moment from ISO 8601 text (a date alone is midnight UTC), or None; InvalidInput names the field otherwise."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), tzinfo=UTC)
    moment = moment_of(value) if isinstance(value, str) else None
    if moment is not None and 1900 <= moment.year <= 2999:
        return moment
    raise InvalidInput(
        f"{shown(value)} is not a moment between 1900 and 2999.",
        field=name,
        fix="Write a date such as 2026-12-01, or a time such as 2026-12-01T09:00:00Z.",
    )


def locale(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 35 or not LOCALE.match(value):
        raise InvalidInput(f"{shown(value)} is not a language tag.", field="locale", fix="Write en, de, en-GB, …")
    return value


def interval(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_INTERVAL_DAYS:
        raise InvalidInput(
            "The review interval must be a number of days.",
            field="review_interval_days",
            limit=LONGEST_INTERVAL_DAYS,
            fix=f"Give a whole number from 1 to {LONGEST_INTERVAL_DAYS}.",
        )
    return int(value)


def relations(value: Any, references: References) -> list[dict[str, str]]:
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        raise InvalidInput("relations must be a list.", field="relations", fix='Send [{"type": …, "key": …}].')
    if len(value) > MOST_RELATIONS:
        raise InvalidInput("There are too many relations.", field="relations", limit=MOST_RELATIONS, fix="Keep fewer.")
    wanted = set()
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) != {"type", "key"}:
            raise InvalidInput(
                "Each relation is an object with type and key.", field="relations", fix='Send [{"type": …, "key": …}].'
            )
        if entry["type"] not in RelationType.values:
            raise InvalidInput(
                f"{shown(entry['type'])} is not a type of relation.",
                field="relations.type",
                fix=f"Use one of: {', '.join(RelationType.values)}.",
            )
        wanted.add((str(entry["type"]), str(entry["key"])))
    references.load_items([key for _, key in wanted if key not in references.created_keys])
    for _, key in wanted:
        if key not in references.created_keys and references.item(key) is None:
            raise UnknownReference(
                f"There is no item {shown(key)} to relate to.", field="relations", fix="Give the key of an item."
            )
    return [{"type": name, "key": key} for name, key in sorted(wanted)]


def source(value: Any) -> dict[str, str] | None:
    if not value:
        return None
    if not isinstance(value, Mapping) or not set(value) <= set(SOURCE_FIELDS):
        raise InvalidInput(
            "source is an object with kind, uri and fingerprint.", field="source", fix="Leave out other fields."
        )
    named = {name: text(value.get(name, ""), f"source.{name}", limit) for name, limit in SOURCE_FIELDS.items()}
    if named["kind"] in WATCHED:
        # What is watched has to be found: a place that is none is said now, and not by a finding tomorrow.
        place_of(named["kind"], named["uri"])
    return named
