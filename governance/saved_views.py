"""Keeps searches of the catalogue under a name, for oneself or for everybody; must not run them."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.db import IntegrityError, transaction
from django.db.models import Q

from context.access import Principal, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound
from context.models import User
from governance.audit import ledger
from governance.models import SavedView

LONGEST_NAME = 80
LONGEST_QUERY = 2_000
MOST_VIEWS = 100
# What of the address of a catalogue page is kept; the page number is not.
KEPT = ("q", "kind", "domain", "state", "owner", "sensitivity", "tag", "sort")


def save_view(*, actor: User, name: str, query: str, shared: bool, now: datetime) -> SavedView:
    """Keep a search; the one of that name is replaced. What is not a filter of the catalogue is left out."""
    for field, value, limit in (("name", name, LONGEST_NAME), ("query", query, LONGEST_QUERY)):
        check_storable(value, field=field)
        if len(value) > limit:
            raise InvalidInput(f"The {field} is too long.", field=field, limit=limit, fix="Shorten it.")
    if not name.strip():
        raise InvalidInput("The view needs a name.", field="name", limit=LONGEST_NAME, fix="Say what it shows.")
    kept = urlencode([(part, value) for part, value in parse_qsl(query.lstrip("?")) if part in KEPT])
    if not kept:
        raise InvalidInput("There is nothing to keep: search or filter first.", field="query", fix="Choose a filter.")
    try:
        with transaction.atomic():
            if SavedView.objects.filter(owner=actor).exclude(name=name.strip()).count() >= MOST_VIEWS:
                raise Conflict("You have too many views.", limit=MOST_VIEWS, fix="Remove one first.")
            made, _ = SavedView.objects.update_or_create(
                owner=actor, name=name.strip(), defaults={"query": kept, "shared": shared, "created_at": now}
            )
            _record(actor, made, "saved", now)
    except IntegrityError as error:
        raise Conflict("It was saved by another window of yours at the same moment.", field="name") from error
    return made


def remove_view(*, actor: User, view_id: int, now: datetime) -> None:
    """Forget a view of one's own; an administrator may take away anybody's shared one."""
    principal = principal_for(actor)
    with transaction.atomic():
        found = SavedView.objects.select_for_update().filter(pk=view_id)
        held = found.filter(_own_or_shared(principal)).first()
        if held is None or not (held.owner_id == actor.pk or principal.has_role("administrator")):
            raise NotFound("There is no such view of yours.")
        _record(actor, held, "removed", now)
        held.delete()


def views_of(*, principal: Principal) -> list[SavedView]:
    """One's own and those that others share. One query."""
    return list(SavedView.objects.filter(_own_or_shared(principal)).select_related("owner"))


def _own_or_shared(principal: Principal) -> Q:
    return Q(owner_id=principal.id) | Q(shared=True, owner__is_active=True)


def _record(actor: User, view: SavedView, verb: str, now: datetime) -> None:
    ledger.append(
        actor=principal_for(actor),
        action=f"governance.view.{verb}",
        subject=ledger.Subject(type="view", id=str(view.pk), label=view.name),
        now=now,
        data={"query": view.query, "shared": view.shared},
    )
