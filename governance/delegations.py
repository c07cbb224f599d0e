"""Delegation for absence: given, ended, and in whose place somebody may decide now; must not decide on a change.

Whether a delegation holds is judged by the database's clock, here and in the trigger on reviews alike. A delegate has
the delegator's own rights, never those that were delegated to the delegator.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from context.access import Principal, domain_ids_at_or_below, principal_for
from context.digests import check_storable, iso
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import Domain, User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.models import Delegation, NotificationKind
from governance.notifying import notify

LONGEST_DAYS = 366
LONGEST_REASON = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class StandIn:
    """Somebody in whose place a person may decide: with their rights, in these domains (None: in every domain)."""

    principal: Principal
    domain_ids: frozenset[int] | None
    until_at: datetime

    def covers(self, domain_id: int | None) -> bool:
        return self.domain_ids is None or domain_id in self.domain_ids


def delegate(
    *,
    actor: User,
    to_person: User,
    from_at: datetime,
    until_at: datetime,
    reason: str,
    now: datetime,
    from_person: User | None = None,
    domain: Domain | None = None,
) -> Delegation:
    """Let somebody decide in the actor's place; an administrator may arrange it for another, but not to themselves."""
    giver = from_person or actor
    check_storable(reason, field="reason")
    principal = principal_for(actor)
    with denials_recorded(
        actor=principal,
        action="governance.delegation",
        subject=lambda: ledger.Subject(type="user", id=str(giver.pk), label=giver.display_name),
        now=now,
        data={"from": giver.username, "to": to_person.username},
    ):
        if giver.pk != actor.pk and (not principal.has_role("administrator") or to_person.pk == actor.pk):
            raise NotPermitted(
                "You may delegate what is yours.", field="from_person", fix="Ask them, or an administrator, to do it."
            )
    if giver.pk == to_person.pk:
        raise InvalidInput("Nobody stands in for themselves.", field="to_person", fix="Name somebody else.")
    if not to_person.is_active or not giver.is_active:
        raise InvalidInput("Both must still be here.", field="to_person", fix="Name somebody who is.")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InvalidInput("Say why.", field="reason", limit=LONGEST_REASON, fix="A few words will do.")
    if until_at <= max(from_at, now):
        raise InvalidInput("It would end before it begins.", field="until_at", fix="Choose a later end.")
    if until_at - from_at > timedelta(days=LONGEST_DAYS):
        raise InvalidInput(
            "That is too long for an absence.",
            field="until_at",
            limit=f"{LONGEST_DAYS} days",
            fix="Choose an earlier end, or have the role granted.",
        )
    with transaction.atomic():
        made = Delegation.objects.create(
            from_person=giver,
            to_person=to_person,
            domain=domain,
            from_at=from_at,
            until_at=until_at,
            reason=reason.strip(),
            created_by=actor,
            created_at=now,
        )
        where = f" in {domain.name}" if domain is not None else ""
        notify(
            people=[giver.pk, to_person.pk],
            kind=NotificationKind.DELEGATION,
            subject=_subject(made),
            text=f"{to_person.display_name} decides in the place of {giver.display_name}{where} "
            f"from {from_at:%d %B %Y} until {until_at:%d %B %Y}.",
            url="/profile/",
            now=now,
            but_not=actor.pk,
        )
        ledger.append(
            actor=principal_for(actor),
            action="governance.delegation.given",
            subject=_subject(made),
            now=now,
            data={
                "from": giver.username,
                "to": to_person.username,
                "domain": domain.slug if domain is not None else None,
                "from_at": iso(from_at),
                "until_at": iso(until_at),
                "reason": made.reason,
            },
        )
    return made


def end_delegation(*, actor: User, delegation_id: int, now: datetime) -> Delegation:
    """End it from now on; either of the two, or an administrator, may. What was decided under it stands."""
    with transaction.atomic():
        held = (
            Delegation.objects.select_for_update(of=("self",))
            .select_related("from_person", "to_person")
            .filter(pk=delegation_id)
            .first()
        )
        concerned = held is not None and actor.pk in (held.from_person_id, held.to_person_id)
        if held is None or not (concerned or principal_for(actor).has_role("administrator")):
            raise NotFound(f"There is no delegation {delegation_id}.")
        if held.revoked_at is not None:
            raise Conflict("It was ended already.", field="revoked_at")
        held.revoked_at, held.revoked_by = now, actor
        held.save(update_fields=["revoked_at", "revoked_by"])
        ledger.append(actor=principal_for(actor), action="governance.delegation.ended", subject=_subject(held), now=now)
    return held


def delegations_of(*, principal: Principal) -> QuerySet[Delegation]:
    """Those given or held by this person; all of them for administrators and auditors."""
    found = Delegation.objects.select_related("from_person", "to_person", "domain")
    if principal.has_role("administrator") or principal.has_role("auditor"):
        return found
    return found.filter(Q(from_person_id=principal.id) | Q(to_person_id=principal.id))


def standing_in_for(person_id: int) -> list[StandIn]:
    """In whose place this person may decide now. One query, and five for each of those people."""
    held = Delegation.objects.active(Now()).filter(to_person_id=person_id).select_related("from_person", "domain")
    return [
        StandIn(
            principal=principal_for(each.from_person),
            domain_ids=domain_ids_at_or_below([each.domain]) if each.domain is not None else None,
            until_at=each.until_at,
        )
        for each in held.order_by("until_at", "pk")
    ]


def delegates_of(person_ids: Collection[int]) -> dict[int, set[int]]:
    """Who may decide now in the place of each of these people, whatever the domain. One query."""
    found: dict[int, set[int]] = {}
    rows = Delegation.objects.active(Now()).filter(from_person_id__in=person_ids)
    for giver, holder in rows.values_list("from_person_id", "to_person_id"):
        found.setdefault(giver, set()).add(holder)
    return found


def _subject(delegation: Delegation) -> ledger.Subject:
    label = f"{delegation.to_person.display_name} for {delegation.from_person.display_name}"
    return ledger.Subject(type="delegation", id=str(delegation.pk), label=label)
