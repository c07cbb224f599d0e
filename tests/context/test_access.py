"""Who may see what: the one condition behind every read."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from context.access import Principal, principal_for
from context.models import ContextItem, ContextVersion, Domain, Passage, RoleGrant, Sensitivity
from tests.cast import Cast, creation, keys, publish


def agent(clearance: int = 3, groups: tuple[int, ...] = (), domains: tuple[int, ...] | None = None) -> Principal:
    return Principal(
        kind="agent",
        id=1,
        label="Agent",
        clearance=clearance,
        groups=frozenset(groups),
        domains=None if domains is None else frozenset(domains),
    )


@pytest.mark.parametrize("clearance", [0, 1, 2])
def test_visible__by_clearance__exactly_that_level_and_below(cast: Cast, clearance: int) -> None:
    publish(cast, *[creation(f"legal/{level.word}", sensitivity=level.word) for level in list(Sensitivity)[:3]])

    seen = ContextItem.objects.visible_to(agent(clearance))
    assert {item.sensitivity for item in seen} == set(range(clearance + 1))


def test_visible__audience_named__others_see_nothing_owners_do(cast: Cast) -> None:
    cast.reviewer.groups.add(cast.counsel)
    publish(cast, creation("legal/privileged", audiences=["counsel"], owner="owner", stewards=["reviewer"]))

    assert not ContextItem.objects.visible_to(principal_for(cast.author)).exists()
    assert not ContextItem.objects.visible_to(agent(3)).exists()
    assert ContextItem.objects.visible_to(agent(3, groups=(cast.counsel.pk,))).exists()
    assert ContextItem.objects.visible_to(principal_for(cast.owner)).exists()
    cast.reviewer.groups.clear()
    assert ContextItem.objects.visible_to(principal_for(cast.reviewer)).exists()


def test_visible__owner_whose_clearance_was_lowered__loses_sight(cast: Cast) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential", owner="owner"))
    cast.owner.clearance = Sensitivity.INTERNAL
    cast.owner.save()

    assert not ContextItem.objects.visible_to(principal_for(cast.owner)).exists()


def test_visible__superuser__is_bound_by_clearance_like_anyone(cast: Cast) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential"))
    cast.admin.clearance = Sensitivity.INTERNAL
    cast.admin.save()

    assert not ContextItem.objects.visible_to(principal_for(cast.admin)).exists()


def test_visible__agent__only_inside_its_domains(cast: Cast) -> None:
    publish(cast, creation("legal/liability"), creation("sales/pricing"))

    assert keys(list(ContextItem.objects.visible_to(agent(domains=(cast.sales.pk,))))) == ["sales/pricing"]
    assert not ContextItem.objects.visible_to(agent(domains=())).exists()


def test_visible__item_version_and_passage_agree(cast: Cast) -> None:
    cast.reviewer.groups.add(cast.counsel)
    publish(
        cast,
        creation("legal/public", sensitivity="public", body="text"),
        creation("legal/secret", sensitivity="confidential", body="text"),
        creation("sales/counsel-only", audiences=["counsel"], owner="author", body="text"),
    )
    for principal in (
        agent(0),
        agent(3),
        agent(3, groups=(cast.counsel.pk,)),
        agent(3, domains=(cast.legal.pk,)),
        *(principal_for(person) for person in (cast.author, cast.owner, cast.outsider, cast.admin)),
    ):
        items = set(ContextItem.objects.visible_to(principal).values_list("pk", flat=True))
        assert set(ContextVersion.objects.visible_to(principal).values_list("item_id", flat=True)) == items
        assert set(Passage.objects.visible_to(principal).values_list("item_id", flat=True)) == items


def test_visible__inactive_person__sees_nothing(cast: Cast) -> None:
    publish(cast, creation("legal/public", sensitivity="public"))
    cast.author.is_active = False

    assert not ContextItem.objects.visible_to(principal_for(cast.author)).exists()


def test_roles__granted_in_a_domain__reach_its_sub_domains_only(cast: Cast) -> None:
    contracts = Domain.objects.create(slug="contracts", name="Contracts", parent=cast.legal)
    clauses = Domain.objects.create(slug="clauses", name="Clauses", parent=contracts)
    RoleGrant.objects.create(user=cast.outsider, role="approver", domain=contracts)

    principal = principal_for(cast.outsider)
    assert principal.has_role("approver", clauses.pk)
    assert principal.has_role("approver", contracts.pk)
    assert not principal.has_role("approver", cast.legal.pk)
    assert principal_for(cast.owner).has_role("domain_owner", clauses.pk)


def test_audience__of_several_groups__shows_an_item_once(cast: Cast) -> None:
    board = Group.objects.create(name="board")
    cast.reviewer.groups.add(board)
    publish(cast, creation("legal/both", audiences=["counsel", "board"], owner="author"))

    seen = ContextItem.objects.visible_to(agent(3, groups=(cast.counsel.pk, board.pk)))
    assert keys(list(seen)) == ["legal/both"]
