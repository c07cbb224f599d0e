"""The form in which a person proposes an item, filled from a version, a draft or what was typed; holds no rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from context.errors import DomainError
from context.kinds import claims_schema
from context.models import Kind, RelationType
from context.schema_controls import schema_of
from governance.forms.schema_fields import (
    FormField,
    build_fields,
    read_data,
    with_row_added,
    with_row_removed,
    without_blanks,
)

RELATIONS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "relations": {
            "type": "array",
            "title": "Relations",
            "items": {
                "type": "object",
                "title": "relation",
                "properties": {
                    "type": {
                        "type": "string",
                        "title": "This text",
                        "enum": list(RelationType.values),
                        "x-labels": dict(RelationType.choices),
                    },
                    "key": {
                        "type": "string",
                        "title": "Key of the other item",
                        "description": "For example legal/payment-terms.",
                    },
                },
                "required": ["type", "key"],
            },
        }
    },
}
_PLAIN = ("title", "body", "locale", "owner", "sensitivity", "domain")
_NAMES = ("stewards", "audiences")
LABELS = {
    "title": "Title",
    "body": "Text",
    "key": "Key",
    "domain": "Domain",
    "owner": "Owner",
    "stewards": "Stewards",
    "sensitivity": "Sensitivity",
    "audiences": "Audiences",
    "tags": "Tags",
    "review_interval_days": "Days between reviews",
    "locale": "Language",
    "valid_from": "In force from",
    "valid_to": "In force until",
    "relations": "Relations",
    "source": "Source",
    "claims": "Claims",
    "reason": "Why",
    "change_title": "Title of the change",
    "data": "Facts",
}


@dataclass(kw_only=True)
class EditForm:
    """What the page shows. `payload` is the state as typed; `errors` maps field names to messages."""

    kind: Kind
    payload: dict[str, Any]
    key: str = ""
    reason: str = ""
    change_title: str = ""
    base_version: int | None = None
    change_id: int | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    @property
    def data_fields(self) -> list[FormField]:
        return build_fields(schema_of(self.kind), self.payload.get("data") or {}, errors=self.errors)

    @property
    def claims_field(self) -> FormField:
        return build_fields(_claims(), {"claims": self.payload.get("claims")}, errors=self.errors, prefix="")[0]

    @property
    def relations_field(self) -> FormField:
        made = build_fields(
            RELATIONS_SCHEMA, {"relations": self.payload.get("relations")}, errors=self.errors, prefix=""
        )
        return made[0]

    @property
    def tags(self) -> str:
        value = self.payload.get("tags")
        return ", ".join(value) if isinstance(value, list) else str(value or "")

    @property
    def valid_from(self) -> str:
        return for_control(self.payload.get("valid_from"))

    @property
    def valid_to(self) -> str:
        return for_control(self.payload.get("valid_to"))

    @property
    def summary(self) -> list[tuple[str, str, str]]:
        """(id of the control, label, message) of everything wrong, in the order of the form."""
        inner = [*self.data_fields, self.claims_field, self.relations_field]
        found = [entry for each in inner for entry in each.all_errors]
        known = {each.name for each in inner if each.errors}
        for name, messages in self.errors.items():
            if "." not in name and name not in known:
                found.extend((f"f-{name}", LABELS.get(name, name), message) for message in messages)
        return found

    def add(self, error: DomainError) -> None:
        """Put a refusal of the domain beside the field it names; above the form where it names none of them."""
        places = error.extra.get("violations") or [{"field": error.field, "message": said(error)}]
        shown = {entry[0] for entry in self.summary}
        for place in places:
            name = str(place["field"] or "")
            name = name.split(".")[0] if name.split(".")[0] in ("relations", "source") else name
            self.errors.setdefault(name, []).append(str(place["message"]))
            after = {entry[0] for entry in self.summary}
            if after == shown and name.split(".")[0] not in LABELS:
                self.errors.pop(name)
                self.general.append(str(place["message"]))
            elif after == shown and "." in name:
                # A missing property is reported at the object that lacks it: say it at the top of that part.
                self.errors.pop(name)
                self.general.append(f"{LABELS.get(name.split('.')[0], name)}: {place['message']}")
            shown = after


def read_payload(posted: QueryDict, kind: Kind, base: Mapping[str, Any]) -> dict[str, Any]:
    """The proposed state as typed. Moments shown and not touched stay exactly as they were in `base`."""
    data = read_data(schema_of(kind), posted)
    known = kind.schema.get("properties", {})
    kept = {name: value for name, value in (base.get("data") or {}).items() if name not in known}
    payload: dict[str, Any] = {name: posted.get(name, "").replace("\r\n", "\n") for name in _PLAIN if name in posted}
    payload["owner"] = payload.get("owner") or None
    payload["locale"] = payload.get("locale") or "en"
    payload |= {name: [value for value in posted.getlist(name) if value] for name in _NAMES}
    days = posted.get("review_interval_days", "").strip()
    payload |= {
        "kind": kind.slug,
        "data": {**data, **kept},
        "claims": read_data(_claims(), posted, prefix="").get("claims", []),
        "relations": read_data(RELATIONS_SCHEMA, posted, prefix="").get("relations", []),
        "tags": [tag.strip() for tag in posted.get("tags", "").split(",") if tag.strip()],
        "review_interval_days": int(days) if days.isascii() and days.isdigit() and len(days) < 9 else (days or None),
        "source": _source(posted, base.get("source")),
    }
    for name in ("valid_from", "valid_to"):
        typed = posted.get(name, "").strip()
        payload[name] = base.get(name) if typed == for_control(base.get(name)) else (typed or None)
    return payload


def clean_payload(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload to propose: without rows nobody filled in."""
    return {**payload, **{name: without_blanks(payload[name]) for name in ("data", "claims", "relations")}}


def change_rows(payload: dict[str, Any], action: str) -> dict[str, Any]:
    """`payload` after `add:data.limits` or `remove:data.limits.2`: how lists grow and shrink without a script."""
    verb, _, name = action.partition(":")
    change = with_row_added if verb == "add" else with_row_removed
    part = name.split(".")[0]
    if part == "data":
        return {**payload, "data": change(payload.get("data") or {}, name)}
    if part in ("claims", "relations"):
        return {**payload, **change({part: payload.get(part) or []}, name, prefix="")}
    return payload


def for_control(value: Any) -> str:
    """An ISO moment as a date and time control takes it, in UTC; whatever else was typed, as it was."""
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    local = moment.astimezone(UTC) if moment.tzinfo else moment
    return local.strftime("%Y-%m-%dT%H:%M")


def _claims() -> Mapping[str, Any]:
    return {"type": "object", "properties": {"claims": claims_schema()}}


def _source(posted: QueryDict, base: Any) -> dict[str, str] | None:
    kind, uri = posted.get("source_kind", "").strip(), posted.get("source_uri", "").strip()
    if not kind and not uri:
        return None
    same = isinstance(base, Mapping) and (base.get("kind", ""), base.get("uri", "")) == (kind, uri)
    # A fingerprint tells what was read from that place; it is void when the place changes.
    return {"kind": kind, "uri": uri, "fingerprint": base.get("fingerprint", "") if same else ""}


def said(error: DomainError) -> str:
    """A refusal and what to do about it, as one message."""
    return f"{error.detail} {error.fix}" if error.fix else error.detail
