"""Lays down the sample's people, domains, audiences and approval policies, each with its audit event; no context."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import models, transaction

from context.access import SYSTEM
from context.models import Domain, Kind, Role, RoleGrant, Sensitivity, User
from governance.audit import ledger
from governance.configuration import record_configuration_change
from governance.models import ApprovalPolicy, ApprovalStage, ApproverRule
from governance.sample.reading import Sample


def lay_down_organisation(sample: Sample, *, now: datetime) -> None:
    """The administrator first, by the system; then everything else, by the administrator."""
    said = sample.people
    everyone = {person["username"]: person for person in said["people"]}
    admin_entry = next(person for person in said["people"] if person.get("cast") == "admin")
    with transaction.atomic():
        admin = _person(admin_entry, now)
        admin.save()
        ledger.append(
            actor=SYSTEM,
            action="context.user.created",
            subject=ledger.Subject(type="user", id=str(admin.pk), label=admin.display_name),
            now=now,
            data={"superuser": True},
        )
        _grant(admin, admin_entry, {}, now)
        for name in said["audiences"]:
            group = Group(name=name)
            record_configuration_change(actor=admin, instance=group, verb="created", write=group.save, now=now)
        for username, entry in everyone.items():
            if username != admin.username:
                person = _person(entry, now)
                record_configuration_change(actor=admin, instance=person, verb="created", write=person.save, now=now)
        domains = _domains(said["domains"], admin, now)
        for username, entry in everyone.items():
            _place(User.objects.get(username=username), entry, domains, admin, now)
        for policy in sample.policies:
            _policy(policy, domains, admin, now)


def let_go(username: str, now: datetime) -> None:
    """Somebody leaves: their account is closed, their name stays on what they wrote and owned."""
    admin = User.objects.get(is_superuser=True, role_grants__role=Role.ADMINISTRATOR)
    person = User.objects.get(username=username)
    person.is_active = False
    record_configuration_change(
        actor=admin,
        instance=person,
        verb="changed",
        write=lambda: person.save(update_fields=["is_active"]),
        now=now,
    )


def _person(entry: Mapping[str, Any], now: datetime) -> User:
    first, last = entry["name"]
    is_admin = entry.get("cast") == "admin"
    person = User(
        username=entry["username"],
        first_name=first,
        last_name=last,
        email=f"{entry['username']}@skerrow.example",
        clearance=Sensitivity.from_word(entry["clearance"]),
        is_staff=is_admin,
        is_superuser=is_admin,
        date_joined=now,
    )
    person.set_unusable_password()
    return person


def _domains(entries: list[dict[str, Any]], admin: User, now: datetime) -> dict[str, Domain]:
    made: dict[str, Domain] = {}
    for entry in entries:
        domain = Domain(
            slug=entry["slug"],
            name=entry["name"],
            description=entry["description"],
            parent=made[entry["parent"]] if "parent" in entry else None,
            owner=User.objects.get(username=entry["owner"]),
        )
        _date_history(domain, now)
        record_configuration_change(actor=admin, instance=domain, verb="created", write=domain.save, now=now)
        made[domain.slug] = domain
    return made


def _place(person: User, entry: Mapping[str, Any], domains: Mapping[str, Domain], admin: User, now: datetime) -> None:
    """Put a person into audiences and roles, as one configuration change."""
    many = {"roles": entry.get("roles", {}), "audiences": entry.get("audiences", [])}
    if person == admin or not any(many.values()):
        return

    def write() -> None:
        person.groups.set(Group.objects.filter(name__in=many["audiences"]))
        _grant(person, entry, domains, now)

    record_configuration_change(actor=admin, instance=person, verb="changed", write=write, now=now, many=many)


def _grant(person: User, entry: Mapping[str, Any], domains: Mapping[str, Domain], now: datetime) -> None:
    for role, places in entry.get("roles", {}).items():
        for place in [None] if places == "everywhere" else [domains[slug] for slug in places]:
            RoleGrant.objects.create(user=person, role=role, domain=place)
    RoleGrant.objects.filter(user=person).update(granted_at=now)


def _policy(entry: Mapping[str, Any], domains: Mapping[str, Domain], admin: User, now: datetime) -> None:
    policy = ApprovalPolicy(
        name=entry["name"],
        kind=Kind.objects.get(slug=entry["kind"]) if "kind" in entry else None,
        domain=domains[entry["domain"]] if "domain" in entry else None,
        sensitivity=Sensitivity.from_word(entry["sensitivity"]) if "sensitivity" in entry else None,
    )

    def write() -> None:
        _date_history(policy, now)
        policy.save()
        for order, stage in enumerate(entry["stages"], start=1):
            row = ApprovalStage(policy=policy, order=order, name=stage["name"], due_in_days=stage["due_in_days"])
            if "group" in stage:
                row.approvers, row.group = ApproverRule.GROUP, Group.objects.get(name=stage["group"])
            elif "person" in stage:
                row.approvers, row.person = ApproverRule.PERSON, User.objects.get(username=stage["person"])
            else:
                row.approvers = ApproverRule(stage.get("approvers", ApproverRule.ROLE))
            _date_history(row, now)
            row.save()

    record_configuration_change(
        actor=admin, instance=policy, verb="created", write=write, now=now, many={"stages": entry["stages"]}
    )


def _date_history(row: models.Model, now: datetime) -> None:
    # django-simple-history dates its row by this attribute where it is set.
    row._history_date = now  # type: ignore[attr-defined]
