"""Writes contracts: what a task needs, checked when it is saved and versioned; must not serve one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import transaction

from agents.models import ContextContract, ContractVersion, WhenIncomplete
from context import kinds
from context.access import Principal
from context.bundles import Order, cost_of_required
from context.digests import check_storable, digest_of
from context.errors import DomainError, InvalidInput, NotPermitted
from context.models import ContextItem, Domain, Kind, Role, User
from context.models.domains import SLUG_PATTERN
from context.models.items import KEY_PATTERN
from context.requirements import MOST_PER_REQUIREMENT, Requirement
from context.tokens import DEFAULT_TOKENIZER, TOKENIZERS
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded

LARGEST_BUDGET = 1_000_000
MOST_REQUIREMENTS = 200
MOST_MATCHES = 50
MOST_OUTPUT_CHECKS = 100

REQUIREMENTS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What a task needs",
    "type": "array",
    "maxItems": MOST_REQUIREMENTS,
    "items": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 200},
            "key": {"type": "string", "maxLength": 200, "pattern": KEY_PATTERN},
            "kind": {"type": "string", "maxLength": 40},
            "domain": {"type": "string", "maxLength": 60, "pattern": SLUG_PATTERN},
            "tag": {"type": "string", "minLength": 1, "maxLength": 60},
            "required": {"type": "boolean"},
            "max_age_days": {"type": "integer", "minimum": 1, "maximum": 36_500},
            "must_be_verified": {"type": "boolean"},
            "minimum": {"type": "integer", "minimum": 1, "maximum": MOST_PER_REQUIREMENT},
            "at_most": {"type": "integer", "minimum": 1, "maximum": MOST_PER_REQUIREMENT},
        },
    },
}


class ContractInvalid(DomainError):
    """A contract says something that cannot be kept; `field` names the place."""

    type = "contract-invalid"
    title = "The contract cannot be kept"
    status = 422


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """All that one version of a contract says."""

    requirements: Sequence[Mapping[str, Any]]
    token_budget: int
    tokenizer: str = DEFAULT_TOKENIZER
    most_matches: int = 8
    when_incomplete: str = WhenIncomplete.REFUSE
    task_schema: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    output_checks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        return {
            "requirements": list(self.requirements),
            "token_budget": self.token_budget,
            "tokenizer": self.tokenizer,
            "most_matches": self.most_matches,
            "when_incomplete": str(self.when_incomplete),
            "task_schema": self.task_schema,
            "output_schema": self.output_schema,
            "output_checks": list(self.output_checks),
        }


def save_contract(
    *, actor: User, slug: str, name: str, purpose: str, owner: User, terms: Terms, now: datetime
) -> ContractVersion:
    """Make the contract, or its next version where anything differs. Checked first: see `check_terms`."""
    principal = asking(actor)
    for label, value, longest in (("slug", slug, 60), ("name", name, 120), ("purpose", purpose, 4_000)):
        check_storable(value, field=label)
        if len(value) > longest or (label != "purpose" and not value.strip()):
            raise InvalidInput(
                f"{label} is empty or too long.", field=label, limit=longest, fix=f"Correct the {label}."
            )
    denials = denials_recorded(
        actor=principal,
        action="agents.contract.save",
        subject=lambda: ledger.Subject(type="contract", id=slug or "new", label=name),
        now=now,
    )
    with denials, transaction.atomic():
        if principal.kind != "person":
            raise NotPermitted("Only people write contracts.", fix="Ask an administrator.")
        contract = ContextContract.objects.select_for_update(of=("self",)).filter(slug=slug).first()
        if not principal.has_role(Role.ADMINISTRATOR) and not (
            actor.is_active and contract is not None and contract.owner_id == actor.pk
        ):
            raise NotPermitted(
                "Only an administrator or the contract's owner may write it.", fix="Ask an administrator."
            )
        check_terms(principal=principal, terms=terms)
        said = {"slug": slug, "name": name, "purpose": purpose, "owner": owner.username, **terms.as_json()}
        digest = digest_of(said)
        previous = contract.current_version if contract is not None else None
        if previous is not None and previous.digest == digest:
            return previous
        if contract is None:
            contract = ContextContract(slug=slug, created_at=now)
        contract.name, contract.purpose, contract.owner = name, purpose, owner
        contract.full_clean(exclude=["owner", "current_version"])
        contract.save()
        version = ContractVersion.objects.create(
            contract=contract,
            number=previous.number + 1 if previous else 1,
            digest=digest,
            created_at=now,
            created_by=actor,
            **terms.as_json(),
        )
        contract.current_version = version
        contract.save(update_fields=["current_version"])
        ledger.append(
            actor=principal,
            action="agents.contract.changed" if previous else "agents.contract.created",
            subject=ledger.Subject(type="contract", id=slug, label=f"{name} (version {version.number})"),
            data={
                "version": version.number,
                "requirements": len(terms.requirements),
                "token_budget": terms.token_budget,
            },
            before=previous.digest if previous else None,
            after=digest,
            now=now,
        )
    return version


def check_terms(*, principal: Principal, terms: Terms) -> None:
    """Refuse terms that are malformed, name what is not there, or require more than their own budget holds."""
    _check_shape(terms)
    _check_names(principal, terms)
    requirements = requirements_of(terms.requirements)
    order = Order(requirements=requirements, token_budget=terms.token_budget, tokenizer=terms.tokenizer, heading={})
    needed = cost_of_required(principal=principal, order=order)
    if needed > terms.token_budget:
        raise ContractInvalid(
            f"The required texts take {needed} tokens as they stand.",
            field="token_budget",
            limit=terms.token_budget,
            fix=f"Raise the budget to at least {needed}, or require less.",
        )


def requirements_of(stated: Sequence[Mapping[str, Any]]) -> tuple[Requirement, ...]:
    """The stated requirements with their names and defaults filled in."""
    return tuple(Requirement(**{"name": name_of(each), **each}) for each in stated)


@lru_cache(maxsize=1024)
def terms_of(version_id: int, digest: str) -> tuple[ContractVersion, tuple[Requirement, ...]]:
    """A contract version and its requirements. It never changes, so it is read once; `digest` guards its identity."""
    version = ContractVersion.objects.select_related("contract").get(pk=version_id, digest=digest)
    return version, requirements_of(version.requirements)


def name_of(stated: Mapping[str, Any]) -> str:
    """What a requirement is called where it has no name of its own."""
    if "key" in stated:
        return str(stated["key"])
    return " ".join(f"{part}:{stated[part]}" for part in ("kind", "domain", "tag") if part in stated)


def _check_shape(terms: Terms) -> None:
    said = terms.as_json()
    check_storable(said, field="terms")
    found = kinds.violations(said["requirements"], REQUIREMENTS_SCHEMA, root="requirements")
    if found:
        raise ContractInvalid(
            f"{found[0].field}: {found[0].message}",
            field=found[0].field,
            fix="Correct the named field; a requirement takes key, or kind, domain and tag.",
            violations=[{"field": each.field, "message": each.message} for each in found],
        )
    for place, each in enumerate(said["requirements"]):
        by_selection = [part for part in ("kind", "domain", "tag") if part in each]
        if ("key" in each) == bool(by_selection):
            raise ContractInvalid(
                f"Requirement {place + 1} names {'both a key and a selection' if by_selection else 'nothing'}.",
                field=f"requirements.{place}",
                fix="Name either a key, or at least one of kind, domain and tag.",
            )
        if "key" in each and each.get("minimum", 1) > 1:
            raise ContractInvalid(
                "One key brings one text.", field=f"requirements.{place}.minimum", limit=1, fix="Leave minimum out."
            )
        if each.get("minimum", 1) > each.get("at_most", MOST_PER_REQUIREMENT):
            raise ContractInvalid(
                "The minimum is above the most.",
                field=f"requirements.{place}.minimum",
                limit=each["at_most"],
                fix="Lower minimum or raise at_most.",
            )
    _check_range("token_budget", terms.token_budget, 1, LARGEST_BUDGET)
    _check_range("most_matches", terms.most_matches, 0, MOST_MATCHES)
    if terms.tokenizer not in TOKENIZERS:
        raise ContractInvalid(
            f"There is no tokenizer {str(terms.tokenizer)[:60]!r}.",
            field="tokenizer",
            limit=", ".join(TOKENIZERS),
            fix="Choose one of these.",
        )
    if terms.when_incomplete not in WhenIncomplete.values:
        raise ContractInvalid(
            f"There is no such behaviour: {str(terms.when_incomplete)[:60]!r}.",
            field="when_incomplete",
            limit=", ".join(WhenIncomplete.values),
            fix="Choose one of these.",
        )
    if len(terms.output_checks) > MOST_OUTPUT_CHECKS:
        raise ContractInvalid("Too many output checks.", field="output_checks", limit=MOST_OUTPUT_CHECKS)
    for label, schema in (("task_schema", terms.task_schema), ("output_schema", terms.output_schema)):
        if schema is None:
            continue
        if not isinstance(schema, Mapping):
            raise ContractInvalid("A JSON Schema is an object.", field=label, fix="Write JSON Schema 2020-12.")
        kinds.check_schema(schema)


def _check_range(label: str, value: Any, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ContractInvalid(
            f"{label} must be a whole number from {least} to {most}.",
            field=label,
            limit=most,
            fix=f"Choose a number from {least} to {most}.",
        )


def _check_names(principal: Principal, terms: Terms) -> None:
    """Unknown names are refused; an item that the writer may not see is as unknown as one that is not there."""
    named = {
        "kind": set(Kind.objects.values_list("slug", flat=True)),
        "domain": set(Domain.objects.values_list("slug", flat=True)),
        "key": set(
            ContextItem.objects.visible_to(principal)
            .filter(key__in=[each["key"] for each in terms.requirements if "key" in each])
            .values_list("key", flat=True)
        ),
    }
    for place, each in enumerate(terms.requirements):
        for part, known in named.items():
            if part in each and each[part] not in known:
                raise ContractInvalid(
                    f"There is no {'item' if part == 'key' else part} {each[part]!r}.",
                    field=f"requirements.{place}.{part}",
                    fix="Correct the name, or publish it first.",
                )
