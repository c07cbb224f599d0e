"""Contracts as governed records: what a change of one says, who may propose it, how it is written; must not serve one.

Registered in `GOVERNED_RECORDS`; governance calls it and decides everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.contract_checks import Created, check_terms
from agents.contract_fields import FIELDS, LABELS, facts_of, terms_in
from agents.contracts import TERMS, name_of
from agents.models import ContextContract, ContractVersion
from context.access import Principal
from context.digests import digest_of
from context.errors import InvalidInput
from context.models import Sensitivity
from governance.audit import ledger
from governance.governed import Draft, Facets, Payload, RecordState, Writing

LONGEST_SLUG = 60
PROPOSING_ROLES = ("steward", "domain_owner", "administrator")


class ContractRecord:
    """The kind of record that `record: "contract"` names in an edit; its keys are the slugs of contracts."""

    name = "contract"
    noun = "Contract"
    plural = "Contracts"
    fields: Sequence[str] = FIELDS
    labels: Mapping[str, str] = LABELS

    def identity(self, field: str, entry: Mapping[str, Any]) -> str | None:
        if field == "requirements":
            return name_of(entry)
        if field == "output_checks":
            return str(entry.get("name") or str(entry.get("type", "")).replace("_", " "))
        return None

    def check_key(self, key: str) -> None:
        plain = key.replace("-", "")
        well_formed = plain.isascii() and plain.isalnum() and key == key.lower() and "--" not in key
        # `new` is where the form for a new one lies.
        if not well_formed or key == "new" or key.startswith("-") or key.endswith("-") or len(key) > LONGEST_SLUG:
            raise InvalidInput(
                f"{key[:80]!r} is no name for a contract.",
                field="key",
                limit=LONGEST_SLUG,
                fix="Write lower-case letters, digits and hyphens, such as review-contracts.",
            )

    def states(self, keys: Iterable[str]) -> dict[str, RecordState]:
        found = ContextContract.objects.filter(slug__in=list(keys), current_version__isnull=False)
        found = found.select_related("owner", "domain__parent", "current_version").prefetch_related("stewards")
        return {each.slug: _state(each) for each in found}

    def visible(self, principal: Principal, keys: Iterable[str]) -> set[str]:
        found = ContextContract.objects.visible_to(principal).filter(slug__in=list(keys))
        return set(found.values_list("slug", flat=True))

    def payload_at(self, key: str, version: int) -> Payload | None:
        found = ContractVersion.objects.filter(contract__slug=key, number=version).first()
        return payload_of(found) if found is not None else None

    def prepare(
        self, *, key: str, payload: Mapping[str, Any], base: Payload | None, principal: Principal, created: Created
    ) -> Draft:
        facts = facts_of(payload, base=base, principal=principal)
        check_terms(principal=principal, terms=terms_in(facts.payload), created=created)
        return Draft(
            payload=facts.payload,
            facets=Facets(
                label=facts.payload["name"],
                domain=facts.domain,
                sensitivity=facts.sensitivity,
                owner=facts.owner,
                steward_ids=tuple(person.pk for person in facts.stewards),
            ),
        )

    def may_propose(self, principal: Principal, facets: Facets, *, new: bool) -> bool:
        """Its owner and stewards; stewards and owners of its domain; administrators. A new one has no owner yet."""
        if principal.kind != "person" or facets.sensitivity > principal.clearance:
            return False
        domain_id = facets.domain.pk if facets.domain is not None else None
        if any(principal.has_role(role, domain_id) for role in PROPOSING_ROLES):
            return True
        owned = facets.owner is not None and facets.owner.pk == principal.id
        return not new and (owned or principal.id in facets.steward_ids)

    def lock(self, keys: Sequence[str]) -> None:
        list(ContextContract.objects.select_for_update(of=("self",)).filter(slug__in=keys).order_by("slug"))

    def publish(self, *, key: str, payload: Payload, writing: Writing) -> ledger.Entry:
        contract = ContextContract.objects.select_related("current_version").filter(slug=key).first()
        previous = contract.current_version if contract is not None else None
        facts = facts_of(payload, base=None, principal=None)
        if contract is None:
            contract = ContextContract(slug=key, created_at=writing.now)
        contract.name, contract.purpose, contract.owner = payload["name"], payload["purpose"], facts.owner
        contract.domain, contract.sensitivity, contract.retired_at = facts.domain, facts.sensitivity, None
        contract.save()
        contract.stewards.set(facts.stewards)
        version = ContractVersion.objects.create(
            contract=contract,
            number=previous.number + 1 if previous is not None else 1,
            digest=digest_of({"slug": key, **payload}),
            metadata={name: payload[name] for name in FIELDS if name not in TERMS},
            change_number=writing.change_id,
            author_label=writing.author,
            approvals=[dict(approval) for approval in writing.approvals],
            created_at=writing.now,
            created_by=writing.actor,
            **{name: payload[name] for name in TERMS},
        )
        contract.current_version = version
        contract.save(update_fields=["current_version"])
        return ledger.Entry(
            action="agents.contract.published",
            subject=_subject(contract, f"{contract.name} (version {version.number})"),
            data={
                "change": writing.change_id,
                "version": version.number,
                "requirements": len(version.requirements),
                "token_budget": version.token_budget,
                "author": writing.author,
                "approved_by": [approval["person"] for approval in writing.approvals],
            },
            before=previous.digest if previous is not None else None,
            after=version.digest,
        )

    def retire(self, *, key: str, writing: Writing) -> ledger.Entry:
        contract = ContextContract.objects.select_related("current_version").get(slug=key)
        contract.retired_at = writing.now
        contract.save(update_fields=["retired_at"])
        return ledger.Entry(
            action="agents.contract.retired",
            subject=_subject(contract, contract.name),
            data={"change": writing.change_id},
            before=contract.current_version.digest if contract.current_version is not None else None,
        )

    def address(self, key: str) -> str:
        return f"/contracts/{key}/"


CONTRACTS = ContractRecord()


def payload_of(version: ContractVersion) -> Payload:
    """The payload that would publish this version again unchanged."""
    return {**version.metadata, **{name: getattr(version, name) for name in TERMS}}


def _state(contract: ContextContract) -> RecordState:
    version = contract.current_version
    assert version is not None  # `states` asks for no other
    return RecordState(
        version=version.number,
        payload=payload_of(version),
        facets=Facets(
            label=contract.name,
            domain=contract.domain,
            sensitivity=contract.sensitivity,
            owner=contract.owner,
            steward_ids=tuple(person.pk for person in contract.stewards.all()),
        ),
        retired=contract.retired_at is not None,
    )


def _subject(contract: ContextContract, label: str) -> ledger.Subject:
    return ledger.Subject(type="contract", id=contract.slug, label=label, sensitivity=Sensitivity(contract.sensitivity))
