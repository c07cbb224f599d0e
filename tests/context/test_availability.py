"""Availability: each gap by its name, hidden the same as nonexistent, all by the database's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.access import Principal, principal_for
from context.availability import Availability, resolve
from context.models import ContextItem, Domain
from context.requirements import Requirement
from context.statements import rows
from context.visibility import reader, visible
from governance.edits import EditInput
from tests.cast import Cast, creation, publish, revision, submit


def reading(cast: Cast, *, clearance: int = 1, **more: Any) -> Principal:
    return Principal(
        kind="agent", id=7, label="Comparer", clearance=clearance, domains=frozenset({cast.legal.pk}), **more
    )


def ask(cast: Cast, *requirements: Requirement, clearance: int = 1, **more: Any) -> Availability:
    return resolve(principal=reading(cast, clearance=clearance), requirements=requirements, **more)


def by_key(key: str, **more: Any) -> Requirement:
    return Requirement(name=key, key=key, **more)


def test_resolve__text_in_force__is_chosen_with_its_version(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="Capped."))
    found = ask(cast, by_key("legal/liability"))
    assert found.complete
    assert [(each.key, each.number) for each in found.chosen] == [("legal/liability", 1)]


def test_resolve__two_requirements_for_one_key__each_is_met(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))
    found = ask(cast, by_key("legal/liability"), by_key("legal/liability", required=False))
    assert [each.requirement.required for each in found.chosen] == [True, False]


def test_resolve__no_requirements__is_complete(cast: Cast) -> None:
    assert ask(cast).complete


def test_resolve__change_in_review__is_missing(cast: Cast) -> None:
    submit(cast, creation("legal/liability"))
    found = ask(cast, by_key("legal/liability"))
    assert [(gap.code, gap.owner) for gap in found.gaps] == [("missing", None)]


def test_resolve__revision_in_review__the_approved_text_stands(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body="Old."))
    submit(cast, revision("legal/liability", body="New."))
    assert [each.number for each in ask(cast, by_key("legal/liability")).chosen] == [1]


@pytest.mark.parametrize(
    ("key", "hidden"),
    [
        ("legal/liability", {"sensitivity": "confidential"}),
        ("legal/liability", {"audiences": ["counsel"]}),
        ("sales/liability", {}),
    ],
)
def test_resolve__hidden_item__reads_exactly_like_one_that_does_not_exist(
    cast: Cast, key: str, hidden: dict[str, Any]
) -> None:
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    requirement = by_key(key)
    nowhere = ask(cast, requirement)
    publish(cast, creation(key, owner="owner", **hidden))
    there = ask(cast, requirement)
    assert (there.chosen, there.gaps, there.passed_over) == (nowhere.chosen, nowhere.gaps, nowhere.passed_over)


def test_resolve__hidden_and_expired__reads_exactly_like_one_that_does_not_exist(cast: Cast) -> None:
    requirement = by_key("legal/liability")
    nowhere = ask(cast, requirement)
    expired(cast, sensitivity="confidential")
    assert ask(cast, requirement).gaps == nowhere.gaps
    assert ask(cast, requirement, clearance=2).gaps[0].code == "stale"


def test_resolve__expired_by_the_database_clock__is_stale_and_names_the_owner(cast: Cast) -> None:
    ended = expired(cast)
    (gap,) = ask(cast, by_key("legal/liability")).gaps
    assert (gap.code, gap.owner) == ("stale", "Olga Owner")
    assert "Olga Owner" in gap.fix
    assert f"ended on {ended:%Y-%m-%d}" in gap.fix
    assert ask(cast, by_key("legal/liability"), as_of=ended - timedelta(minutes=1)).complete
    assert not ask(cast, by_key("legal/liability"), as_of=ended).complete


def expired(cast: Cast, **more: Any) -> datetime:
    """A text that was in force from two days ago until yesterday; when it ended."""
    now = timezone.now()
    ended = now - timedelta(days=1)
    publish(
        cast,
        creation("legal/liability", owner="owner", valid_to=ended.isoformat(), **more),
        now=now - timedelta(days=2),
    )
    return ended


def test_resolve__successor_expired__does_not_bring_its_predecessor_back(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", body="First."), now=now - timedelta(days=9))
    yesterday = (now - timedelta(days=1)).isoformat()
    publish(cast, revision("legal/liability", body="Second.", valid_to=yesterday), now=now - timedelta(days=5))
    assert [gap.code for gap in ask(cast, by_key("legal/liability")).gaps] == ["stale"]
    then = ask(cast, by_key("legal/liability"), as_of=now - timedelta(days=6))
    assert [each.number for each in then.chosen] == [1]


def test_resolve__retired__is_stale(cast: Cast) -> None:
    publish(cast, creation("legal/liability", owner="owner"))
    publish(cast, EditInput(operation="retire", key="legal/liability"))
    (gap,) = ask(cast, by_key("legal/liability")).gaps
    assert (gap.code, gap.owner) == ("stale", "Olga Owner")
    assert "retired" in gap.fix


def test_resolve__not_in_force_yet__is_missing_until_its_day(cast: Cast) -> None:
    later = timezone.now() + timedelta(days=3)
    publish(cast, creation("legal/liability", owner="owner", valid_from=later.isoformat()))
    (gap,) = ask(cast, by_key("legal/liability")).gaps
    assert gap.code == "missing"
    assert f"{later:%Y-%m-%d}" in gap.fix


def test_resolve__older_than_the_contract_allows__is_stale(cast: Cast) -> None:
    publish(cast, creation("legal/liability", owner="owner"), now=timezone.now() - timedelta(days=40))
    assert ask(cast, by_key("legal/liability", max_age_days=41)).complete
    (gap,) = ask(cast, by_key("legal/liability", max_age_days=39)).gaps
    assert gap.code == "stale"
    assert "39 days" in gap.fix


def test_resolve__unverified__only_where_the_contract_asks_for_it(cast: Cast) -> None:
    publish(cast, creation("legal/liability", review_interval_days=30), now=timezone.now() - timedelta(days=40))
    assert ask(cast, by_key("legal/liability")).complete
    (gap,) = ask(cast, by_key("legal/liability", must_be_verified=True)).gaps
    assert gap.code == "unverified"


def test_resolve__approved_conflict_between_texts_in_force__is_contradicted_on_both_sides(cast: Cast) -> None:
    publish(cast, creation("legal/cap-a"))
    publish(cast, creation("legal/cap-b", relations=[{"type": "conflicts_with", "key": "legal/cap-a"}]))
    found = ask(cast, by_key("legal/cap-a"), by_key("legal/cap-b"))
    assert [gap.code for gap in found.gaps] == ["contradicted", "contradicted"]
    publish(cast, EditInput(operation="retire", key="legal/cap-a"))
    assert ask(cast, by_key("legal/cap-b")).complete


def test_resolve__conflict_with_a_hidden_item__does_not_show(cast: Cast) -> None:
    publish(cast, creation("legal/cap-a", sensitivity="confidential"))
    publish(cast, creation("legal/cap-b", relations=[{"type": "conflicts_with", "key": "legal/cap-a"}]))
    assert ask(cast, by_key("legal/cap-b")).complete
    assert not ask(cast, by_key("legal/cap-b"), clearance=2).complete


def test_resolve__past_conflict__is_contradicted_then_and_only_for_who_may_know_both(cast: Cast) -> None:
    start = timezone.now() - timedelta(days=9)
    conflict = [{"type": "conflicts_with", "key": "legal/cap-a"}]
    publish(cast, creation("legal/cap-a", sensitivity="confidential"), now=start)
    publish(cast, creation("legal/cap-b", relations=conflict), now=start + timedelta(days=1))
    publish(cast, EditInput(operation="retire", key="legal/cap-a"), now=start + timedelta(days=5))
    cap_b = by_key("legal/cap-b")
    during, after = start + timedelta(days=3), start + timedelta(days=7)
    (gap,) = ask(cast, cap_b, clearance=2, as_of=during).gaps
    assert gap.code == "contradicted"
    assert ask(cast, cap_b, clearance=1, as_of=during).complete
    assert ask(cast, cap_b, clearance=2, as_of=after).complete


def test_resolve__by_kind_domain_and_tag__brings_what_matches_below_the_domain_too(cast: Cast) -> None:
    Domain.objects.create(slug="litigation", name="Litigation", parent=cast.legal)
    publish(
        cast,
        creation("legal/a", tags=["clause"]),
        creation("legal/b", tags=["other"]),
        creation("litigation/c", tags=["clause"]),
        creation("sales/d", tags=["clause"]),
        creation("legal/e", kind="guideline", tags=["clause"], data={}),
    )
    everyone = principal_for(cast.owner)
    clauses = Requirement(name="clauses", kind="policy", domain="legal", tag="clause")
    found = resolve(principal=everyone, requirements=[clauses])
    assert [each.key for each in found.chosen] == ["legal/a", "litigation/c"]


def test_resolve__fewer_than_the_minimum__is_a_gap(cast: Cast) -> None:
    publish(cast, creation("legal/a", tags=["clause"]))
    assert ask(cast, Requirement(name="clauses", tag="clause", minimum=1)).complete
    (gap,) = ask(cast, Requirement(name="clauses", tag="clause", minimum=2)).gaps
    assert gap.code == "missing"


def test_resolve__minimum_met_without_the_stale_one__serves_the_others_and_says_so(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=90)
    publish(cast, creation("legal/a", tags=["clause"]), now=long_ago)
    publish(cast, creation("legal/b", tags=["clause"]))
    found = ask(cast, Requirement(name="clauses", tag="clause", max_age_days=30))
    assert found.complete
    assert [each.key for each in found.chosen] == ["legal/b"]
    assert [(each.key, each.code) for each in found.passed_over] == [("legal/a", "stale")]


def test_resolve__at_most__leaves_the_rest_and_says_so(cast: Cast) -> None:
    publish(cast, creation("legal/a", tags=["clause"]), creation("legal/b", tags=["clause"]))
    found = ask(cast, Requirement(name="clauses", tag="clause", at_most=1))
    assert [each.key for each in found.chosen] == ["legal/a"]
    assert [(each.key, each.code) for each in found.passed_over] == [("legal/b", "at_most")]


def test_resolve__as_of__what_was_known_true_and_permitted_then(cast: Cast) -> None:
    start = timezone.now() - timedelta(days=10)
    publish(cast, creation("legal/liability", body="Old.", sensitivity="confidential"), now=start)
    publish(cast, revision("legal/liability", body="Open.", sensitivity="internal"), now=start + timedelta(days=4))
    publish(cast, revision("legal/liability", body="Newest."), now=start + timedelta(days=8))
    requirement = by_key("legal/liability")

    def number(days: float, clearance: int) -> list[int]:
        found = ask(cast, requirement, clearance=clearance, as_of=start + timedelta(days=days))
        return [each.number for each in found.chosen]

    assert number(-1, 2) == []
    assert number(1, 2) == [1]
    assert number(1, 1) == [], "then confidential: today's lower sensitivity does not open the past"
    assert number(5, 1) == [2]
    assert number(9, 1) == [3]


def test_resolve__as_of_before_access_was_taken_away__todays_access_holds(cast: Cast) -> None:
    start = timezone.now() - timedelta(days=10)
    publish(cast, creation("legal/liability"), now=start)
    publish(cast, revision("legal/liability", sensitivity="confidential"), now=start + timedelta(days=5))
    assert ask(cast, by_key("legal/liability"), as_of=start + timedelta(days=1)).chosen == ()


def test_resolve__lease__ends_with_the_first_boundary(cast: Cast) -> None:
    end = timezone.now() + timedelta(days=30)
    publish(cast, creation("legal/liability", valid_to=end.isoformat(), review_interval_days=10))
    (plain,) = ask(cast, by_key("legal/liability")).chosen
    assert plain.lease_until == plain.valid_until == end
    (verified,) = ask(cast, by_key("legal/liability", must_be_verified=True)).chosen
    assert verified.lease_until is not None
    assert verified.lease_until < end


def visible_by_sql(principal: Principal) -> set[str]:
    statement = f"SELECT item.key FROM context_contextitem item WHERE {visible('item')}"
    return {row[0] for row in rows(statement, reader(principal))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_visible__statements_by_hand_and_querysets_agree(world: Cast, data: st.DataObject) -> None:
    domains = data.draw(st.none() | st.frozensets(st.sampled_from([world.legal.pk, world.sales.pk])))
    who = data.draw(st.sampled_from([world.author, world.owner, world.outsider, world.reviewer]))
    principal = Principal(
        kind=data.draw(st.sampled_from(["person", "agent", "system"])),
        id=who.pk,
        label="someone",
        clearance=data.draw(st.integers(-1, 3)),
        groups=data.draw(st.frozensets(st.sampled_from([world.counsel.pk, 999]))),
        domains=domains,
    )
    expected = set(ContextItem.objects.visible_to(principal).values_list("key", flat=True))
    assert visible_by_sql(principal) == expected


@pytest.fixture
def world(cast: Cast) -> Cast:
    """Items of every sensitivity, audience, owner and steward."""
    edits = []
    for place, sensitivity in enumerate(("public", "internal", "confidential")):
        for audiences in ([], ["counsel"]):
            for owner, stewards in ((None, []), ("owner", []), (None, ["outsider"]), ("author", ["reviewer"])):
                domain = "legal" if len(edits) % 2 else "sales"
                edits.append(
                    creation(
                        f"{domain}/item-{place}-{len(edits)}",
                        sensitivity=sensitivity,
                        audiences=audiences,
                        owner=owner,
                        stewards=stewards,
                    )
                )
    cast.author.groups.add(cast.counsel)
    cast.reviewer.groups.add(cast.counsel)
    publish(cast, *edits)
    return cast
