"""The only pen: turns an approved change into context in force, at once or at a time; must not judge its content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Q

from context import embeddings, passages
from context.access import SYSTEM, Principal, principal_for
from context.errors import Conflict, InvalidInput, NotPermitted
from context.models import ContextItem, ContextVersion, Passage, Relation, User
from governance.audit import ledger
from governance.changes import (
    EditInput,
    StaleBase,
    change_digest,
    check_bases,
    create_change,
    get_change,
    loaded_edits,
    lock_change,
    subject_of,
    touch,
)
from governance.models import Change, ChangeState, Decision, Edit, Operation
from governance.permissions import may_publish
from governance.policies import Demand, demands_of, progress_of
from governance.proposals import METADATA_FIELDS, Payload, parse_moment, version_digest
from governance.reviews import ApprovalVoid


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """What a publication did: the change, and the keys it published and retired. `scheduled_for` where it waits."""

    change: Change
    published: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    scheduled_for: datetime | None = None


class ApprovalIncomplete(Conflict):
    """The policies, as they stand now, ask for more than was approved."""

    type = "approval-incomplete"
    title = "The change is not approved"


def publish_change(*, actor: User, change_id: int, now: datetime, at: datetime | None = None) -> Publication:
    """Publish an approved change now, or schedule it for `at`.

    Everything it does happens in one transaction: versions, relations, passages, audit events. Raises StaleBase
    where an item has moved on, ApprovalVoid or ApprovalIncomplete where what stands is not what was approved.
    """
    principal = principal_for(actor)
    if at is not None and at > now:
        return _schedule(actor, principal, change_id, now, at)
    change = get_change(principal=principal, change_id=change_id)
    prepared = _prepare_passages(change)
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_publisher(change, principal)
        return _publish(change, actor, principal, prepared, _database_time(now))


def publish_without_approval(*, actor: User, change_id: int, reason: str, now: datetime) -> Publication:
    """Publish a change in review at once. For governance/emergencies.py, which judges who may and why."""
    principal = principal_for(actor)
    prepared = _prepare_passages(get_change(principal=principal, change_id=change_id))
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        if change.state not in (ChangeState.IN_REVIEW, ChangeState.APPROVED, ChangeState.SCHEDULED):
            raise Conflict(
                f"Change {change.pk} is {change.get_state_display().lower()}.", field="state", fix="Submit it first."
            )
        change.emergency_reason = reason
        return _publish(change, actor, principal, prepared, _database_time(now))


def publish_due_changes(*, now: datetime) -> list[int]:
    """Publish every scheduled change whose time has come; one whose base moved is suspended and says so."""
    done = []
    due = Change.objects.filter(state=ChangeState.SCHEDULED, publish_at__lte=now, suspended_because="")
    for change_id in list(due.order_by("publish_at").values_list("pk", flat=True)):
        try:
            prepared = _prepare_passages(Change.objects.get(pk=change_id))
            with transaction.atomic():
                change = Change.objects.select_for_update().get(pk=change_id)
                if change.state != ChangeState.SCHEDULED or change.scheduled_by is None:
                    continue
                _publish(change, change.scheduled_by, SYSTEM, prepared, _database_time(now))
            done.append(change_id)
        except (StaleBase, ApprovalVoid, ApprovalIncomplete) as refusal:
            _suspend(change_id, refusal.detail, now)
    return done


def revert_change(*, actor: User, change_id: int, reason: str, now: datetime) -> Change:
    """Draft the change that undoes a published one: a change like any other, to be reviewed and published."""
    principal = principal_for(actor)
    change = get_change(principal=principal, change_id=change_id)
    if change.state != ChangeState.PUBLISHED:
        raise Conflict(f"Change {change.pk} is not published, so there is nothing to undo.", field="state")
    edits = []
    for edit in change.edits.select_related("item"):
        if edit.operation == Operation.CREATE:
            edits.append(EditInput(operation=Operation.RETIRE, key=edit.key))
        else:
            edits.append(EditInput(operation=Operation.REVERT, key=edit.key, revert_to=edit.base_version))
    return create_change(actor=actor, title=f"Revert: {change.title}"[:200], reason=reason, edits=edits, now=now)


def _schedule(actor: User, principal: Principal, change_id: int, now: datetime, at: datetime) -> Publication:
    if (at - now).days > 3_650:
        raise InvalidInput("That is too far ahead.", field="at", limit="10 years", fix="Choose an earlier time.")
    with transaction.atomic():
        change = lock_change(principal=principal, change_id=change_id)
        _require_publisher(change, principal)
        _require_approval(change, loaded_edits(change))
        change.state, change.publish_at, change.scheduled_by = ChangeState.SCHEDULED, at, actor
        change.suspended_because = ""
        touch(change, now)
        change.save()
        ledger.append(
            actor=principal,
            action="governance.change.scheduled",
            subject=subject_of(change),
            now=now,
            data={"publish_at": at.isoformat()},
            after=change.digest,
        )
    return Publication(change=change, scheduled_for=at)


def _suspend(change_id: int, why: str, now: datetime) -> None:
    with transaction.atomic():
        change = Change.objects.select_for_update().get(pk=change_id)
        change.suspended_because = why
        touch(change, now)
        change.save()
        ledger.append(
            actor=SYSTEM,
            action="governance.change.suspended",
            subject=subject_of(change),
            now=now,
            data={"why": why},
            before=change.digest,
        )


def _publish(
    change: Change,
    actor: User,
    principal: Principal,
    prepared: Mapping[str, Sequence[passages.PassageDraft]],
    now: datetime,
) -> Publication:
    edits = loaded_edits(change)
    # Items are locked in one order, so that two publications cannot wait for each other.
    items = {
        item.pk: item
        for item in ContextItem.objects.select_for_update(of=("self",))
        .filter(pk__in=[edit.item_id for edit in edits if edit.item_id])
        .select_related("current_version")
        .order_by("pk")
    }
    for edit in edits:
        if edit.item_id:
            edit.item = items[edit.item_id]
    if change.emergency_reason:
        _require_same_text(change, edits, demands_of(edits))
    else:
        _require_approval(change, edits)
    check_bases(edits)
    change.state, change.published_at, change.published_by = ChangeState.PUBLISHED, now, actor
    change.publish_at = change.publish_at if principal.kind == "system" else None
    touch(change, now)
    change.save()
    approvals = [
        {"person": review.reviewer_label, "username": review.reviewer.username, "at": review.created_at.isoformat()}
        for review in change.reviews.select_related("reviewer")
        if review.decision == Decision.APPROVE and review.digest == change.digest
    ]
    if change.emergency_reason:
        approvals.append(
            {
                "person": actor.display_name,
                "username": actor.username,
                "at": now.isoformat(),
                "emergency": change.emergency_reason,
            }
        )
    with _Pen(change) as pen:
        entries = pen.write(edits, prepared, approvals, actor, now)
    entries.append(
        ledger.Entry(
            action="governance.emergency.published" if change.emergency_reason else "governance.change.published",
            subject=subject_of(change),
            data={
                "items": len(edits),
                "approved_by": [approval["person"] for approval in approvals],
                **({"emergency": change.emergency_reason} if change.emergency_reason else {}),
                **({"on_behalf_of": actor.display_name} if principal.kind == "system" else {}),
            },
            after=change.digest,
        )
    )
    ledger.append_all(actor=principal, entries=entries, now=now)
    return Publication(
        change=change,
        published=tuple(edit.key for edit in edits if edit.operation != Operation.RETIRE),
        retired=tuple(edit.key for edit in edits if edit.operation == Operation.RETIRE),
    )


class _Pen:
    """Writes context rows while the database lets this change do so (see governance/migrations/0002_guards.py)."""

    def __init__(self, change: Change) -> None:
        self.change = change

    def __enter__(self) -> _Pen:
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
        """Two passes, so that items created together may relate to each other."""
        written = {}
        entries = []
        for edit in edits:
            if edit.operation == Operation.RETIRE:
                continue
            item, previous = edit.item, edit.item.current_version if edit.item else None
            if item is None:
                item = ContextItem.objects.create(
                    key=edit.key,
                    kind=edit.kind,
                    domain=edit.domain,
                    title=edit.payload["title"],
                    sensitivity=edit.sensitivity,
                    created_at=now,
                )
            version = self._write_version(edit, item, previous, approvals, now)
            self._write_item(edit, item, version, actor, now)
            self._write_passages(item, version, prepared.get(edit.key, ()), now)
            written[edit.key] = item
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
        for edit in edits:
            if edit.operation == Operation.RETIRE:
                entries.append(self._retire(edit, now))
            else:
                self._write_relations(written[edit.key], edit.payload)
        return entries

    def _write_version(
        self,
        edit: Edit,
        item: ContextItem,
        previous: ContextVersion | None,
        approvals: list[dict[str, str]],
        now: datetime,
    ) -> ContextVersion:
        payload = edit.payload
        valid_from = parse_moment(payload["valid_from"], "valid_from") or now
        version = ContextVersion.objects.create(
            item=item,
            number=previous.number + 1 if previous else 1,
            title=payload["title"],
            body=payload["body"],
            data=payload["data"],
            claims=payload["claims"],
            locale=payload["locale"],
            metadata={name: payload[name] for name in METADATA_FIELDS},
            valid_from=valid_from,
            valid_to=parse_moment(payload["valid_to"], "valid_to"),
            published_at=now,
            digest=version_digest(edit.key, payload),
            change_number=self.change.pk,
            author_label=self.change.author.display_name,
            approvals=approvals,
        )
        # From then on this version is in force instead of those before it; a planned one that it overtakes never is.
        effective = max(now, valid_from)
        older = ContextVersion.objects.filter(item=item, number__lt=version.number)
        older.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=effective)).update(superseded_at=effective)
        return version

    def _write_item(self, edit: Edit, item: ContextItem, version: ContextVersion, actor: User, now: datetime) -> None:
        payload = edit.payload
        source = payload["source"] or {}
        item.title, item.kind, item.domain = payload["title"], edit.kind, edit.domain
        item.owner, item.sensitivity, item.tags = edit.owner, edit.sensitivity, payload["tags"]
        item.source_kind, item.source_uri = source.get("kind", ""), source.get("uri", "")
        item.source_fingerprint = source.get("fingerprint", "")
        item.review_interval_days = payload["review_interval_days"]
        # An approved publication confirms the text: its review interval starts anew.
        item.verified_at, item.verified_by = now, actor
        item.verified_until = now + timedelta(days=item.review_interval_days)
        item.current_version, item.retired_at, item.replaced_by = version, None, None
        item.save()
        item.stewards.set(edit.steward_ids)
        item.audiences.set(Group.objects.filter(pk__in=edit.audience_ids))

    def _write_passages(
        self, item: ContextItem, version: ContextVersion, drafts: Sequence[passages.PassageDraft], now: datetime
    ) -> None:
        effective = max(now, version.valid_from)
        if effective <= now:
            item.passages.all().delete()
        else:
            item.passages.filter(in_force_from__gte=effective).delete()
            item.passages.filter(Q(in_force_until__isnull=True) | Q(in_force_until__gt=effective)).update(
                in_force_until=effective
            )
        Passage.objects.bulk_create(
            Passage(
                item=item,
                version=version,
                ordinal=draft.ordinal,
                heading_path=draft.heading_path,
                anchor=draft.anchor,
                text=draft.text,
                token_count=draft.token_count,
                embedding=draft.embedding,
                embedding_model=draft.embedding_model,
                in_force_from=effective,
                in_force_until=version.valid_to,
            )
            for draft in drafts
        )

    def _write_relations(self, item: ContextItem, payload: Payload) -> None:
        wanted = {(each["type"], each["key"]) for each in payload["relations"]}
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
        item.passages.all().delete()
        previous = item.current_version
        return ledger.Entry(
            action="context.item.retired",
            subject=_item_subject(edit),
            data={"change": self.change.pk, "replaced_by": replacement},
            before=previous.digest if previous else None,
        )


def _prepare_passages(change: Change) -> dict[str, Sequence[passages.PassageDraft]]:
    """Split, and embed where they are few, before any lock is taken: a model must not hold up the ledger."""
    drafts = {
        edit.key: passages.split(
            title=edit.payload["title"], body=edit.payload["body"], data=edit.payload["data"], schema=edit.kind.schema
        )
        for edit in change.edits.select_related("kind")
        if edit.operation != Operation.RETIRE
    }
    if sum(map(len, drafts.values())) > settings.EMBED_INLINE_LIMIT:
        # The rows themselves are the record of the work that is left: a worker embeds what has no embedding yet.
        return dict(drafts)
    return {key: embeddings.embed_drafts(each) for key, each in drafts.items()}


def _require_publisher(change: Change, principal: Principal) -> None:
    if change.editors.filter(pk=principal.id).exists() or change.reviews.filter(reviewer_id=principal.id).exists():
        return
    if not may_publish(principal, change.edits.values_list("domain_id", flat=True)):
        raise NotPermitted(
            f"You may not publish change {change.pk}.", fix="Its author, its approvers and the domain owner may."
        )


def _require_approval(change: Change, edits: Sequence[Edit]) -> None:
    if change.state not in (ChangeState.APPROVED, ChangeState.SCHEDULED):
        raise ApprovalIncomplete(
            f"Change {change.pk} is {change.get_state_display().lower()}, not approved.",
            field="state",
            fix="Submit it and have it approved first.",
        )
    demands = demands_of(edits)
    _require_same_text(change, edits, demands)
    progress = progress_of(demands, change.reviews.all(), change.digest)
    missing = [each.demand.policy_name for each in progress if not each.complete]
    if missing:
        raise ApprovalIncomplete(
            f"The policy {missing[0]} asks for more than was approved.",
            field="state",
            fix="Have the approvals that are missing given first.",
        )


def _require_same_text(change: Change, edits: Sequence[Edit], demands: Sequence[Demand]) -> None:
    if change_digest(change, edits, demands) != change.digest:
        raise ApprovalVoid(
            f"Change {change.pk}, or the policy it was approved under, is not what was approved.",
            field="digest",
            fix="Reopen and submit it again, so that it is reviewed as it stands under the policies that stand.",
        )


def _item_subject(edit: Edit) -> ledger.Subject:
    label = edit.payload.get("title") or (edit.item.title if edit.item else edit.key)
    present = edit.item.sensitivity if edit.item else 0
    return ledger.Subject(type="item", id=edit.key, label=label, sensitivity=max(edit.sensitivity, present))


def _set_pen(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', %s, true)", [value])


def _database_time(now: datetime) -> datetime:
    """The caller's moment, but never ahead of the database's clock, by which validity is judged when read."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT least(clock_timestamp(), %s)", [now])
        (moment,) = cursor.fetchone()
    return moment  # type: ignore[no-any-return]
