"""Records of upper floors that change only through reviewed changes, as context does; must not know any of them.

Each kind of record (a contract, a rule set) is an object that keeps to `GovernedRecord`, found through the setting
`GOVERNED_RECORDS` (name → dotted path). Edits of items have no such object: the pen writes those itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from context.access import Principal
from context.errors import InvalidInput
from context.models import Domain, User
from governance.audit import ledger
from governance.models import ITEM, Edit

Payload = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Facets:
    """What access and approval policies ask of a record. Without a domain it is the whole organisation's."""

    label: str
    domain: Domain | None
    sensitivity: int
    owner: User | None
    steward_ids: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordState:
    """A record as its current version says it. `payload` would publish the same again."""

    version: int
    payload: Payload
    facets: Facets
    retired: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A checked payload: every field there, nothing else, and what it says of itself."""

    payload: Payload
    facets: Facets


@dataclass(frozen=True, kw_only=True, slots=True)
class Writing:
    """With what a published version is written: the change, who wrote and approved it, who publishes it, when."""

    change_id: int
    author: str
    approvals: tuple[Mapping[str, str], ...]
    actor: User
    now: datetime


class GovernedRecord(Protocol):
    """One kind of record: what it is called, its fields in the order of a page, and their labels."""

    name: str
    noun: str
    plural: str

    @property
    def fields(self) -> Sequence[str]: ...

    @property
    def labels(self) -> Mapping[str, str]: ...

    def identity(self, field: str, entry: Mapping[str, Any]) -> str | None:
        """What tells an object in the array `field` from the others; None where the array is one value."""

    def check_key(self, key: str) -> None:
        """Raise InvalidInput where this cannot name such a record."""

    def states(self, keys: Iterable[str]) -> dict[str, RecordState]:
        """The records of these keys as they stand, whoever asks. One or two queries."""

    def visible(self, principal: Principal, keys: Iterable[str]) -> set[str]:
        """Those of these keys whose records the principal may know of. One query."""

    def payload_at(self, key: str, version: int) -> Payload | None:
        """The payload of one version; None where there is none."""

    def prepare(
        self,
        *,
        key: str,
        payload: Mapping[str, Any],
        base: Payload | None,
        principal: Principal,
        created: Mapping[str, Mapping[str, Any]],
    ) -> Draft:
        """Check a payload, taking from `base` what it leaves out.

        `created` has the payloads of items that the same change creates, by their keys.

        Raises a DomainError with field, limit and fix.
        """

    def may_propose(self, principal: Principal, facets: Facets, *, new: bool) -> bool:
        """Whether this person may propose an edit of the record as it stands or, where it is new, as it would be."""

    def lock(self, keys: Sequence[str]) -> None:
        """Lock the rows of these records, in the order of their keys, until the transaction ends."""

    def publish(self, *, key: str, payload: Payload, writing: Writing) -> ledger.Entry:
        """Write the next version, in force from now on, and give the event that says so. The pen is set."""

    def retire(self, *, key: str, writing: Writing) -> ledger.Entry:
        """Take the record out of use; its versions stay. The pen is set."""

    def address(self, key: str) -> str:
        """The path of its page, with a slash at its end; the form that proposes an edit lies below it, at `edit/`."""


def governed(name: str) -> GovernedRecord:
    """The kind of record of that name."""
    path = settings.GOVERNED_RECORDS.get(name)
    if path is None:
        raise InvalidInput(
            f"There is no kind of record {name[:40]!r}.",
            field="record",
            fix=f"Use one of: {', '.join((ITEM, *settings.GOVERNED_RECORDS))}.",
        )
    found: GovernedRecord = import_string(path)
    return found


def record_names() -> tuple[str, ...]:
    """What an edit's `record` may be: an item, or a kind that an upper floor has."""
    return (ITEM, *settings.GOVERNED_RECORDS)


def at_address(address: str) -> Q:
    """The condition on edits to be of what this address tells (`Edit.address`)."""
    record, colon, key = address.partition(":")
    return Q(record=record, key=key) if colon else Q(record=ITEM, key=address)


def split(edits: Iterable[Edit]) -> tuple[list[Edit], dict[str, list[Edit]]]:
    """The edits of items, and those of other records by their kind."""
    items: list[Edit] = []
    records: dict[str, list[Edit]] = {}
    for edit in edits:
        if edit.record == ITEM:
            items.append(edit)
        else:
            records.setdefault(edit.record, []).append(edit)
    return items, records


def lock_records(edits: Iterable[Edit]) -> None:
    """Lock what these edits are of, in one order, so that two publications cannot wait for each other."""
    for name, theirs in sorted(split(edits)[1].items()):
        governed(name).lock(sorted(edit.key for edit in theirs))


def noun_of(edit: Edit) -> tuple[str, str]:
    """What the edit's subject is called: for one, for many."""
    if edit.kind is not None:
        return edit.kind.name, edit.kind.plural
    kind = governed(edit.record)
    return kind.noun, kind.plural
