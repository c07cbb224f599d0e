"""Rule sets as records that change through review and publication (governance/governed.py); must not route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.governed_fields import check_slug, domain_named, may_propose, owner_named, sensitivity_said
from agents.models import RuleSet, RuleSetVersion
from agents.routing.checks import check_table
from agents.routing.definitions import Problem
from agents.routing.normalising import normalised
from agents.routing.references import check_references
from agents.routing.table import DEFAULT_OTHERWISE, faults_as_error, read_table
from context.access import Principal
from context.digests import canonical, check_storable, digest_of
from context.errors import InvalidInput
from context.models import Domain, Sensitivity, User
from governance.audit import ledger
from governance.governed import Draft, Facets, Payload, RecordState, Writing

FIELDS = (
    "name",
    "purpose",
    "domain",
    "owner",
    "sensitivity",
    "task_types",
    "fields",
    "rules",
    "otherwise",
    "classifier",
)
LARGEST_PAYLOAD = 1_000_000
# Words that stand at that place of an address already.
RESERVED = ("new", "decisions")
_EMPTY: Mapping[str, Any] = {
    "name": "",
    "purpose": "",
    "domain": None,
    "owner": None,
    "sensitivity": "internal",
    "task_types": [],
    "fields": [],
    "rules": [],
    "otherwise": dict(DEFAULT_OTHERWISE),
    "classifier": "",
}


class RuleSetRecord:
    """The kind of record `rule_set`; see `GovernedRecord` for what each method promises."""

    name = "rule_set"
    noun = "Rule set"
    plural = "Rule sets"
    fields: Sequence[str] = FIELDS
    labels: Mapping[str, str] = {
        "name": "Name",
        "purpose": "Purpose",
        "domain": "Domain",
        "owner": "Owner",
        "sensitivity": "Sensitivity",
        "task_types": "Types of task",
        "fields": "Fields of the task",
        "rules": "Rules",
        "otherwise": "Otherwise",
        "classifier": "Classifier",
    }

    def identity(self, field: str, entry: Mapping[str, Any]) -> str | None:
        return str(entry.get("name")) if field in ("task_types", "fields", "rules") else None

    def check_key(self, key: str) -> None:
        check_slug(key, noun="rule set", reserved=RESERVED)

    def states(self, keys: Iterable[str]) -> dict[str, RecordState]:
        found = RuleSet.objects.filter(slug__in=list(keys), current_version__isnull=False)
        return {
            each.slug: RecordState(
                version=each.current_version.number,
                payload=each.current_version.payload,
                facets=_facets(each.name, each.domain, each.sensitivity, each.owner),
                retired=each.retired_at is not None,
            )
            for each in found.select_related("current_version", "domain", "owner")
            if each.current_version is not None
        }

    def visible(self, principal: Principal, keys: Iterable[str]) -> set[str]:
        found = RuleSet.objects.visible_to(principal).filter(slug__in=list(keys))
        return set(found.values_list("slug", flat=True))

    def payload_at(self, key: str, version: int) -> Payload | None:
        found = RuleSetVersion.objects.filter(rule_set__slug=key, number=version).first()
        return dict(found.payload) if found is not None else None

    def prepare(
        self,
        *,
        key: str,
        payload: Mapping[str, Any],
        base: Payload | None,
        principal: Principal,
        created: Mapping[str, Mapping[str, Any]],
    ) -> Draft:
        clean = clean_payload(payload, base=base)
        domain, owner = domain_named(clean["domain"]), owner_named(clean["owner"])
        sensitivity = sensitivity_said(clean["sensitivity"], principal)
        faults = [problem for problem in problems_of(clean, slug=key) if problem.level == "error"]
        if faults:
            raise faults_as_error(faults)
        return Draft(payload=clean, facets=_facets(clean["name"], domain, sensitivity, owner))

    def may_propose(self, principal: Principal, facets: Facets, *, new: bool) -> bool:
        return may_propose(principal, facets, new=new)

    def lock(self, keys: Sequence[str]) -> None:
        list(RuleSet.objects.select_for_update().filter(slug__in=keys).order_by("slug").values_list("pk"))

    def publish(self, *, key: str, payload: Payload, writing: Writing) -> ledger.Entry:
        found = RuleSet.objects.select_related("current_version").filter(slug=key).first()
        previous = found.current_version if found is not None else None
        rule_set = found or RuleSet(slug=key, created_at=writing.now)
        rule_set.name, rule_set.purpose = payload["name"], payload["purpose"]
        rule_set.domain, rule_set.owner = domain_named(payload["domain"]), owner_named(payload["owner"])
        rule_set.sensitivity = Sensitivity.from_word(payload["sensitivity"])
        rule_set.retired_at = None
        rule_set.save()
        version = RuleSetVersion.objects.create(
            rule_set=rule_set,
            number=previous.number + 1 if previous else 1,
            payload=payload,
            digest=digest_of({"slug": key, **payload}),
            change_id=writing.change_id,
            author_label=writing.author[:200],
            approvals=[dict(each) for each in writing.approvals],
            published_at=writing.now,
        )
        rule_set.current_version = version
        rule_set.save(update_fields=["current_version"])
        return ledger.Entry(
            action="agents.rule_set.published",
            subject=_subject(rule_set, version.number),
            data={
                "change": writing.change_id,
                "version": version.number,
                "rules": len(payload["rules"]),
                "author": writing.author,
                "approved_by": [approval["person"] for approval in writing.approvals],
            },
            before=previous.digest if previous else None,
            after=version.digest,
        )

    def retire(self, *, key: str, writing: Writing) -> ledger.Entry:
        rule_set = RuleSet.objects.select_related("current_version").get(slug=key)
        rule_set.retired_at = writing.now
        rule_set.save(update_fields=["retired_at"])
        version = rule_set.current_version
        return ledger.Entry(
            action="agents.rule_set.retired",
            subject=_subject(rule_set, version.number if version else 0),
            data={"change": writing.change_id, "author": writing.author},
            before=version.digest if version else None,
        )

    def address(self, key: str) -> str:
        return f"/routes/{key}/"


RECORD = RuleSetRecord()


def clean_payload(payload: Mapping[str, Any], *, base: Payload | None = None) -> Payload:
    """Every field there, nothing else, each of its plain type; what the fields say is checked by `problems_of`."""
    unknown = sorted(set(map(str, payload)) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"There is no field {unknown[0][:60]!r} on a rule set.",
            field=unknown[0][:60],
            fix=f"Use: {', '.join(FIELDS)}.",
        )
    merged: Payload = {**_EMPTY, **(base or {}), **payload}
    check_storable(merged, field="rule_set")
    merged = normalised(merged)
    if len(canonical(merged)) > LARGEST_PAYLOAD:
        raise InvalidInput(
            "The rule set is too large.", field="rules", limit=LARGEST_PAYLOAD, fix="Split it by types of task."
        )
    for name, longest in (("name", 120), ("purpose", 4_000)):
        value = merged[name]
        if not isinstance(value, str) or len(value) > longest or (name == "name" and not value.strip()):
            raise InvalidInput(
                f"{name} is empty or too long.", field=name, limit=longest, fix=f"Write a {name} of that length."
            )
    return merged


def problems_of(payload: Mapping[str, Any], *, slug: str = "") -> list[Problem]:
    """Everything found before saving: faults of shape and type, unknown names, then what is proved of the rules."""
    table, faults = read_table(payload, slug=slug)
    return faults if table is None else [*check_references(table), *check_table(table)]


def _facets(name: str, domain: Domain | None, sensitivity: int, owner: User | None) -> Facets:
    return Facets(label=name, domain=domain, sensitivity=int(sensitivity), owner=owner)


def _subject(rule_set: RuleSet, number: int) -> ledger.Subject:
    return ledger.Subject(
        type="rule_set",
        id=rule_set.slug,
        label=f"{rule_set.name} (version {number})",
        sensitivity=rule_set.sensitivity,
    )
