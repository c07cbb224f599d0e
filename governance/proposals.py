"""The full proposed state of one item: normalised, checked, compared and digested; must not write rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from django.contrib.auth.models import Group
from django.utils.text import slugify

from context import kinds
from context.access import Principal
from context.digests import canonical, check_storable, digest_of, iso
from context.errors import DomainError, InvalidInput
from context.models import ContextItem, ContextVersion, Domain, Kind, RelationType, Sensitivity, User
from context.models.items import KEY_PATTERN

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

CONTENT_FIELDS = ("title", "body", "data", "claims", "locale", "valid_from", "valid_to")
METADATA_FIELDS = (
    "kind",
    "domain",
    "owner",
    "stewards",
    "sensitivity",
    "audiences",
    "tags",
    "review_interval_days",
    "relations",
    "source",
)
FIELDS = CONTENT_FIELDS + METADATA_FIELDS

Payload = dict[str, Any]


class UnknownReference(DomainError):
    """A named kind, domain, person, group or item is not there, or not the actor's to see."""

    type = "unknown-reference"
    title = "Something named here does not exist"
    status = 422


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldDifference:
    """One field that a proposal changes; values as they stand in the payload, None where there was none."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """A checked payload with what it refers to, resolved."""

    payload: Payload
    kind: Kind
    domain: Domain
    owner: User | None
    stewards: tuple[User, ...]
    audiences: tuple[Group, ...]
    sensitivity: Sensitivity


@dataclass(kw_only=True)
class References:
    """Looks up what payloads name, each thing once, so that 250 edits cost a handful of queries."""

    principal: Principal
    created_keys: set[str] = field(default_factory=set)
    _kinds: dict[str, Kind] = field(default_factory=dict)
    _domains: dict[str, Domain] = field(default_factory=dict)
    _groups: dict[str, Group] = field(default_factory=dict)
    _users: dict[str, User | None] = field(default_factory=dict)
    _items: dict[str, ContextItem | None] = field(default_factory=dict)

    def kind(self, slug: Any) -> Kind:
        if not self._kinds:
            self._kinds = {kind.slug: kind for kind in Kind.objects.all()}
        if not isinstance(slug, str) or slug not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise UnknownReference(f"There is no kind {_shown(slug)}.", field="kind", fix=f"Use one of: {known}.")
        return self._kinds[slug]

    def domain(self, slug: Any) -> Domain:
        if not isinstance(slug, str) or slug not in self._domains:
            self._domains = {domain.slug: domain for domain in Domain.objects.select_related("parent", "owner")}
        if not isinstance(slug, str) or slug not in self._domains:
            known = ", ".join(sorted(self._domains)) or "none yet: an administrator adds the first"
            raise UnknownReference(f"There is no domain {_shown(slug)}.", field="domain", fix=f"Use one of: {known}.")
        return self._domains[slug]

    def user(self, username: Any, *, field_name: str) -> User:
        if isinstance(username, str) and username not in self._users:
            self._users[username] = User.objects.filter(username=username).first()
        found = self._users.get(username) if isinstance(username, str) else None
        if found is None:
            raise UnknownReference(
                f"There is no person {_shown(username)}.", field=field_name, fix="Give the username of a person."
            )
        return found

    def group(self, name: Any) -> Group:
        if not isinstance(name, str) or name not in self._groups:
            self._groups = {group.name: group for group in Group.objects.all()}
        if not isinstance(name, str) or name not in self._groups:
            raise UnknownReference(
                f"There is no audience {_shown(name)}.", field="audiences", fix="Give the name of a group."
            )
        return self._groups[name]

    def load_items(self, keys: Iterable[str]) -> None:
        """Fetch these items in one query, so that `item` does not ask for each."""
        wanted = {key for key in keys if key not in self._items}
        found = ContextItem.objects.visible_to(self.principal).select_related(
            "kind", "domain__parent", "owner", "current_version"
        )
        by_key = {item.key: item for item in found.filter(key__in=wanted)}
        self._items.update({key: by_key.get(key) for key in wanted})

    def item(self, key: str) -> ContextItem | None:
        """The item, or None where there is none or the actor may not know of it."""
        if key not in self._items:
            self.load_items([key])
        return self._items[key]


def state_of(item: ContextItem, version: ContextVersion) -> Payload:
    """The payload that would publish this version again unchanged."""
    return {
        "title": version.title,
        "body": version.body,
        "data": version.data,
        "claims": version.claims,
        "locale": version.locale,
        "valid_from": None,
        "valid_to": iso(version.valid_to) if version.valid_to else None,
        **{name: version.metadata.get(name) for name in METADATA_FIELDS},
    }


def prepare(payload: Mapping[str, Any], *, base: Payload | None, references: References) -> Proposal:
    """Check a payload, taking from `base` what it leaves out, and resolve what it names.

    Raises InvalidInput, SchemaViolation or UnknownReference, each naming the field, the limit and the fix.
    """
    unknown = sorted(set(map(str, payload)) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"There is no field {_shown(unknown[0])} on an item.",
            field=unknown[0][:100],
            fix=f"Use: {', '.join(FIELDS)}.",
        )
    merged: Payload = {**_defaults(), **(base or {}), **payload}
    for name in FIELDS:
        check_storable(merged[name], field=name)
    kind, domain = references.kind(merged["kind"]), references.domain(merged["domain"])
    if base is None and payload.get("review_interval_days") is None:
        merged["review_interval_days"] = kind.default_review_interval_days
    sensitivity = _sensitivity(merged["sensitivity"], references.principal)
    owner = references.user(merged["owner"], field_name="owner") if merged["owner"] else None
    stewards = tuple(
        references.user(name, field_name="stewards")
        for name in _names(merged["stewards"], "stewards", limit=MOST_PEOPLE, longest=150)
    )
    audiences = tuple(
        references.group(name) for name in _names(merged["audiences"], "audiences", limit=MOST_PEOPLE, longest=150)
    )
    valid_from, valid_to = _moment(merged["valid_from"], "valid_from"), _moment(merged["valid_to"], "valid_to")
    if valid_from and valid_to and valid_to <= valid_from:
        raise InvalidInput(
            "The end of validity must come after its start.", field="valid_to", fix="Choose a later end, or none."
        )
    data = merged["data"] if merged["data"] is not None else {}
    if not isinstance(data, dict):
        raise InvalidInput("data must be an object.", field="data", fix="Send a JSON object that fits the kind.")
    if len(canonical(data)) > LONGEST_DATA:
        raise InvalidInput(
            "The structured data is too large.", field="data", limit=LONGEST_DATA, fix="Move long text to the body."
        )
    kinds.check(data, kind.schema)
    claims = merged["claims"] if merged["claims"] is not None else []
    kinds.check(claims, kinds.claims_schema(), root="claims")
    clean: Payload = {
        "title": _text(merged["title"], "title", LONGEST_TITLE, required=True).strip(),
        "body": _text(merged["body"], "body", LONGEST_BODY).replace("\r\n", "\n"),
        "data": data,
        "claims": claims,
        "locale": _locale(merged["locale"]),
        "valid_from": iso(valid_from) if valid_from else None,
        "valid_to": iso(valid_to) if valid_to else None,
        "kind": kind.slug,
        "domain": domain.slug,
        "owner": owner.username if owner else None,
        "stewards": [person.username for person in stewards],
        "sensitivity": sensitivity.word,
        "audiences": [group.name for group in audiences],
        "tags": _names(merged["tags"], "tags", limit=MOST_TAGS, longest=LONGEST_TAG),
        "review_interval_days": _interval(merged["review_interval_days"]),
        "relations": _relations(merged["relations"], references),
        "source": _source(merged["source"]),
    }
    return Proposal(
        payload=clean,
        kind=kind,
        domain=domain,
        owner=owner,
        stewards=stewards,
        audiences=audiences,
        sensitivity=sensitivity,
    )


def key_for(domain: Domain, title: str) -> str:
    """A key made from the title, for a new item whose author gave none."""
    slug = slugify(title)[: LONGEST_KEY - len(domain.slug) - 1].strip("-") or "untitled"
    return f"{domain.slug}/{slug.replace('_', '-')}"


def check_key(key: Any, domain: Domain) -> str:
    """Refuse a key that is not `<domain>/<slug>` in this domain."""
    if not isinstance(key, str) or len(key) > LONGEST_KEY or not re.fullmatch(KEY_PATTERN, key):
        raise InvalidInput(
            f"{_shown(key)} is not a key.",
            field="key",
            limit=LONGEST_KEY,
            fix="Write domain/slug in lower-case letters, digits and hyphens.",
        )
    if key.split("/", 1)[0] != domain.slug:
        raise InvalidInput(
            f"The key {key} does not begin with its domain {domain.slug}.",
            field="key",
            fix=f"Begin it with {domain.slug}/.",
        )
    return key


def differences(before: Payload | None, after: Payload) -> list[FieldDifference]:
    """The fields that differ, content first; data is compared per property (`data.<name>`)."""
    found = []
    for name in FIELDS:
        was, now = (before or {}).get(name), after.get(name)
        if name == "data":
            was, now = was or {}, now or {}
            found += [
                FieldDifference(field=f"data.{part}", before=was.get(part), after=now.get(part))
                for part in sorted({*was, *now})
                if was.get(part) != now.get(part)
            ]
        elif was != now and (was or now):
            found.append(FieldDifference(field=name, before=was, after=now))
    return found


def version_digest(key: str, payload: Payload) -> str:
    """SHA-256 over the key and everything that was approved with this text."""
    return digest_of({"key": key, **{name: payload[name] for name in FIELDS}})


def _defaults() -> Payload:
    return {
        "title": "",
        "body": "",
        "data": {},
        "claims": [],
        "locale": "en",
        "valid_from": None,
        "valid_to": None,
        "kind": None,
        "domain": None,
        "owner": None,
        "stewards": [],
        "sensitivity": "internal",
        "audiences": [],
        "tags": [],
        "review_interval_days": None,
        "relations": [],
        "source": None,
    }


def parse_moment(value: Any, field_name: str) -> datetime | None:
    """A moment from ISO 8601 text (a date alone is midnight UTC), or None; InvalidInput names the field otherwise."""
    return _moment(value, field_name)


def _shown(value: Any) -> str:
    return repr(value)[:80]


def _text(value: Any, name: str, limit: int, *, required: bool = False) -> str:
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


def _names(value: Any, name: str, *, limit: int, longest: int) -> list[str]:
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


def _sensitivity(word: Any, principal: Principal) -> Sensitivity:
    if not isinstance(word, str) or word not in Sensitivity.labels:
        raise InvalidInput(
            f"{_shown(word)} is not a sensitivity.",
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


def _moment(value: Any, name: str) -> datetime | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), tzinfo=UTC)
    if isinstance(value, str) and len(value) <= 40:
        try:
            parsed = datetime.fromisoformat(value)
            moment = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        except (ValueError, OverflowError):
            moment = None
        if moment is not None and 1900 <= moment.year <= 2999:
            return moment
    raise InvalidInput(
        f"{_shown(value)} is not a moment between 1900 and 2999.",
        field=name,
        fix="Write a date such as 2026-12-01, or a time such as 2026-12-01T09:00:00Z.",
    )


def _locale(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 35 or not LOCALE.match(value):
        raise InvalidInput(f"{_shown(value)} is not a language tag.", field="locale", fix="Write en, de, en-GB, …")
    return value


def _interval(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_INTERVAL_DAYS:
        raise InvalidInput(
            "The review interval must be a number of days.",
            field="review_interval_days",
            limit=LONGEST_INTERVAL_DAYS,
            fix=f"Give a whole number from 1 to {LONGEST_INTERVAL_DAYS}.",
        )
    return int(value)


def _relations(value: Any, references: References) -> list[dict[str, str]]:
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
                f"{_shown(entry['type'])} is not a type of relation.",
                field="relations.type",
                fix=f"Use one of: {', '.join(RelationType.values)}.",
            )
        wanted.add((str(entry["type"]), str(entry["key"])))
    references.load_items([key for _, key in wanted if key not in references.created_keys])
    for _, key in wanted:
        if key not in references.created_keys and references.item(key) is None:
            raise UnknownReference(
                f"There is no item {_shown(key)} to relate to.", field="relations", fix="Give the key of an item."
            )
    return [{"type": name, "key": key} for name, key in sorted(wanted)]


def _source(value: Any) -> dict[str, str] | None:
    if not value:
        return None
    if not isinstance(value, Mapping) or not set(value) <= set(SOURCE_FIELDS):
        raise InvalidInput(
            "source is an object with kind, uri and fingerprint.", field="source", fix="Leave out other fields."
        )
    return {name: _text(value.get(name, ""), f"source.{name}", limit) for name, limit in SOURCE_FIELDS.items()}
