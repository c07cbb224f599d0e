"""The pen: writes the rows of an approved change while the database lets this change do so; must not judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Q

from context import passages
from context.errors import Conflict
from context.models import ContextItem, ContextVersion, Relation, User
from context.passage_rows import PassagesOfVersion, write_passages
from context.past_passages import file_passages
from governance.audit import ledger
from governance.edits import StaleBase
from governance.governed import GovernedRecord, Writing, governed, split
from governance.models import Change, Edit, Operation
from governance.payload_fields import parse_moment
from governance.proposals import METADATA_FIELDS, Payload, version_digest

WRITTEN_AT_ONCE = 50  # items and versions in one statement: each may be a megabyte long


class ValidityOver(Conflict):
    """A text would come into force when its validity has ended already."""

    type = "validity-over"
    title = "The validity has ended meanwhile"


class Pen:
    """Writes context rows while the database lets this change do so (see governance/migrations/0002_guards.py)."""

    def __init__(self, change: Change) -> None:
        self.change = change

    def __enter__(self) -> Pen:
        _set_pen(f"publish:{self.change.pk}")
        return self

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        if exc_type is None:
            _set_pen("")

    def write(
        self,
        edits: Sequence[Edit],
        prepared: Mapping[str, Sequence[passages.PassageDraft]],
        approvals: list[dict[str, str]],
        actor: User,
        now: datetime,
    ) -> list[ledger.Entry]:
        """Items in two passes, so that those created together may relate to each other; then other records."""
        edits, records = split(edits)
        texts = [edit for edit in edits if edit.operation != Operation.RETIRE]
        # Judged by the item as it stood.
        widened = {edit.key for edit in texts if edit.item is not None and _widens(edit.item, edit)}
        written: dict[str, ContextItem] = {}
        versions: list[ContextVersion] = []
        entries = []
        for edit, version_id in zip(texts, _version_ids(len(texts)), strict=True):
            item = edit.item or ContextItem(key=edit.key, created_at=now)
            previous = item.current_version
            version = self._version(edit, item, previous, approvals, now)
            version.pk = version_id
            _describe(item, edit, version, actor, now)
            written[edit.key] = item
            versions.append(version)
            entries.append(
                ledger.Entry(
                    action="context.version.published",
                    subject=_item_subject(edit),
                    data={
                        "change": self.change.pk,
                        "operation": edit.operation,
                        "version": version.number,
                        "author": self.change.author.display_name,
                        "approved_by": [approval["person"] for approval in approvals],
                    },
                    before=previous.digest if previous else None,
                    after=version.digest,
                )
            )
        # An item and its version name each other; PostgreSQL compares at the end of the transaction.
        ContextItem.objects.bulk_create(
            [written[edit.key] for edit in texts if edit.item is None], batch_size=WRITTEN_AT_ONCE
        )
        ContextVersion.objects.bulk_create(versions, batch_size=WRITTEN_AT_ONCE)
        found = []
        for edit, version in zip(texts, versions, strict=True):
            item = written[edit.key]
            if version.number > 1:
                _supersede(item, version, now)
                item.save()
            # A new item has nothing to be replaced: an import of thousands would ask thousands of times for nothing.
            if edit.steward_ids or version.number > 1:
                item.stewards.set(edit.steward_ids)
            if edit.audience_ids or version.number > 1:
                item.audiences.set(Group.objects.filter(pk__in=edit.audience_ids))
            found.append(
                PassagesOfVersion(
                    item_id=item.pk,
                    version_id=version.pk,
                    drafts=prepared.get(edit.key, ()),
                    in_force_from=_end_passages(item, version, now, widened=edit.key in widened),
                    in_force_until=version.valid_to,
                )
            )
        write_passages(found)
        for edit in edits:
            if edit.operation == Operation.RETIRE:
                entries.append(self._retire(edit, now))
            else:
                self._write_relations(written[edit.key], edit.payload)
        writing = Writing(
            change_id=self.change.pk,
            author=self.change.author.display_name,
            approvals=tuple(approvals),
            actor=actor,
            now=now,
        )
        for name, theirs in records.items():
            entries += [_write_record(governed(name), edit, writing) for edit in theirs]
        return entries

    def _version(
        self,
        edit: Edit,
        item: ContextItem,
        previous: ContextVersion | None,
        approvals: list[dict[str, str]],
        now: datetime,
    ) -> ContextVersion:
        payload = edit.payload
        valid_from = parse_moment(payload["valid_from"], "valid_from") or now
        valid_to = parse_moment(payload["valid_to"], "valid_to")
        if valid_to is not None and valid_to <= valid_from:
            raise ValidityOver(
                f"The validity of {edit.key} ended before it could come into force.",
                field="valid_to",
                fix="Give it a later end, or none, and have that approved.",
            )
        return ContextVersion(
            item=item,
            number=previous.number + 1 if previous else 1,
            title=payload["title"],
            body=payload["body"],
            data=payload["data"],
            claims=payload["claims"],
            locale=payload["locale"],
            metadata={name: payload[name] for name in METADATA_FIELDS},
            valid_from=valid_from,
            valid_to=valid_to,
            published_at=now,
            digest=version_digest(edit.key, payload),
            change_number=self.change.pk,
            author_label=self.change.author.display_name,
            approvals=approvals,
        )

    def _write_relations(self, item: ContextItem, payload: Payload) -> None:
        wanted = {(each["type"], each["key"]) for each in payload["relations"]}
        if not wanted and item.current_version is not None and item.current_version.number == 1:
            return
        present = {(row.type, row.target.key): row for row in item.relations.select_related("target")}
        Relation.objects.filter(pk__in=[row.pk for place, row in present.items() if place not in wanted]).delete()
        missing = wanted - set(present)
        targets = ContextItem.objects.in_bulk([key for _, key in missing], field_name="key")
        absent = sorted(key for _, key in missing if key not in targets)
        if absent:
            raise StaleBase(
                f"{item.key} relates to {absent[0]}, which does not exist.", field="relations", keys=[item.key]
            )
        Relation.objects.bulk_create(
            Relation(source=item, target=targets[key], type=name) for name, key in sorted(missing)
        )

    def _retire(self, edit: Edit, now: datetime) -> ledger.Entry:
        item = edit.item
        if item is None:
            raise StaleBase(f"{edit.key} is not there to be retired.", keys=[edit.key])
        replacement = edit.payload.get("replaced_by")
        item.retired_at = now
        item.replaced_by = ContextItem.objects.get(key=replacement) if replacement else None
        item.save()
        versions = ContextVersion.objects.filter(item=item)
        versions.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=now)).update(superseded_at=now)
        file_passages(item_id=item.pk, until=now)
        previous = item.current_version
        return ledger.Entry(
            action="context.item.retired",
            subject=_item_subject(edit),
            data={"change": self.change.pk, "replaced_by": replacement},
            before=previous.digest if previous else None,
        )


def _describe(item: ContextItem, edit: Edit, version: ContextVersion, actor: User, now: datetime) -> None:
    """What is said of the item itself, as it was approved."""
    payload = edit.payload
    source = payload["source"] or {}
    item.title, item.kind, item.domain = payload["title"], edit.item_kind, edit.item_domain
    item.owner, item.sensitivity, item.tags = edit.owner, edit.sensitivity, payload["tags"]
    item.source_kind, item.source_uri = source.get("kind", ""), source.get("uri", "")
    item.source_fingerprint = source.get("fingerprint", "")
    item.review_interval_days = payload["review_interval_days"]
    # An approved publication confirms the text: its review interval starts anew.
    item.verified_at, item.verified_by = now, actor
    item.verified_until = now + timedelta(days=item.review_interval_days)
    item.current_version, item.retired_at, item.replaced_by = version, None, None


def _supersede(item: ContextItem, version: ContextVersion, now: datetime) -> None:
    """From then on this version is in force instead of those before it; a planned one that it overtakes never is."""
    effective = max(now, version.valid_from)
    older = ContextVersion.objects.filter(item=item, number__lt=version.number)
    older.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=effective)).update(superseded_at=effective)


def _end_passages(item: ContextItem, version: ContextVersion, now: datetime, *, widened: bool) -> datetime:
    """Have the passages of the versions before end when this one comes into force, and say when that is."""
    effective = max(now, version.valid_from)
    # Passages are found by whom the item is open to, and that is the planned version's readers from now on: where
    # they are more, the text still in force is served by its key to whom it was approved for, and not found.
    if version.number > 1 and (effective <= now or widened):
        file_passages(item_id=item.pk, until=effective)
    elif version.number > 1:
        item.passages.filter(in_force_from__gte=effective).delete()
        item.passages.filter(Q(in_force_until__isnull=True) | Q(in_force_until__gt=effective)).update(
            in_force_until=effective
        )
    return effective


def _version_ids(count: int) -> list[int]:
    """Numbers that no other version gets."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('context_contextversion', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [number for (number,) in cursor.fetchall()]


def _widens(item: ContextItem, edit: Edit) -> bool:
    """Whether the edit opens the item to anybody to whom it is not open as it stands."""
    audiences = set(item.audiences.values_list("pk", flat=True))
    if edit.sensitivity < item.sensitivity:
        return True
    if not audiences:
        return False
    stewards = set(item.stewards.values_list("pk", flat=True))
    return (
        not edit.audience_ids
        or not set(edit.audience_ids) <= audiences
        or edit.owner_id != item.owner_id
        or not set(edit.steward_ids) <= stewards
    )


def _write_record(record: GovernedRecord, edit: Edit, writing: Writing) -> ledger.Entry:
    if edit.operation == Operation.RETIRE:
        return record.retire(key=edit.key, writing=writing)
    return record.publish(key=edit.key, payload=edit.payload, writing=writing)


def _item_subject(edit: Edit) -> ledger.Subject:
    label = edit.payload.get("title") or (edit.item.title if edit.item else edit.key)
    present = edit.item.sensitivity if edit.item else 0
    return ledger.Subject(type="item", id=edit.key, label=label, sensitivity=max(edit.sensitivity, present))


def _set_pen(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', %s, true)", [value])
