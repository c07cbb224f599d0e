"""A change that its approvers may not see whole says so, and what to do, before anybody waits for them."""

from __future__ import annotations

from django.test import Client
from django.utils import timezone

from context.models import RoleGrant
from governance.approvability import stuck_stages
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Change
from governance.notices import who_may_read
from governance.reviews import approval_progress, review_change
from tests.cast import creation
from tests.routing.conftest import World, rule, rules


def mixed(world: World) -> Change:
    """A text of Legal and a rule set of Finance, of whose approvers the first sees the text alone."""
    cast = world.cast
    RoleGrant.objects.create(user=cast.outsider, role="approver", domain=cast.finance)
    RoleGrant.objects.create(user=cast.admin, role="approver", domain=cast.legal)  # who sees both, and writes it
    payload = rules(rule("all", then={"do": "refuse"}), domain="finance")
    edits = [
        creation("legal/new", body="New."),
        EditInput(operation="create", key="r", payload=payload, record="rule_set"),
    ]
    return create_change(actor=cast.admin, title="Both", reason="At once", edits=edits, now=timezone.now())


def stuck(change: Change) -> list[tuple[int, tuple[str, ...], int]]:
    return [(each.needed, each.able, each.blind) for each in stuck_stages(change, approval_progress(change))]


def test_stuck__text_and_rules_of_two_domains__is_said_with_the_fix_until_somebody_sees_both(world: World) -> None:
    change = mixed(world)
    assert stuck(change) == [(1, (), 1)]
    change = submit_change(actor=world.cast.admin, change_id=change.pk, now=timezone.now())
    (found,) = stuck_stages(change, approval_progress(change))
    assert (found.needed, found.able, found.blind > 0) == (1, (), True)
    assert "nobody can decide on this change" in found.why
    assert "into a change of its own" in found.fix
    client = Client()
    client.force_login(world.cast.admin)
    told = client.get(f"/api/v1/changes/{change.pk}/").json()["cannot_be_approved"]
    assert told == [{"why": found.why, "fix": found.fix}]
    assert "into a change of its own" in client.get(f"/changes/{change.pk}/").content.decode()
    assert not who_may_read(change, [world.cast.reviewer.pk])
    RoleGrant.objects.create(user=world.cast.reviewer, role="author", domain=world.cast.finance)
    assert stuck(change) == []


def test_stuck__approvers_see_all_of_it__nothing_is_said_whatever_was_approved(world: World) -> None:
    change = mixed(world)
    RoleGrant.objects.create(user=world.cast.reviewer, role="author", domain=world.cast.finance)
    now = timezone.now()
    change = submit_change(actor=world.cast.admin, change_id=change.pk, now=now)
    assert stuck(change) == []
    review_change(actor=world.cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    change.refresh_from_db()
    assert stuck(change) == []
