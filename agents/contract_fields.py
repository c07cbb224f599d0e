"""The fields of a contract beside its terms, each checked against its type and limit; must not judge the terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.contracts import TERMS, Terms
from context.access import SYSTEM, Principal
from context.digests import check_storable
from context.errors import InvalidInput
from context.models import Domain, Sensitivity, User
from governance.payload_fields import MOST_PEOPLE, names, sensitivity_of, text
from governance.references import References, shown

LONGEST_NAME = 120
LONGEST_PURPOSE = 4_000
ABOUT = ("name", "purpose", "domain", "owner", "stewards", "sensitivity")
FIELDS = (*ABOUT, *TERMS)
LABELS = {
    "name": "Name",
    "purpose": "Purpose",
    "domain": "Domain",
    "owner": "Owner",
    "stewards": "Stewards",
    "sensitivity": "Sensitivity",
    "requirements": "What the task needs",
    "token_budget": "Token budget",
    "tokenizer": "Tokenizer",
    "most_matches": "Most matches",
    "when_incomplete": "When something is missing",
    "escalation_days": "Days to answer an escalation",
    "task_schema": "Schema of the task",
    "output_schema": "Schema of the output",
    "output_checks": "Checks of the output",
    "max_age_days": "at most so many days old",
    "must_be_verified": "must be verified",
    "at_most": "at most so many",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """A complete payload, its own fields checked, with whom and what it names."""

    payload: dict[str, Any]
    domain: Domain | None
    owner: User
    stewards: tuple[User, ...]
    sensitivity: Sensitivity


def facts_of(payload: Mapping[str, Any], *, base: Mapping[str, Any] | None, principal: Principal | None) -> Facts:
    """Check what a contract says of itself, taking from `base` what the payload leaves out.

    Without an owner it is the person's who proposes it. Without a principal nothing is above anybody's clearance.
    """
    unknown = sorted(set(map(str, payload)) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"There is no field {shown(unknown[0])} on a contract.",
            field=unknown[0][:100],
            fix=f"Use: {', '.join(FIELDS)}.",
        )
    said = {**_defaults(principal), **(base or {}), **payload}
    check_storable(said, field="payload")
    references = References(principal=principal or SYSTEM)
    domain = references.domain(said["domain"]) if said["domain"] is not None else None
    if not said["owner"]:
        raise InvalidInput("A contract has an owner.", field="owner", fix="Give the username of a person.")
    owner = references.user(said["owner"], field_name="owner")
    stewards = tuple(
        references.user(name, field_name="stewards")
        for name in names(said["stewards"], "stewards", limit=MOST_PEOPLE, longest=150)
    )
    sensitivity = sensitivity_of(said["sensitivity"], references.principal)
    clean = {
        **said,
        "name": text(said["name"], "name", LONGEST_NAME, required=True).strip(),
        "purpose": text(said["purpose"], "purpose", LONGEST_PURPOSE).strip(),
        "domain": domain.slug if domain is not None else None,
        "owner": owner.username,
        "stewards": [person.username for person in stewards],
        "sensitivity": sensitivity.word,
    }
    return Facts(
        payload={name: clean[name] for name in FIELDS},
        domain=domain,
        owner=owner,
        stewards=stewards,
        sensitivity=sensitivity,
    )


def terms_in(payload: Mapping[str, Any]) -> Terms:
    """The terms of a complete payload."""
    for name in ("requirements", "output_checks"):
        if not isinstance(payload[name], list):
            raise InvalidInput(f"{name} must be a list.", field=name, fix="Send an array of objects.")
    return Terms(**{name: payload[name] for name in TERMS})


def _defaults(principal: Principal | None) -> dict[str, Any]:
    owner = None
    if principal is not None and principal.kind == "person":
        owner = User.objects.filter(pk=principal.id).values_list("username", flat=True).first()
    return {
        "name": "",
        "purpose": "",
        "domain": None,
        "owner": owner,
        "stewards": [],
        "sensitivity": Sensitivity.INTERNAL.word,
        **Terms(requirements=[], token_budget=4_000).as_json(),
    }
