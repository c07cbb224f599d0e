"""Relations are followed from what a requirement names: so far, through what is in force and may be known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from context.access import Principal
from context.availability import Availability, resolve
from context.models import Domain
from context.requirements import Requirement
from governance.edits import EditInput
from tests.cast import Cast, creation, publish, revision


def agent(cast: Cast, *, clearance: int = 1, domains: Sequence[Domain] | None = None) -> Principal:
    held = [cast.legal] if domains is None else domains
    return Principal(
        kind="agent", id=1, label="Agent", clearance=clearance, domains=frozenset(domain.pk for domain in held)
    )


def chain(cast: Cast, *keys: str, **payload: object) -> None:
    """Each depends on the next; the last on the first, so that there is no end to it."""
    publish(cast, *(creation(key) for key in keys))
    pairs = zip(keys, [*keys[1:], keys[0]], strict=True)
    publish(cast, *(revision(key, relations=[{"type": "depends_on", "key": to}]) for key, to in pairs))


def ask(principal: Principal, **more: object) -> Availability:
    given = {"key": "legal/a", "follow": ("depends_on",), "depth": 5, "name": "a", **more}
    return resolve(principal=principal, requirements=[Requirement(**given)])


def keys(available: Availability) -> list[str]:
    return [each.key for each in available.chosen]


@pytest.mark.parametrize(
    ("depth", "reached"),
    [(1, "ab"), (2, "abc"), (3, "abcd"), (5, "abcd")],
)
def test_follow__so_many_steps__brings_each_item_once_even_in_a_circle(cast: Cast, depth: int, reached: str) -> None:
    chain(cast, "legal/a", "legal/b", "legal/c", "legal/d")
    found = ask(agent(cast), depth=depth)
    assert keys(found) == [f"legal/{letter}" for letter in reached]
    assert found.complete


def test_follow__another_type_of_relation__is_not_followed(cast: Cast) -> None:
    chain(cast, "legal/a", "legal/b")
    assert keys(ask(agent(cast), follow=("implements",))) == ["legal/a"]


def test_follow__hidden_item_between__is_no_stepping_stone_and_no_gap(cast: Cast) -> None:
    chain(cast, "legal/a", "legal/b", "legal/c")
    publish(cast, revision("legal/b", sensitivity="confidential"))
    hidden = ask(agent(cast))
    assert (keys(hidden), hidden.gaps, hidden.passed_over) == (["legal/a"], (), ())
    assert keys(ask(agent(cast, clearance=2))) == ["legal/a", "legal/b", "legal/c"]


def test_follow__item_of_a_domain_out_of_reach__is_not_there(cast: Cast) -> None:
    chain(cast, "legal/a", "sales/b", "legal/c")
    assert keys(ask(agent(cast))) == ["legal/a"]
    assert keys(ask(agent(cast, domains=[cast.legal, cast.sales]))) == ["legal/a", "sales/b", "legal/c"]


def test_follow__required_text_leads_to_one_that_ended__is_a_gap(cast: Cast) -> None:
    chain(cast, "legal/a", "legal/b")
    publish(cast, EditInput(operation="retire", key="legal/b"))
    found = ask(agent(cast))
    assert [(gap.code, "legal/b" in gap.fix) for gap in found.gaps] == [("stale", True)]
    assert ask(agent(cast), required=False).complete


def test_follow__bounds_of_the_requirement__hold_for_all_that_is_reached(cast: Cast) -> None:
    chain(cast, "legal/a", "legal/b", "legal/c")
    assert keys(ask(agent(cast), at_most=2)) == ["legal/a", "legal/b"]
    assert not ask(agent(cast), minimum=4).complete
    assert ask(agent(cast), minimum=3).complete


def test_follow__relation_taken_back_since__is_followed_in_the_past(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=9)
    publish(cast, creation("legal/b"), now=long_ago)
    related = [{"type": "depends_on", "key": "legal/b"}]
    publish(cast, creation("legal/a", relations=related), now=long_ago)
    publish(cast, revision("legal/a", relations=[]))
    requirement = Requirement(name="a", key="legal/a", follow=("depends_on",), depth=1)
    assert keys(resolve(principal=agent(cast), requirements=[requirement])) == ["legal/a"]
    then = resolve(principal=agent(cast), requirements=[requirement], as_of=long_ago + timedelta(days=1))
    assert keys(then) == ["legal/a", "legal/b"]


def test_follow__from_a_selection__starts_at_each_of_its_items(cast: Cast) -> None:
    publish(cast, creation("legal/x"), creation("legal/y"))
    publish(
        cast,
        creation("legal/a", tags=["root"], relations=[{"type": "depends_on", "key": "legal/x"}]),
        creation("legal/b", tags=["root"], relations=[{"type": "depends_on", "key": "legal/y"}]),
    )
    assert keys(ask(agent(cast), key=None, tag="root")) == ["legal/a", "legal/b", "legal/x", "legal/y"]
