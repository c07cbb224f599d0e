"""The half of a governed record that flows and rule sets have alike (governance/governed.py); must not know either."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.governed_fields import check_slug, domain_named, may_propose, owner_named, sensitivity_said
from agents.models.named import Named, PublishedState
from context.access import SYSTEM, Principal
from context.digests import canonical, check_storable, digest_of
from context.errors import InvalidInput
from governance.audit import ledger
from governance.governed import Draft, Facets, Payload, RecordState, Writing

LONGEST = (("name", 120), ("purpose", 4_000))
DEFAULTS: Mapping[str, Any] = {"name": "", "purpose": "", "domain": None, "owner": None, "sensitivity": "internal"}
LABELS: Mapping[str, str] = {
    "name": "Name",
    "purpose": "Purpose",
    "domain": "Domain",
    "owner": "Owner",
    "sensitivity": "Sensitivity",
}


class NamedRecord(ABC):
    """See `GovernedRecord` for what each method promises.

    `versions` is the table of its states, whose foreign key to the name is called as the record is. `own` are its
    fields beside those of `DEFAULTS`, each with its label and what it is where nothing is said; `named` are those whose
    entries have a name; `reserved` are words that stand at the place of a slug in an address already.
    """

    name: str
    noun: str
    plural: str
    own: Mapping[str, tuple[str, Any]]
    named: Sequence[str]
    reserved: tuple[str, ...]
    largest: int  # bytes of canonical JSON
    too_large: tuple[str, str]  # the field to blame, and the fix
    records: type[Named]
    versions: type[PublishedState]
    path: str

    @property
    def fields(self) -> Sequence[str]:
        return (*DEFAULTS, *self.own)

    @property
    def labels(self) -> Mapping[str, str]:
        return {**LABELS, **{name: label for name, (label, _) in self.own.items()}}

    @abstractmethod
    def check(self, payload: Payload, *, key: str, principal: Principal) -> None:
        """Raise where a payload of plain types says what cannot be used."""

    @abstractmethod
    def counts(self, payload: Payload) -> Mapping[str, int]:
        """How much a published payload holds, for its audit event."""

    def repeat(self, record: Any, payload: Payload) -> None:
        """Set the columns of the name that repeat what the payload says; more of them in subclasses."""
        record.name, record.purpose = payload["name"], payload["purpose"]
        record.domain, record.owner = domain_named(payload["domain"]), owner_named(payload["owner"])
        record.sensitivity = sensitivity_said(payload["sensitivity"], SYSTEM)

    def normalised(self, payload: Payload) -> Payload:
        """The same in the form in which it is kept."""
        return payload

    def identity(self, field: str, entry: Mapping[str, Any]) -> str | None:
        return str(entry.get("name")) if field in self.named else None

    def check_key(self, key: str) -> None:
        check_slug(key, noun=self.noun.lower(), reserved=self.reserved)

    def states(self, keys: Iterable[str]) -> dict[str, RecordState]:
        found = self._names().filter(slug__in=list(keys), current_version__isnull=False)
        return {
            each.slug: RecordState(
                version=each.current_version.number,
                payload=each.current_version.payload,
                facets=Facets(label=each.name, domain=each.domain, sensitivity=each.sensitivity, owner=each.owner),
                retired=each.retired_at is not None,
            )
            for each in found.select_related("current_version", "domain", "owner")
        }

    def visible(self, principal: Principal, keys: Iterable[str]) -> set[str]:
        found = self._names().visible_to(principal).filter(slug__in=list(keys))
        return set(found.values_list("slug", flat=True))

    def payload_at(self, key: str, version: int) -> Payload | None:
        found = self._versions().filter(**{f"{self.name}__slug": key, "number": version}).first()
        return dict(found.payload) if found is not None else None

    def clean(self, payload: Mapping[str, Any], *, base: Payload | None = None) -> Payload:
        """Every field there, nothing else, each of its plain type; what the fields say is for `check`."""
        noun = self.noun.lower()
        unknown = sorted(set(map(str, payload)) - set(self.fields))
        if unknown:
            raise InvalidInput(
                f"There is no field {unknown[0][:60]!r} on a {noun}.",
                field=unknown[0][:60],
                fix=f"Use: {', '.join(self.fields)}.",
            )
        defaults = {name: default for name, (_, default) in self.own.items()}
        merged: Payload = {**DEFAULTS, **defaults, **(base or {}), **payload}
        check_storable(merged, field=self.name)
        merged = self.normalised(merged)
        if len(canonical(merged)) > self.largest:
            field, fix = self.too_large
            raise InvalidInput(f"The {noun} is too large.", field=field, limit=self.largest, fix=fix)
        for name, longest in LONGEST:
            value = merged[name]
            if not isinstance(value, str) or len(value) > longest or (name == "name" and not value.strip()):
                raise InvalidInput(
                    f"{name} is empty or too long.", field=name, limit=longest, fix=f"Write a {name} of that length."
                )
        return merged

    def prepare(
        self,
        *,
        key: str,
        payload: Mapping[str, Any],
        base: Payload | None,
        principal: Principal,
        created: Mapping[str, Mapping[str, Any]],
    ) -> Draft:
        clean = self.clean(payload, base=base)
        domain, owner = domain_named(clean["domain"]), owner_named(clean["owner"])
        sensitivity = sensitivity_said(clean["sensitivity"], principal)
        self.check(clean, key=key, principal=principal)
        return Draft(
            payload=clean, facets=Facets(label=clean["name"], domain=domain, sensitivity=int(sensitivity), owner=owner)
        )

    def may_propose(self, principal: Principal, facets: Facets, *, new: bool) -> bool:
        return may_propose(principal, facets, new=new)

    def lock(self, keys: Sequence[str]) -> None:
        found = self._names().select_for_update(of=("self",)).filter(slug__in=keys)
        list(found.order_by("slug").values_list("pk"))

    def publish(self, *, key: str, payload: Payload, writing: Writing) -> ledger.Entry:
        found = self._names().select_related("current_version").filter(slug=key).first()
        previous = found.current_version if found is not None else None
        record: Any = found or self.records(slug=key, created_at=writing.now)
        self.repeat(record, payload)
        record.retired_at = None
        record.save()
        version = self._versions().create(
            **{self.name: record},
            number=previous.number + 1 if previous else 1,
            payload=payload,
            digest=digest_of({"slug": key, **payload}),
            change_id=writing.change_id,
            author_label=writing.author[:200],
            approvals=[dict(each) for each in writing.approvals],
            published_at=writing.now,
        )
        record.current_version = version
        record.save(update_fields=["current_version"])
        return ledger.Entry(
            action=f"agents.{self.name}.published",
            subject=self.subject(record, version.number),
            data={
                "change": writing.change_id,
                "version": version.number,
                **self.counts(payload),
                "author": writing.author,
                "approved_by": [approval["person"] for approval in writing.approvals],
            },
            before=previous.digest if previous else None,
            after=version.digest,
        )

    def retire(self, *, key: str, writing: Writing) -> ledger.Entry:
        record = self._names().select_related("current_version").get(slug=key)
        record.retired_at = writing.now
        record.save(update_fields=["retired_at"])
        version = record.current_version
        return ledger.Entry(
            action=f"agents.{self.name}.retired",
            subject=self.subject(record, version.number if version else 0),
            data={"change": writing.change_id, "author": writing.author},
            before=version.digest if version else None,
        )

    def subject(self, record: Named, number: int) -> ledger.Subject:
        """What an event about one of its versions is about."""
        return ledger.Subject(
            type=self.name,
            id=record.slug,
            label=f"{record.name} (version {number})",
            sensitivity=record.sensitivity,
        )

    def address(self, key: str) -> str:
        return f"/{self.path}/{key}/"

    def _names(self) -> Any:
        # Both kinds have `owner`, `current_version` and `visible_to`, which the type of the abstract table cannot say.
        return self.records._default_manager

    def _versions(self) -> Any:
        return self.versions._default_manager
