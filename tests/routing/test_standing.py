"""What was gathered for one decision serves the next as long as the database says that nothing of it changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from agents.authentication import authenticate
from agents.endpoints import note_health, promote
from agents.keys import revoke_key
from agents.models import Agent, ModelEndpoint, UnsanctionedUse
from agents.programs import settle_use
from agents.registry import set_state
from agents.routing.asking import Answer, Question, ask
from agents.routing.standing import gathered
from agents.routing.standing_wsgi import StandingGrounds
from context.access import SYSTEM
from context.models import ContextVersion, Domain, User
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.agents.conftest import contract, give
from tests.agents.repeating import Said, Site, commit
from tests.agents.test_endpoints import registered
from tests.cast import creation, publish, revision
from tests.routing.conftest import TYPES, World, publish_rules, rule, rules, to

ALL = rule("all", then=to("first", "second"))
TASK = {"task_type": "review", "rule_set": "routes", "task": {"value": 3}}


def process() -> Site:
    """A web process that remembers nothing yet."""
    site = Site()
    site.application = StandingGrounds(site.application)
    return site


def decide(site: Site, world: World, body: dict[str, Any] | None = None, **environ: str) -> Said:
    return site.post(world.first, body or TASK, PATH_INFO="/api/v1/routing/decide/", **environ)


def plainly(answer: Said) -> dict[str, Any]:
    """What was answered but for the moment, and for what names the request."""
    told = json.loads(answer.content)
    return {name: part for name, part in told.items() if name not in ("at", "request_id")}


def test_decide__asked_again__each_task_is_decided_by_itself_without_asking_django(world: World) -> None:
    large = rule("large", ("field.value", ">", 100), then={"do": "human", "to": "owner"})
    publish_rules(world.cast, rules(large, ALL))
    commit()
    site = process()
    first = decide(site, world)
    again = decide(site, world)
    assert (first.status, again.status, site.asked) == (200, 200, 1)
    assert plainly(first) == plainly(again)
    assert first.bundle["at"] < again.bundle["at"]
    assert set(first.headers) == set(again.headers)
    assert first.headers["X-Request-Id"] != again.headers["X-Request-Id"]
    other = decide(site, world, {**TASK, "task": {"value": 101}, "run": "r-1"})
    assert (other.bundle["outcome"]["kind"], other.bundle["run"], site.asked) == ("human", "r-1", 1)
    anew = world.call("decide/", {**TASK, "task": {"value": 101}, "run": "r-1"})
    assert plainly(other) == {name: part for name, part in json.loads(anew.content).items() if name != "at"}


@dataclass(frozen=True)
class Changed:
    """The world with an endpoint that its first agent calls, and what else a change may touch."""

    world: World
    endpoint: ModelEndpoint

    @property
    def admin(self) -> User:
        return self.world.cast.admin


def _second(**fields: Any) -> Callable[[Changed], Any]:
    def change(at: Changed) -> None:
        for name, value in fields.items():
            setattr(at.world.second.agent, name, value)
        at.world.second.agent.save()

    return change


CHANGES: dict[str, Callable[[Changed], Any]] = {
    "a text is retired": lambda at: publish(at.world.cast, EditInput(operation="retire", key="legal/cap")),
    "a text is for few": lambda at: publish(at.world.cast, revision("legal/cap", sensitivity="confidential")),
    "the contract asks for less": lambda at: contract(at.world.cast, [{"key": "legal/cap"}]),
    "an agent holds it no more": lambda at: at.world.second.agent.contracts.clear(),
    "the caller holds it no more": lambda at: at.world.first.agent.contracts.clear(),
    "an agent reads less": _second(clearance=0),
    "an agent can do more": _second(capabilities=["dutch"]),
    "an agent is suspended": lambda at: set_state(
        actor=at.admin, agent=at.world.second.agent, state="suspended", reason="", now=timezone.now()
    ),
    "an agent that a rule names is registered": lambda at: give(at.world.cast, at.world.review, slug="third"),
    "an endpoint is down": lambda at: note_health(
        actor=SYSTEM, endpoint=at.endpoint, health="degraded", why="", now=timezone.now()
    ),
    "the rules change": lambda at: publish_rules(at.world.cast, rules(rule("none", then={"do": "refuse"}))),
    "the rules are for few": lambda at: publish_rules(at.world.cast, rules(ALL, sensitivity="confidential")),
    "the rules are over": lambda at: agree(at.world, EditInput(operation="retire", key="routes", record="rule_set")),
    "the caller is suspended": lambda at: set_state(
        actor=at.admin, agent=at.world.first.agent, state="suspended", reason="", now=timezone.now()
    ),
    "the key is revoked": lambda at: revoke_key(actor=at.admin, key=at.world.first.key, now=timezone.now()),
    "the program is blocked": lambda at: settle_use(
        actor=at.admin, use=UnsanctionedUse.objects.get(name="reader/1"), state="blocked", reason="", now=timezone.now()
    ),
    "a domain is renamed": lambda at: Domain.objects.filter(pk=at.world.cast.legal.pk).update(name="Law"),
}


def agree(world: World, edit: EditInput) -> None:
    now = timezone.now()
    change = create_change(actor=world.cast.admin, title="Over", reason="Over", edits=[edit], now=now)
    digest = submit_change(actor=world.cast.admin, change_id=change.pk, now=now).digest
    review_change(actor=world.cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=world.cast.admin, change_id=change.pk, now=now)


@pytest.mark.parametrize("what", CHANGES)
def test_decide__something_changed_since__answers_as_if_nothing_had_been_remembered(world: World, what: str) -> None:
    endpoint = registered(world.cast).endpoint
    promote(actor=world.cast.admin, endpoint=endpoint, number=1, reason="First", now=timezone.now())
    Agent.objects.filter(pk=world.second.agent.pk).update(endpoint=endpoint)
    world.second.agent.refresh_from_db()
    Agent.objects.create(slug="third", name="Third", owner=world.cast.owner, clearance=1, created_at=timezone.now())
    publish_rules(world.cast, rules(rule("all", then=to("first", "second", "third"))))
    Agent.objects.filter(slug="third").update(slug="fourth")
    commit()
    site = process()
    program = {"HTTP_USER_AGENT": "reader/1"}
    decide(site, world, **program)
    decide(site, world, **program)
    assert site.asked == 1
    CHANGES[what](Changed(world, endpoint))
    commit()
    told = decide(site, world, **program)
    assert site.asked == 2
    anew = decide(process(), world, **program)
    assert (told.status, plainly(told)) == (anew.status, plainly(anew))


def test_decide__what_runs_change_is_asked_about__is_gathered_each_time(world: World) -> None:
    publish_rules(world.cast, rules(rule("free", ("agent.load", "<", 3), then=to("first")), ALL))
    commit()
    site = process()
    for _ in range(2):
        decide(site, world)
    assert site.asked == 2


def test_decide__faulty_after_a_good_one__is_told_what_is_wrong(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    commit()
    site = process()
    decide(site, world)
    for fault in ({"task_type": 3}, {"task_type": "nothing"}, {"more": 1}, {"run": "\x00"}):
        assert decide(site, world, {**TASK, **fault}).status == 422


def test_decide__types_found_in_the_text__each_is_remembered(world: World) -> None:
    types = [*TYPES, {"name": "claim", "contract": "review", "clues": [{"pattern": r"\bCL-[0-9]{4}\b"}]}]
    refuse = rule("claims", ("task.type", "is", "claim"), then={"do": "refuse"})
    publish_rules(world.cast, rules(refuse, ALL, task_types=types))
    commit()
    site = process()
    texts = ["Read this contract.", "See CL-2041."] * 3
    found = [decide(site, world, {"rule_set": "routes", "text": text}).bundle["task_type"] for text in texts]
    assert (found, site.asked) == (["review", "claim"] * 3, 2)


def test_gathered__a_text_begins_or_ages_soon__stands_no_longer_than_until_then(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    contract(world.cast, [{"key": "legal/cap", "max_age_days": 1}])
    begins = datetime.now(UTC) + timedelta(seconds=30)
    publish(world.cast, creation("legal/later", body="Later.", valid_from=begins.isoformat()))
    commit()
    agent = authenticate(f"Bearer {world.first.bearer}")
    now = timezone.now()
    question = Question(rule_set="routes", task_type="review")
    answer = ask(principal=agent.principal, name=agent.slug, question=question, now=now)

    def until(answer: Answer) -> datetime:
        known = gathered(agent, answer, now=now)
        assert known is not None
        return known.conditions.row["until"]

    assert until(answer) == begins
    target = answer.ground.targets["first", "review"]
    published = ContextVersion.objects.get(item__key="legal/cap").published_at
    assert target.context is not None
    assert target.context.stands_until == published + timedelta(days=1)
    soon = replace(target, context=replace(target.context, stands_until=now + timedelta(seconds=5)))
    ground = replace(answer.ground, targets={("first", "review"): soon})
    assert until(replace(answer, ground=ground)) == now + timedelta(seconds=5)
