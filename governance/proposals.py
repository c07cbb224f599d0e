"""The full proposed state of one item: normalised, checked, compared and digested; must not write rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.utils.text import slugify

from context import kinds
from context.digests import canonical, check_storable, digest_of, iso
from context.errors import InvalidInput
from context.models import ContextItem, ContextVersion, Domain, Kind, Sensitivity, User
from context.models.items import KEY_PATTERN
from governance.payload_fields import (
    LONGEST_BODY,
    LONGEST_DATA,
    LONGEST_KEY,
    LONGEST_TAG,
    LONGEST_TITLE,
    MOST_PEOPLE,
    MOST_TAGS,
    interval,
    locale,
    names,
    parse_moment,
    relations,
    sensitivity_of,
    source,
    text,
)
from governance.references import References, shown

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
            f"There is no field {shown(unknown[0])} on an item.",
            field=unknown[0][:100],
            fix=f"Use: {', '.join(FIELDS)}.",
        )
    merged: Payload = {**_defaults(), **(base or {}), **payload}
    for name in FIELDS:
        check_storable(merged[name], field=name)
    kind, domain = references.kind(merged["kind"]), references.domain(merged["domain"])
    sensitivity = sensitivity_of(merged["sensitivity"], references.principal)
    if base is None and payload.get("review_interval_days") is None:
        merged["review_interval_days"] = references.interval(kind, sensitivity)
    owner = references.user(merged["owner"], field_name="owner") if merged["owner"] else None
    stewards = tuple(
        references.user(name, field_name="stewards")
        for name in names(merged["stewards"], "stewards", limit=MOST_PEOPLE, longest=150)
    )
    audiences = tuple(
        references.group(name) for name in names(merged["audiences"], "audiences", limit=MOST_PEOPLE, longest=150)
    )
    valid_from, valid_to = (
        parse_moment(merged["valid_from"], "valid_from"),
        parse_moment(merged["valid_to"], "valid_to"),
    )
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
        "title": text(merged["title"], "title", LONGEST_TITLE, required=True).strip(),
        "body": text(merged["body"], "body", LONGEST_BODY).replace("\r\n", "\n"),
        "data": data,
        "claims": claims,
        "locale": locale(merged["locale"]),
        "valid_from": iso(valid_from) if valid_from else None,
        "valid_to": iso(valid_to) if valid_to else None,
        "kind": kind.slug,
        "domain": domain.slug,
        "owner": owner.username if owner else None,
        "stewards": [person.username for person in stewards],
        "sensitivity": sensitivity.word,
        "audiences": [group.name for group in audiences],
        "tags": names(merged["tags"], "tags", limit=MOST_TAGS, longest=LONGEST_TAG),
        "review_interval_days": interval(merged["review_interval_days"]),
        "relations": relations(merged["relations"], references),
        "source": source(merged["source"]),
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
            f"{shown(key)} is not a key.",
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
