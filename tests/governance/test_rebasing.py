"""Rebasing: what two people changed in different places merges, the rest is asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from context.errors import Conflict, InvalidInput
from governance.changes import submit_change
from governance.proposals import FIELDS
from governance.publishing import publish_change
from governance.rebasing import merge, plan_rebase, rebase_edit
from governance.reviews import review_change
from tests.cast import Cast, approve, creation, propose, publish, revision

TEXT = "First passage.\n\nSecond passage.\n\nThird passage."


def state(body: str = TEXT, **fields: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    return {**empty, "data": {}, "body": body, **fields}


def merged(base: str, mine: str, theirs: str) -> tuple[str, list[str]]:
    plan = merge(base=state(base), mine=state(mine), theirs=state(theirs), onto_version=2)
    return plan.payload["body"], [conflict.place for conflict in plan.conflicts]


def test_merge__different_passages__both_are_taken() -> None:
    mine = TEXT.replace("First", "1st")
    theirs = TEXT.replace("Third", "3rd")

    assert merged(TEXT, mine, theirs) == ("1st passage.\n\nSecond passage.\n\n3rd passage.", [])


def test_merge__same_passage_differently__is_a_conflict() -> None:
    assert merged(TEXT, TEXT.replace("Second", "2nd"), TEXT.replace("Second", "Zweite"))[1] == ["body.1"]


def test_merge__one_deletes_what_the_other_changes__is_a_conflict() -> None:
    mine = "First passage.\n\nThird passage."
    assert merged(TEXT, mine, TEXT.replace("Second", "2nd"))[1] == ["body.1"]


def test_merge__fields__each_by_itself() -> None:
    plan = merge(
        base=state(title="a", data={"x": 1, "y": 1}, tags=["t"]),
        mine=state(title="b", data={"x": 2, "y": 1}, tags=["t"]),
        theirs=state(title="a", data={"x": 3, "y": 4}, tags=["t", "u"]),
        onto_version=2,
    )
    assert plan.payload["title"] == "b"
    assert plan.payload["tags"] == ["t", "u"]
    assert plan.payload["data"]["y"] == 4
    assert [(conflict.place, conflict.mine, conflict.theirs) for conflict in plan.conflicts] == [("data.x", 2, 3)]


passages = st.lists(st.sampled_from("abcdef"), max_size=8).map("\n\n".join)


@given(passages, passages)
def test_merge__only_one_side_changed__is_that_side(base: str, changed: str) -> None:
    assert merged(base, changed, base) == (changed, [])
    assert merged(base, base, changed) == (changed, [])


@given(passages, passages)
def test_merge__both_made_the_same_change__is_that_change(base: str, changed: str) -> None:
    assert merged(base, changed, changed) == (changed, [])


@given(passages, passages, passages)
def test_merge__whoever_is_called_mine__conflicts_are_the_same(base: str, one: str, other: str) -> None:
    assert merged(base, one, other)[1] == merged(base, other, one)[1]


def test_rebase__with_every_conflict_decided__can_be_approved_and_published(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body=TEXT))
    mine = propose(cast, revision("legal/liability", body=TEXT.replace("First", "1st").replace("Second", "2nd")))
    publish(cast, revision("legal/liability", body=TEXT.replace("Second", "Zweite").replace("Third", "3rd")))

    edit = mine.edits.select_related("item__current_version").get()
    assert [conflict.place for conflict in plan_rebase(edit=edit).conflicts] == ["body.1"]
    with pytest.raises(Conflict, match="not decided"):
        rebase_edit(actor=cast.author, change_id=mine.pk, key="legal/liability", choices={}, now=timezone.now())
    with pytest.raises(InvalidInput):
        rebase_edit(
            actor=cast.author,
            change_id=mine.pk,
            key="legal/liability",
            choices={"body.1": "mine", "body.9": "mine"},
            now=timezone.now(),
        )
    rebase_edit(
        actor=cast.author, change_id=mine.pk, key="legal/liability", choices={"body.1": "both"}, now=timezone.now()
    )

    change = submit_change(actor=cast.author, change_id=mine.pk, now=timezone.now())
    review_change(
        actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
    )
    publish_change(actor=cast.author, change_id=change.pk, now=timezone.now())
    [version] = edit.item.versions.filter(number=3)
    assert version.body == "1st passage.\n\nZweite passage.\n\n2nd passage.\n\n3rd passage."


def test_rebase__approved_change__its_approval_is_void(cast: Cast) -> None:
    publish(cast, creation("legal/liability", body=TEXT))
    change = approve(cast, revision("legal/liability", body=TEXT.replace("First", "1st")))
    publish(cast, revision("legal/liability", body=TEXT.replace("Third", "3rd")))

    rebase_edit(actor=cast.author, change_id=change.pk, key="legal/liability", choices={}, now=timezone.now())

    change.refresh_from_db()
    assert change.state == "draft"
