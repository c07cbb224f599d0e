"""Refuses terms of a contract that are malformed, name what is not there or cannot be met; must not write or serve.

Every error names the field, the limit and the fix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.contract_shapes import MOST_OUTPUT_CHECKS, OUTPUT_CHECK_TYPES, OUTPUT_CHECKS_BY_TYPE, REQUIREMENTS
from agents.contracts import Terms, name_of, requirements_of
from agents.models import WhenIncomplete
from context import kinds
from context.access import Principal
from context.bundles import Order, cost_of_required
from context.digests import canonical, check_storable
from context.errors import DomainError
from context.models import ContextItem, Domain, Kind
from context.requirements import MOST_PER_REQUIREMENT
from context.tokens import TOKENIZERS

LARGEST_BUDGET = 1_000_000
MOST_MATCHES = 50
LONGEST_ESCALATION_DAYS = 365
LARGEST_SCHEMA_BYTES = 65_536
Created = Mapping[str, Mapping[str, Any]]


class ContractInvalid(DomainError):
    """A contract says something that cannot be kept; `field` names the place."""

    type = "contract-invalid"
    title = "The contract cannot be kept"
    status = 422


def check_terms(*, principal: Principal, terms: Terms, created: Created | None = None) -> None:
    """Refuse terms that are malformed, name what is not there, cannot be met, or require more than their budget.

    `created` are items that come into being together with the contract. A handful of queries, and the cost of the
    required texts as they stand.
    """
    _check_shape(terms)
    _check_names(principal, terms, created or {})
    _check_that_items_can_meet(principal, terms, created or {})
    _check_budget(principal, terms)


def _check_shape(terms: Terms) -> None:
    said = terms.as_json()
    check_storable(said, field="terms")
    _check_requirements(said["requirements"])
    _check_range("token_budget", terms.token_budget, 1, LARGEST_BUDGET)
    _check_range("most_matches", terms.most_matches, 0, MOST_MATCHES)
    _check_range("escalation_days", terms.escalation_days, 1, LONGEST_ESCALATION_DAYS)
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
    _check_output_checks(said["output_checks"])
    for label, schema in (("task_schema", terms.task_schema), ("output_schema", terms.output_schema)):
        _check_schema(label, schema)


def _check_requirements(stated: Any) -> None:
    found = kinds.violations(stated, REQUIREMENTS, root="requirements")
    if found:
        raise ContractInvalid(
            f"{found[0].field}: {found[0].message}",
            field=found[0].field,
            fix="Correct the named field; a requirement takes key, or kind, domain and tag.",
            violations=[{"field": each.field, "message": each.message} for each in found],
        )
    seen: dict[str, int] = {}
    for place, each in enumerate(stated):
        at = f"requirements.{place}"
        by_selection = [part for part in ("kind", "domain", "tag") if part in each]
        if ("key" in each) == bool(by_selection):
            raise ContractInvalid(
                f"Requirement {place + 1} names {'both a key and a selection' if by_selection else 'nothing'}.",
                field=at,
                fix="Name either a key, or at least one of kind, domain and tag.",
            )
        if "key" in each and "follow" not in each and each.get("minimum", 1) > 1:
            raise ContractInvalid("One key brings one text.", field=f"{at}.minimum", limit=1, fix="Leave minimum out.")
        if each.get("minimum", 1) > each.get("at_most", MOST_PER_REQUIREMENT):
            raise ContractInvalid(
                "The minimum is above the most.",
                field=f"{at}.minimum",
                limit=each["at_most"],
                fix="Lower minimum or raise at_most.",
            )
        if "depth" in each and "follow" not in each:
            raise ContractInvalid(
                "A depth says how far relations are followed, and none is.",
                field=f"{at}.depth",
                fix="Name in follow the relations to be followed, or leave depth out.",
            )
        first = seen.setdefault(name_of(each), place)
        if first != place:
            raise ContractInvalid(
                f"Requirements {first + 1} and {place + 1} are both called “{name_of(each)}”.",
                field=f"{at}.name",
                fix="Give one of them a name of its own, so that a gap says which is meant.",
            )


def _check_output_checks(stated: Any) -> None:
    if not isinstance(stated, Sequence) or len(stated) > MOST_OUTPUT_CHECKS:
        raise ContractInvalid(
            "Too many output checks.", field="output_checks", limit=MOST_OUTPUT_CHECKS, fix="Keep fewer of them."
        )
    for place, each in enumerate(stated):
        at = f"output_checks.{place}"
        schema = OUTPUT_CHECKS_BY_TYPE.get(str(each.get("type"))) if isinstance(each, Mapping) else None
        if schema is None:
            raise ContractInvalid(
                f"Output check {place + 1} is of no known type.",
                field=f"{at}.type",
                limit=", ".join(OUTPUT_CHECK_TYPES),
                fix="Name one of these types.",
            )
        found = kinds.violations(each, schema, root=at)
        if found:
            raise ContractInvalid(
                f"{found[0].field}: {found[0].message}",
                field=found[0].field,
                fix="Correct the named field; the documentation of contracts says what each check takes.",
                violations=[{"field": one.field, "message": one.message} for one in found],
            )


def _check_schema(label: str, schema: Any) -> None:
    if schema is None:
        return
    if not isinstance(schema, Mapping):
        raise ContractInvalid("A JSON Schema is an object.", field=label, fix="Write JSON Schema 2020-12.")
    if len(canonical(schema)) > LARGEST_SCHEMA_BYTES:
        raise ContractInvalid(
            "The schema is too large.", field=label, limit=LARGEST_SCHEMA_BYTES, fix="Ask for less in one task."
        )
    try:
        kinds.check_schema(schema)
    except kinds.SchemaInvalid as error:
        raise ContractInvalid(
            error.detail, field=label, fix="Write JSON Schema 2020-12 that refers only to its own $defs."
        ) from error


def _check_range(label: str, value: Any, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ContractInvalid(
            f"{label} must be a whole number from {least} to {most}.",
            field=label,
            limit=most,
            fix=f"Choose a number from {least} to {most}.",
        )


def _check_names(principal: Principal, terms: Terms, created: Created) -> None:
    """Unknown names are refused; an item that the writer may not see is as unknown as one that is not there."""
    stated = [
        (f"requirements.{place}.{part}", part, each[part])
        for place, each in enumerate(terms.requirements)
        for part in ("key", "kind", "domain")
        if part in each
    ]
    for place, each in enumerate(terms.output_checks):
        if "domain" in each:
            stated.append((f"output_checks.{place}.domain", "domain", each["domain"]))
        if "appetite" in each:
            stated.append((f"output_checks.{place}.appetite", "key", each["appetite"]))
        stated += [
            (f"output_checks.{place}.clauses.{at}.key", "key", clause["key"])
            for at, clause in enumerate(each.get("clauses", ()))
            if "key" in clause
        ]
    items = ContextItem.objects.visible_to(principal).filter(
        key__in=[name for _, part, name in stated if part == "key"]
    )
    found = {key: (kind, retired_at) for key, kind, retired_at in items.values_list("key", "kind__slug", "retired_at")}
    known = {
        "kind": set(Kind.objects.values_list("slug", flat=True)),
        "domain": set(Domain.objects.values_list("slug", flat=True)),
        "key": set(found) | set(created),
    }
    for field, part, name in stated:
        if name not in known[part]:
            raise ContractInvalid(
                f"There is no {'item' if part == 'key' else part} {name!r}.",
                field=field,
                fix="Correct the name, or publish it first.",
            )
        if part == "key" and name in found and found[name][1] is not None:
            raise ContractInvalid(
                f"{name} is retired, so nothing can meet this.",
                field=field,
                fix="Name what takes its place, or bring it back first.",
            )
        if field.endswith(".appetite") and name in found and found[name][0] != "risk_appetite":
            raise ContractInvalid(
                f"{name} is no risk appetite, so it states no limits.",
                field=field,
                fix="Give the key of a risk appetite.",
            )


def _check_that_items_can_meet(principal: Principal, terms: Terms, created: Created) -> None:
    """A required selection of which too few items exist would refuse every request. One query for each."""
    parents = dict(Domain.objects.values_list("slug", "parent__slug"))
    for place, each in enumerate(terms.requirements):
        if "key" in each or not each.get("required", True):
            continue
        items = ContextItem.objects.visible_to(principal).not_retired()
        if "kind" in each:
            items = items.filter(kind__slug=each["kind"])
        if "domain" in each:
            items = items.filter(domain__slug__in=_at_or_below(each["domain"], parents))
        if "tag" in each:
            items = items.filter(tags__contains=[each["tag"]])
        # Relations that are followed bring more than the items they start from: of these one must be there.
        minimum = 1 if "follow" in each else each.get("minimum", 1)
        there = items[:minimum].count()
        there += sum(1 for payload in created.values() if _is_selected(payload, each, parents))
        if there < minimum:
            raise ContractInvalid(
                f"“{name_of(each)}” asks for at least {minimum} and there {'is' if there == 1 else 'are'} {there}: "
                "every request would be refused.",
                field=f"requirements.{place}",
                limit=there,
                fix="Widen it, lower its minimum, publish what it asks for first, or make it optional.",
            )


def _is_selected(payload: Mapping[str, Any], stated: Mapping[str, Any], parents: Mapping[str, str | None]) -> bool:
    return (
        stated.get("kind") in (None, payload.get("kind"))
        and ("domain" not in stated or payload.get("domain") in _at_or_below(stated["domain"], parents))
        and ("tag" not in stated or stated["tag"] in (payload.get("tags") or ()))
    )


def _at_or_below(root: str, parents: Mapping[str, str | None]) -> set[str]:
    found, grew = {root}, True
    while grew:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grew = bool(more)
    return found


def _check_budget(principal: Principal, terms: Terms) -> None:
    requirements = requirements_of(terms.requirements)
    order = Order(requirements=requirements, token_budget=terms.token_budget, tokenizer=terms.tokenizer, heading={})
    needed = cost_of_required(principal=principal, order=order)
    if needed > terms.token_budget:
        raise ContractInvalid(
            f"The required texts take {needed:,} tokens as they stand, and the budget is {terms.token_budget:,}.",
            field="token_budget",
            limit=terms.token_budget,
            fix=f"Raise the budget to at least {needed}, or require less.",
            needed=needed,
        )
