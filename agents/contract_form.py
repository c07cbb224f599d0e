"""The form that proposes a contract: what was typed read into a payload, and errors put beside their fields; no rule.

Rows of requirements are named `r.<place>.<part>`; JSON is kept as it was typed until it can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from agents.contract_shapes import MOST_REQUIREMENTS
from context.errors import DomainError

TEXT_PARTS = ("name", "key", "kind", "domain", "tag")
NUMBER_PARTS = ("depth", "max_age_days", "minimum", "at_most")
JSON_FIELDS = ("task_schema", "output_schema", "output_checks")
NUMBER_FIELDS = ("token_budget", "most_matches", "escalation_days")
SPARE_ROWS = 1


@dataclass(kw_only=True)
class ContractForm:
    """What is in the form. `typed` has the JSON fields as text; `errors` are messages by field, `general` the rest."""

    payload: dict[str, Any]
    slug: str = ""
    reason: str = ""
    change_id: int | None = None
    base_version: int | None = None
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in JSON_FIELDS:
            self.typed.setdefault(name, _as_text(self.payload.get(name)))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Each requirement with its place and what is wrong with it; then empty ones to be filled in."""
        stated = list(self.payload.get("requirements") or [])
        spare = SPARE_ROWS if stated else SPARE_ROWS + 2
        found = []
        for place, entry in enumerate([*stated, *({} for _ in range(spare))][:MOST_REQUIREMENTS]):
            wrong = [text for name, texts in self.errors.items() if _is_in(name, place) for text in texts]
            found.append({"place": place, "entry": entry, "errors": wrong, "spare": place >= len(stated)})
        return found

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The id of each field that is wrong, and why."""
        return [(_anchor(name), text) for name, texts in self.errors.items() for text in texts]

    @property
    def summary_of_checks(self) -> list[str]:
        """What is wrong with the output checks, wherever in them."""
        return [text for name, texts in self.errors.items() if name.startswith("output_checks") for text in texts]

    def add(self, error: DomainError) -> None:
        message = f"{error.detail} {error.fix}" if error.fix else error.detail
        if error.field and _anchor(error.field):
            self.errors.setdefault(error.field, []).append(message)
        else:
            self.general.append(message)


def read_form(posted: QueryDict, base: Mapping[str, Any]) -> ContractForm:
    """The form as it was sent; what is not in it stays as in `base`."""
    payload = dict(base)
    errors: dict[str, list[str]] = {}
    for name in ("name", "purpose", "tokenizer", "when_incomplete", "owner", "sensitivity"):
        payload[name] = posted.get(name, "").strip()
    payload["domain"] = posted.get("domain", "").strip() or None
    payload["stewards"] = posted.getlist("stewards")
    for name in NUMBER_FIELDS:
        payload[name] = _number(posted.get(name, ""))
    typed = {name: posted.get(name, "") for name in JSON_FIELDS}
    for name, text in typed.items():
        empty: Any = [] if name == "output_checks" else None
        try:
            payload[name] = json.loads(text) if text.strip() else empty
        except (ValueError, RecursionError) as error:
            payload[name] = empty
            errors[name] = [f"This is not JSON: {error}"[:200]]
    payload["requirements"] = _requirements(posted)
    return ContractForm(
        payload=payload,
        slug=posted.get("slug", "").strip(),
        reason=posted.get("reason", ""),
        change_id=_whole(posted.get("change")),
        base_version=_whole(posted.get("base_version")),
        typed=typed,
        errors=errors,
    )


def _requirements(posted: QueryDict) -> list[dict[str, Any]]:
    count = min(_whole(posted.get("rows")) or 0, MOST_REQUIREMENTS)
    removed = posted.get("do", "").removeprefix("remove:") if posted.get("do", "").startswith("remove:") else ""
    found = []
    for place in range(count):
        entry = _requirement(posted, f"r.{place}.")
        if entry and str(place) != removed:
            found.append(entry)
    return found


def _requirement(posted: QueryDict, at: str) -> dict[str, Any]:
    """One requirement; nothing where nothing says what it is of."""
    entry: dict[str, Any] = {part: value for part in TEXT_PARTS if (value := posted.get(f"{at}{part}", "").strip())}
    if not set(entry) - {"name"}:
        return {}
    for part in NUMBER_PARTS:
        number = _number(posted.get(f"{at}{part}", ""))
        if number != "":
            entry[part] = number
    if followed := posted.getlist(f"{at}follow"):
        entry["follow"] = followed
    else:
        entry.pop("depth", None)
    if posted.get(f"{at}need") == "optional":
        entry["required"] = False
    if posted.get(f"{at}must_be_verified"):
        entry["must_be_verified"] = True
    return entry


def _number(text: str) -> int | str:
    """A whole number where it is one, else as it was typed, which is then refused with its field."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _as_text(value: Any) -> str:
    return "" if value in (None, []) else json.dumps(value, indent=2, ensure_ascii=False)


def _is_in(name: str, place: int) -> bool:
    return name == f"requirements.{place}" or name.startswith(f"requirements.{place}.")


def _anchor(name: str) -> str:
    """The id of the element that a field's error is shown at."""
    parts = name.split(".")
    if parts[0] == "requirements" and len(parts) > 1:
        return f"r-{parts[1]}"
    return f"f-{parts[0]}"
