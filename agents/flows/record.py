"""Flows as records that change through review and publication (governance/governed.py); must not start one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.flows.checks import check_flow
from agents.flows.definition import definition_of
from agents.governed_fields import check_slug, domain_named, may_propose, owner_named, sensitivity_said
from agents.models import Flow, FlowVersion
from agents.routing.definitions import Problem
from context.access import SYSTEM, Principal
from context.digests import canonical, check_storable, digest_of
from context.errors import InvalidInput
from context.models import Domain, Sensitivity, User
from governance.audit import ledger
from governance.governed import Draft, Facets, Payload, RecordState, Writing

FIELDS = ("name", "purpose", "domain", "owner", "sensitivity", "input_schema", "steps", "output", "triggers")
LARGEST_PAYLOAD = 500_000
# Words that stand at that place of an address already.
RESERVED = ("new", "check", "runs", "map")
_EMPTY: Mapping[str, Any] = {
    "name": "",
    "purpose": "",
    "domain": None,
    "owner": None,
    "sensitivity": "internal",
    "input_schema": {"type": "object"},
    "steps": [],
    "output": [],
    "triggers": [],
}


class FlowInvalid(InvalidInput):
    """A flow has faults; `problems` lists each with its place."""

    type = "flow-invalid"
    title = "The flow cannot be used"


class FlowRecord:
    """The kind of record `flow`; see `GovernedRecord` for what each method promises."""

    name = "flow"
    noun = "Flow"
    plural = "Flows"
    fields: Sequence[str] = FIELDS
    labels: Mapping[str, str] = {
        "name": "Name",
        "purpose": "Purpose",
        "domain": "Domain",
        "owner": "Owner",
        "sensitivity": "Sensitivity",
        "input_schema": "What it is started with",
        "steps": "Steps",
        "output": "Output",
        "triggers": "Triggers",
    }

    def identity(self, field: str, entry: Mapping[str, Any]) -> str | None:
        return str(entry.get("name")) if field in ("steps", "triggers") else None

    def check_key(self, key: str) -> None:
        check_slug(key, noun="flow", reserved=RESERVED)

    def states(self, keys: Iterable[str]) -> dict[str, RecordState]:
        found = Flow.objects.filter(slug__in=list(keys), current_version__isnull=False)
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
        found = Flow.objects.visible_to(principal).filter(slug__in=list(keys))
        return set(found.values_list("slug", flat=True))

    def payload_at(self, key: str, version: int) -> Payload | None:
        found = FlowVersion.objects.filter(flow__slug=key, number=version).first()
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
        faults = [each for each in check_flow(clean, principal=principal).problems if each.level == "error"]
        if faults:
            raise faults_as_error(faults)
        return Draft(payload=clean, facets=_facets(clean["name"], domain, sensitivity, owner))

    def may_propose(self, principal: Principal, facets: Facets, *, new: bool) -> bool:
        return may_propose(principal, facets, new=new)

    def lock(self, keys: Sequence[str]) -> None:
        list(Flow.objects.select_for_update(of=("self",)).filter(slug__in=keys).order_by("slug").values_list("pk"))

    def publish(self, *, key: str, payload: Payload, writing: Writing) -> ledger.Entry:
        found = Flow.objects.select_related("current_version").filter(slug=key).first()
        previous = found.current_version if found is not None else None
        flow = found or Flow(slug=key, created_at=writing.now)
        flow.name, flow.purpose = payload["name"], payload["purpose"]
        flow.domain, flow.owner = domain_named(payload["domain"]), owner_named(payload["owner"])
        flow.sensitivity = sensitivity_said(payload["sensitivity"], SYSTEM)
        flow.entry_contracts = sorted({step.contract for step in definition_of(payload).first})
        flow.retired_at = None
        flow.save()
        version = FlowVersion.objects.create(
            flow=flow,
            number=previous.number + 1 if previous else 1,
            payload=payload,
            digest=digest_of({"slug": key, **payload}),
            change_id=writing.change_id,
            author_label=writing.author[:200],
            approvals=[dict(each) for each in writing.approvals],
            published_at=writing.now,
        )
        flow.current_version = version
        flow.save(update_fields=["current_version"])
        return ledger.Entry(
            action="agents.flow.published",
            subject=subject_of(flow, version.number),
            data={
                "change": writing.change_id,
                "version": version.number,
                "steps": len(payload["steps"]),
                "triggers": len(payload["triggers"]),
                "author": writing.author,
                "approved_by": [approval["person"] for approval in writing.approvals],
            },
            before=previous.digest if previous else None,
            after=version.digest,
        )

    def retire(self, *, key: str, writing: Writing) -> ledger.Entry:
        flow = Flow.objects.select_related("current_version").get(slug=key)
        flow.retired_at = writing.now
        flow.save(update_fields=["retired_at"])
        version = flow.current_version
        return ledger.Entry(
            action="agents.flow.retired",
            subject=subject_of(flow, version.number if version else 0),
            data={"change": writing.change_id, "author": writing.author},
            before=version.digest if version else None,
        )

    def address(self, key: str) -> str:
        return f"/flows/{key}/"


RECORD = FlowRecord()


def clean_payload(payload: Mapping[str, Any], *, base: Payload | None = None) -> Payload:
    """Every field there, nothing else, each of its plain type; what the fields say is checked by `check_flow`."""
    unknown = sorted(set(map(str, payload)) - set(FIELDS))
    if unknown:
        raise InvalidInput(
            f"There is no field {unknown[0][:60]!r} on a flow.",
            field=unknown[0][:60],
            fix=f"Use: {', '.join(FIELDS)}.",
        )
    merged: Payload = {**_EMPTY, **(base or {}), **payload}
    check_storable(merged, field="flow")
    if len(canonical(merged)) > LARGEST_PAYLOAD:
        raise InvalidInput("The flow is too large.", field="steps", limit=LARGEST_PAYLOAD, fix="Split it into several.")
    for name, longest in (("name", 120), ("purpose", 4_000)):
        value = merged[name]
        if not isinstance(value, str) or len(value) > longest or (name == "name" and not value.strip()):
            raise InvalidInput(
                f"{name} is empty or too long.", field=name, limit=longest, fix=f"Write a {name} of that length."
            )
    return merged


def faults_as_error(problems: Sequence[Problem]) -> FlowInvalid:
    """The error that says the first fault and lists all."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return FlowInvalid(
        first.message + more,
        field=first.place,
        fix=first.fix or "Correct the named place.",
        problems=[each.as_json() for each in problems[:50]],
    )


def subject_of(flow: Flow, number: int) -> ledger.Subject:
    """What an event about a flow is about."""
    return ledger.Subject(
        type="flow", id=flow.slug, label=f"{flow.name} (version {number})", sensitivity=flow.sensitivity
    )


def _facets(name: str, domain: Domain | None, sensitivity: int, owner: User | None) -> Facets:
    return Facets(label=name, domain=domain, sensitivity=int(Sensitivity(sensitivity)), owner=owner)
