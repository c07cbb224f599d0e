"""People who leave: switched off, their texts found to be without an owner; must not rewrite what they owned.

Who answers for a text is derived (context/ownership.py), so nothing is moved when somebody goes: one finding for each
domain asks whoever answers there to have the texts given to somebody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from context.access import SYSTEM, Principal, principal_for
from context.digests import check_storable
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextItem, Domain, Sensitivity, User
from context.ownership import read_answering
from context.row_security import reading_as_system
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.drift.findings import Sighting, open_finding, resolve_finding
from governance.models import Finding, Severity

DETECTOR = "owner-gone"
LONGEST_REASON = 1_000
KEYS_SHOWN = 50
MANY_TEXTS = 20


def deactivate_person(*, actor: User, username: str, reason: str, now: datetime) -> User:
    """Let somebody go: they can no longer sign in, their tokens and delegations end at once, and what they owned falls
    to the owners of its domains, each of whom gets a finding. Administrators may, and not for themselves.
    """
    principal = principal_for(actor)
    check_storable(reason, field="reason")
    with denials_recorded(
        actor=principal,
        action="context.person.deactivation",
        subject=lambda: ledger.Subject(type="user", id=username[:150], label=username),
        now=now,
    ):
        if not principal.has_role("administrator"):
            raise NotPermitted("People are deactivated by administrators.", fix="Ask one of them.")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise InvalidInput("Say why.", field="reason", limit=LONGEST_REASON, fix="A few words will do.")
    with transaction.atomic():
        # No key lock: others may refer to the person meanwhile, so that nobody waits for the ledger's lock in a circle.
        person = User.objects.select_for_update(no_key=True).filter(username=username).first()
        if person is None:
            raise NotFound(f"There is no person {username[:150]}.", field="username")
        if person.pk == actor.pk:
            raise Conflict("You cannot deactivate yourself.", fix="Ask another administrator.")
        if not person.is_active:
            raise Conflict(f"{person.display_name} is not active.", field="username")
        person.is_active = False
        person.save(update_fields=["is_active"])
        ledger.append(
            actor=principal,
            action="context.person.deactivated",
            subject=ledger.Subject(type="user", id=str(person.pk), label=person.display_name),
            now=now,
            data={
                "username": person.username,
                "reason": reason.strip(),
                "domains": sorted(person.owned_domains.values_list("slug", flat=True)),
            },
        )
    # Each finding in a transaction of its own; what a crash leaves out, the daily look finds.
    report_departed(people=[person], now=now)
    return person


def look_for_departed_owners(*, now: datetime) -> list[Finding]:
    """Open a finding for every domain with texts of somebody inactive, and close those whose texts have an owner."""
    found = report_departed(people=departed_owners(), now=now)
    standing = {finding.pk for finding in found}
    for finding in Finding.objects.filter(detector=DETECTOR).unsettled().exclude(pk__in=standing):
        resolve_finding(
            actor=SYSTEM, finding_id=finding.pk, reason="Everything they answered for has an owner again.", now=now
        )
    return found


def departed_owners() -> list[User]:
    """Those who are not here any more and still own a text or a domain. One query."""
    owning = ContextItem.objects.not_retired().filter(owner__is_active=False).values("owner_id")
    leading = Domain.objects.filter(owner__is_active=False).values("owner_id")
    return list(User.objects.filter(Q(pk__in=owning) | Q(pk__in=leading)).order_by("pk"))


def report_departed(*, people: Sequence[User], now: datetime, actor: Principal = SYSTEM) -> list[Finding]:
    """One finding for each of these people and domain that they left something in."""
    return [open_finding(seen=seen, now=now, actor=actor) for seen in sightings_of(people=people)]


def sightings_of(*, people: Sequence[User]) -> list[Sighting]:
    """What each of these people left in each domain. Three queries."""
    if not people:
        return []
    left: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    # What they owned above the reach of whoever lets them go is left behind as well.
    with reading_as_system():
        rows = ContextItem.objects.filter(owner__in=people).not_retired().order_by("key")
        for owner_id, domain_id, key, level in rows.values_list("owner_id", "domain_id", "key", "sensitivity"):
            left[owner_id or 0, domain_id].append((key, level))
    domains = {domain.pk: domain for domain in Domain.objects.all()}
    for domain in domains.values():
        if domain.owner_id in {person.pk for person in people}:
            left.setdefault((domain.owner_id or 0, domain.pk), [])
    named = {person.pk: person for person in people}
    return [
        _sighting(named[owner_id], domains[domain_id], texts) for (owner_id, domain_id), texts in sorted(left.items())
    ]


def _sighting(person: User, domain: Domain, texts: Sequence[tuple[str, int]]) -> Sighting:
    owned = domain.owner_id == person.pk
    what = [f"{len(texts)} text{'' if len(texts) == 1 else 's'} in {domain.name}"] if texts else []
    what += [f"the domain {domain.name}"] if owned else []
    heir = read_answering().for_domain(domain.pk)
    falls = "Whoever owns the domain answers for it now." if heir is not None else "Nobody answers for it now."
    level = max((level for _, level in texts), default=int(Sensitivity.INTERNAL))
    return Sighting(
        detector=DETECTOR,
        summary=f"{person.display_name} left and still owns {' and '.join(what)}. {falls}",
        cause={"person": person.pk, "domain": domain.pk},
        evidence={
            "person": person.username,
            "domain": domain.slug,
            "owns_domain": owned,
            "texts": len(texts),
            # Keys are names, not secrets; the first ones say what it is about.
            "keys": [key for key, _ in texts[:KEYS_SHOWN]],
        },
        severity=Severity.HIGH if heir is None or owned or len(texts) > MANY_TEXTS else Severity.MEDIUM,
        domain=domain,
        subject=ledger.Subject(type="domain", id=domain.slug, label=domain.name, sensitivity=level),
    )
