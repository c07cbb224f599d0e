"""Whoever asks, for whatever moment: a bundle holds exactly the texts that were approved, in force and permitted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from context.access import Principal
from context.bundles import Order, assemble
from context.models import Sensitivity
from context.requirements import Requirement
from governance.changes import EditInput
from tests.cast import Cast, creation, publish, revision, submit

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Text:
    """One version as the test published it. `until` is when it ended, was replaced or was withdrawn."""

    key: str
    number: int
    known_from: datetime
    true_from: datetime
    until: datetime | None
    sensitivity: int
    board: bool
    domain: str


@dataclass(frozen=True)
class World:
    cast: Cast
    texts: tuple[Text, ...]
    keys: tuple[str, ...]
    now: datetime


@pytest.fixture
def world(cast: Cast) -> World:
    """Items of each domain, sensitivity and audience; each kind of fate befalls some of each."""
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    now = timezone.now()
    start, middle = now - 10 * DAY, now - 5 * DAY
    fates = ("plain", "ended", "planned", "revised", "in review", "never approved", "retired", "opened")
    creations, proposals, revisions, retirements, texts, keys = [], [], [], [], [], []
    for place, fate in enumerate(fates):
        for sensitivity in range(3):
            domain = ("legal", "sales")[(place + sensitivity) % 2]
            board = (place + sensitivity) % 3 == 0
            key = f"{domain}/text-{place}-{sensitivity}"
            keys.append(key)
            bounds = {"ended": {"valid_to": now - DAY}, "planned": {"valid_from": now + DAY}}.get(fate, {})
            edit = creation(
                key,
                body=f"{key} marker version 1",
                sensitivity=Sensitivity(sensitivity).word,
                audiences=["counsel"] if board else [],
                **{name: moment.isoformat() for name, moment in bounds.items()},
            )
            if fate == "never approved":
                proposals.append(edit)
                continue
            creations.append(edit)
            second = fate in ("revised", "opened")
            ends = {"ended": now - DAY, "retired": middle, "revised": middle, "opened": middle}.get(fate)
            true_from = bounds.get("valid_from", start)
            texts.append(Text(key, 1, start, true_from, ends, sensitivity, board, domain))
            if fate == "in review":
                proposals.append(revision(key, body=f"{key} marker proposed"))
            if fate == "retired":
                retirements.append(EditInput(operation="retire", key=key))
            if second:
                lower = 0 if fate == "opened" else sensitivity
                more = {"sensitivity": "public", "audiences": []} if fate == "opened" else {}
                revisions.append(revision(key, body=f"{key} marker version 2", **more))
                texts.append(Text(key, 2, middle, start, None, lower, board and fate != "opened", domain))
    publish(cast, *creations, now=start)
    publish(cast, *revisions, *retirements, now=middle)
    for proposal in proposals:
        submit(cast, proposal)
    return World(cast=cast, texts=tuple(texts), keys=tuple(keys), now=now)


def expected(world: World, principal: Principal, at: datetime) -> set[tuple[str, int]]:
    """By hand: known by then, true then, not over; permitted as approved then, and as the item stands today."""
    today = {text.key: text for text in world.texts}  # the last version of each key comes last
    domains = {world.cast.legal.pk: "legal", world.cast.sales.pk: "sales"}
    reach = {domains[pk] for pk in principal.domains or ()}
    return {
        (text.key, text.number)
        for text in world.texts
        if text.known_from <= at and text.true_from <= at and (text.until is None or at < text.until)
        if text.domain in reach
        for rule in [(text, today[text.key])]
        if all(each.sensitivity <= principal.clearance for each in rule)
        if all(not each.board or world.cast.counsel.pk in principal.groups for each in rule)
    }


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_assemble__any_reader_any_moment__exactly_what_was_approved_in_force_and_permitted(
    world: World, data: st.DataObject
) -> None:
    cast = world.cast
    principal = Principal(
        kind="agent",
        id=7,
        label="Agent",
        clearance=data.draw(st.integers(-1, 2), label="clearance"),
        groups=data.draw(st.frozensets(st.just(cast.counsel.pk)), label="groups"),
        domains=data.draw(st.frozensets(st.sampled_from([cast.legal.pk, cast.sales.pk])), label="domains"),
    )
    days = data.draw(st.none() | st.floats(-11, -0.01), label="days ago")
    as_of = None if days is None else world.now + days * DAY
    by_name = data.draw(st.booleans(), label="by key")
    requirements = (
        tuple(Requirement(name=key, key=key, required=False) for key in world.keys)
        if by_name
        else (Requirement(name="all", kind="policy", required=False),)
    )
    bundle = assemble(
        principal=principal,
        order=Order(
            requirements=requirements,
            token_budget=100_000,
            tokenizer="o200k_base",
            query="marker version",
            most_matches=30,
            as_of=as_of,
            heading={},
        ),
    )
    served = {(entry["key"], entry["version"]) for entry in json.loads(bundle.answer)["entries"]}
    assert served == expected(world, principal, as_of or timezone.now())
    assert b"proposed" not in bundle.answer
