"""Takes events that start flows: signed posts and published changes, each once; must not judge a signature.

A published change only notes its event, in the transaction that publishes it; the schedule starts the flow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from agents.flows.carrying import carry
from agents.flows.definition import Trigger, definition_of
from agents.flows.starting import check_input, open_flow_run
from agents.models import Flow, FlowEvent, FlowEventState
from context.access import SYSTEM, Principal, domain_ids_at_or_below, principal_for
from context.digests import check_storable, digest_of
from context.errors import Conflict, DomainError, InvalidInput, NotFound
from context.models import ContextItem, Domain
from context.row_security import reading_as
from governance.audit import ledger
from governance.models import ITEM, Change, Edit

LONGEST_EVENT_ID = 120
MOST_ITEMS = 100
STARTED_AT_ONCE = 50


class EventDiffers(Conflict):
    """The id was used for another event."""

    type = "event-differs"
    title = "Another event has this id"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """An event that was taken. `new` is false where it had been taken before, and nothing was done."""

    event: FlowEvent
    new: bool


def take_event(*, flow: Flow, trigger: str, body: Any, now: datetime) -> Taken:
    """Start the flow by an event whose signature was checked, once for its `id`; the second time tells the first."""
    event_id = body.get("id") if isinstance(body, Mapping) else None
    if not isinstance(event_id, str) or not 1 <= len(event_id) <= LONGEST_EVENT_ID:
        raise InvalidInput(
            "An event has an id of its own.", field="id", limit=LONGEST_EVENT_ID, fix="Send the same id only twice "
            "where it is the same event."
        )  # fmt: skip
    check_storable(body, field="event")
    known = FlowEvent.objects.filter(flow=flow, trigger=trigger, event_id=event_id).first()
    if known is None:
        stated = _trigger_of(flow, trigger, "webhook")
        if stated is None:
            raise NotFound("There is no such trigger.")
        # What the flow cannot take is refused without being kept: it may be sent again, corrected.
        check_input(flow, carry(stated.input, {"event": body}))
        with transaction.atomic():
            known, new = FlowEvent.objects.get_or_create(
                flow=flow, trigger=trigger, event_id=event_id, defaults={"body": body, "received_at": now}
            )
            if new:
                entries = _start(event=known, now=now)
                ledger.append_all(actor=SYSTEM, entries=entries, now=now)
                return Taken(event=known, new=True)
    if digest_of(known.body) != digest_of(body):
        raise EventDiffers("This id was used for another event.", field="id", fix="Give each event an id of its own.")
    return Taken(event=known, new=False)


def note_publication(*, change: Change, edits: Sequence[Edit], now: datetime) -> list[ledger.Entry]:
    """Note an event for every trigger that the published change matches; for governance/publishing.py. Once each.

    Of what is published the event names only what the flow's owner may know. One query where no flow listens.
    """
    items = [edit for edit in edits if edit.record == ITEM]
    flows = Flow.objects.filter(
        retired_at__isnull=True, current_version__payload__triggers__contains=[{"on": "publication"}]
    )
    entries: list[ledger.Entry] = []
    for flow in flows.select_related("current_version", "owner") if items else ():
        if flow.current_version is None:
            continue
        known: set[str] | None = None
        for trigger in definition_of(flow.current_version.payload).triggers:
            if trigger.on != "publication":
                continue
            named = Domain.objects.filter(slug=trigger.match.get("domain", ""))
            reach = domain_ids_at_or_below(named) if "domain" in trigger.match else None
            matching = [edit for edit in items if matches(trigger, edit, reach)]
            if matching and known is None:
                known = _known_to(principal_for(flow.owner), items)
            told = [edit for edit in matching if edit.key in (known or ())]
            if told:
                entries.append(_note(flow, trigger, change, told, now))
    return entries


def matches(trigger: Trigger, edit: Edit, reach: Collection[int] | None) -> bool:
    """Whether an edit of an item is of what the trigger selects: all that it states. `reach` are its domains."""
    match = trigger.match
    tags = edit.payload.get("tags") or (edit.item.tags if edit.item is not None else [])
    if match.get("key", edit.key) != edit.key or ("tag" in match and match["tag"] not in tags):
        return False
    if "kind" in match and (edit.kind is None or edit.kind.slug != match["kind"]):
        return False
    return reach is None or edit.domain_id in reach


def start_by_events(*, now: datetime) -> int:
    """Start the flows whose events wait, those that waited longest first; how many events were settled."""
    settled = 0
    waiting = FlowEvent.objects.filter(state=FlowEventState.WAITING).order_by("received_at", "pk")
    for event_id in list(waiting.values_list("pk", flat=True)[:STARTED_AT_ONCE]):
        with transaction.atomic():
            locked = waiting.select_for_update(skip_locked=True, of=("self",))
            event = (
                locked.select_related("flow__owner", "flow__current_version__flow__domain").filter(pk=event_id).first()
            )
            if event is None:
                continue
            ledger.append_all(actor=SYSTEM, entries=_start(event=event, now=now), now=now)
            settled += 1
    return settled


def _start(*, event: FlowEvent, now: datetime) -> list[ledger.Entry]:
    """Start the flow for its owner, as they may ask now; or note why it could not be. The event is locked."""
    flow, owner = event.flow, event.flow.owner
    stated = _trigger_of(flow, event.trigger, "")
    refused = ""
    entries: list[ledger.Entry] = []
    if flow.retired_at is not None or stated is None:
        refused = "The flow has no such trigger any more."
    elif not owner.is_active:
        refused = f"{owner.display_name}, who answers for the flow, is not active."
    else:
        principal = principal_for(owner)
        value = carry(stated.input, {"event": event.body})
        try:
            check_input(flow, value)
        except DomainError as error:
            refused = error.detail
        else:
            with reading_as(principal):
                event.flow_run, entries = open_flow_run(
                    flow=flow,
                    requester=principal,
                    name=owner.username,
                    value=value,
                    now=now,
                    trigger=event.trigger,
                    event=event.event_id,
                )
    event.state = FlowEventState.REFUSED if refused else FlowEventState.STARTED
    event.detail, event.settled_at = refused[:500], now
    event.save()
    return [_told(event, "refused", why=refused)] if refused else entries


def _note(flow: Flow, trigger: Trigger, change: Change, edits: Sequence[Edit], now: datetime) -> ledger.Entry:
    items = [{"key": edit.key, "operation": str(edit.operation)} for edit in edits[:MOST_ITEMS]]
    event = FlowEvent.objects.create(
        flow=flow,
        trigger=trigger.name,
        event_id=f"change:{change.pk}",
        body={"change": change.pk, "items": items},
        received_at=now,
    )
    return _told(event, "noted", change=change.pk)


def _trigger_of(flow: Flow, name: str, on: str) -> Trigger | None:
    if flow.current_version is None:
        return None
    named = definition_of(flow.current_version.payload).triggers
    return next((each for each in named if each.name == name and on in ("", each.on)), None)


def _known_to(principal: Principal, edits: Sequence[Edit]) -> set[str]:
    found = ContextItem.objects.visible_to(principal).filter(key__in=[edit.key for edit in edits])
    return set(found.values_list("key", flat=True))


def _told(event: FlowEvent, what: str, **data: Any) -> ledger.Entry:
    flow = event.flow
    return ledger.Entry(
        action=f"agents.flow_event.{what}",
        subject=ledger.Subject(type="flow", id=flow.slug, label=flow.name, sensitivity=flow.sensitivity),
        data={"trigger": event.trigger, "event": event.event_id, **data},
    )
