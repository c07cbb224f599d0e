"""Holds: a text with a grave finding is kept from those who demand verified context, and from nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from context.access import SYSTEM
from context.availability import resolve
from context.epochs import epoch_of
from context.models import ContextItem, Hold
from context.requirements import Requirement
from tests.cast import Cast, creation, publish


def gaps(**stated: Any) -> list[str]:
    found = resolve(principal=SYSTEM, requirements=[Requirement(name="cap", key="legal/cap", **stated)])
    return [gap.code for gap in found.gaps]


def held(item: ContextItem, code: str) -> Hold:
    return Hold.objects.create(item=item, code=code, cause=f"finding:{code}", placed_at=timezone.now())


@pytest.mark.parametrize("code", ["contradicted", "unverified"])
def test_hold__verified_context_is_demanded__is_a_gap_of_its_code_until_it_is_lifted(cast: Cast, code: str) -> None:
    [cap] = publish(cast, creation("legal/cap"))
    assert gaps(must_be_verified=True) == []
    hold = held(cap, code)
    assert gaps(must_be_verified=True) == [code]
    assert gaps() == []
    hold.delete()
    assert gaps(must_be_verified=True) == []


def test_hold__contradicted_and_unverified__is_told_as_contradicted(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap"))
    for code in ("unverified", "contradicted"):
        held(cap, code)
    assert gaps(must_be_verified=True) == ["contradicted"]


def test_hold__asked_as_of_the_past__is_the_present_alone(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap"))
    held(cap, "contradicted")
    required = [Requirement(name="cap", key="legal/cap", must_be_verified=True)]
    assert resolve(principal=SYSTEM, requirements=required, as_of=timezone.now()).gaps == ()


def test_hold__placed_and_lifted__moves_the_epoch(committed_db: None, cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap"))
    before = epoch_of(principal=SYSTEM)
    hold = held(cap, "contradicted")
    between = epoch_of(principal=SYSTEM)
    hold.delete()
    assert before < between < epoch_of(principal=SYSTEM)
