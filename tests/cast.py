"""The cast of the tests and the ways through the real governance functions by which texts come into force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.utils import timezone
from simple_history.utils import bulk_create_with_history

from context.models import ContextItem, Domain, RoleGrant, Sensitivity, User
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Change
from governance.publishing import publish_change
from governance.reviews import review_change
from governance.screening import screen_edits

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Cast:
    """Six people and three domains: `author` writes, `reviewer` approves, `owner` owns Legal."""

    author: User
    reviewer: User
    owner: User
    auditor: User
    admin: User
    outsider: User
    legal: Domain
    sales: Domain
    finance: Domain
    counsel: Group


def gather() -> Cast:
    """Make the cast. Call it once in a database. Few statements, because nearly every test begins with them."""
    password = make_password(PASSWORD)

    def person(username: str, first: str, last: str, clearance: Sensitivity, **more: Any) -> User:
        return User(
            username=username,
            password=password,
            email=f"{username}@example.org",
            first_name=first,
            last_name=last,
            clearance=clearance,
            **more,
        )

    author, reviewer, owner, auditor, admin, outsider = User.objects.bulk_create(
        [
            person("author", "Ada", "Author", Sensitivity.CONFIDENTIAL),
            person("reviewer", "Rui", "Reviewer", Sensitivity.CONFIDENTIAL),
            person("owner", "Olga", "Owner", Sensitivity.RESTRICTED),
            person("auditor", "Aziz", "Auditor", Sensitivity.RESTRICTED),
            person("admin", "Anna", "Admin", Sensitivity.CONFIDENTIAL, is_staff=True, is_superuser=True),
            person("outsider", "Otto", "Outsider", Sensitivity.INTERNAL),
        ]
    )
    legal, sales, finance = bulk_create_with_history(
        [
            Domain(slug="legal", name="Legal", owner=owner),
            Domain(slug="sales", name="Sales"),
            Domain(slug="finance", name="Finance"),
        ],
        Domain,
    )
    RoleGrant.objects.bulk_create(
        [
            *(
                RoleGrant(user=user, role=role, domain=domain)
                for domain in (legal, sales)
                for user, role in ((author, "author"), (reviewer, "approver"))
            ),
            RoleGrant(user=auditor, role="auditor"),
            RoleGrant(user=admin, role="administrator"),
        ]
    )
    counsel = Group.objects.create(name="counsel")
    return Cast(
        author=author,
        reviewer=reviewer,
        owner=owner,
        auditor=auditor,
        admin=admin,
        outsider=outsider,
        legal=legal,
        sales=sales,
        finance=finance,
        counsel=counsel,
    )


def creation(key: str, **payload: Any) -> EditInput:
    """An edit that creates a policy of that key; any field of the payload can be given."""
    domain = key.split("/", 1)[0]
    defaults = {"kind": "policy", "domain": domain, "title": key.split("/", 1)[1].replace("-", " ").capitalize()}
    return EditInput(operation="create", key=key, payload={**defaults, **payload})


def revision(key: str, **payload: Any) -> EditInput:
    return EditInput(operation="revise", key=key, payload=payload)


def propose(cast: Cast, *edits: EditInput, title: str = "A change", now: datetime | None = None) -> Change:
    """A draft by the author."""
    return create_change(
        actor=cast.author, title=title, reason="Because it is needed", edits=list(edits), now=now or timezone.now()
    )


def submit(cast: Cast, *edits: EditInput, now: datetime | None = None) -> Change:
    """A change of the author's, in review."""
    change = propose(cast, *edits, now=now)
    return submit_change(actor=cast.author, change_id=change.pk, now=now or timezone.now())


def read_warnings(change: Change) -> str:
    """The digest of what screening warns of, as a reviewer who has read it sends it."""
    return screen_edits(change.edits.all()).digest


def approve(cast: Cast, *edits: EditInput, now: datetime | None = None) -> Change:
    """A change of the author's, approved by the reviewer."""
    change = submit(cast, *edits, now=now)
    review_change(
        actor=cast.reviewer,
        change_id=change.pk,
        decision="approve",
        digest=change.digest,
        screening=read_warnings(change),
        now=now or timezone.now(),
    )
    change.refresh_from_db()
    return change


def publish(cast: Cast, *edits: EditInput, now: datetime | None = None) -> list[ContextItem]:
    """The items of these edits, written by the author, approved by the reviewer and published; sorted by key."""
    change = approve(cast, *edits, now=now)
    publish_change(actor=cast.author, change_id=change.pk, now=now or timezone.now())
    return list(ContextItem.objects.filter(key__in=[edit.key for edit in edits]).order_by("key"))


def keys(items: Sequence[ContextItem]) -> list[str]:
    return [item.key for item in items]
