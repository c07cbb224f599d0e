"""What starts a flow by itself: signed posts and published changes, each once; and what a map shows of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.flows.mapping import map_of
from agents.flows.secrets import issue_secret, revoke_secret
from agents.flows.triggers import start_by_events
from agents.models import Flow, FlowEvent, FlowRun
from context.access import SYSTEM, principal_for
from context.errors import NotPermitted
from governance import outgoing
from governance.models import AuditEvent
from tests.agent_flows.conftest import FIND, MARK, World, flow_of, tries
from tests.cast import creation, publish, revision

POSTED = {"name": "mail", "on": "webhook", "input": [{"to": "/text", "from": "event", "at": "/letter/body"}]}
CHANGED = {
    "name": "caps",
    "on": "publication",
    "match": {"domain": "legal", "kind": "policy"},
    "input": [{"to": "/text", "from": "event", "at": "/items/0/key"}],
}
EVENT = {"id": "letter-1", "letter": {"body": "We pay in 90 days."}}


def post(secret: str, event: Any, *, slug: str = "review", trigger: str = "mail", at: float = 0, **more: Any) -> Any:
    body = json.dumps(event).encode()
    signature = outgoing.signature(secret.encode(), int(timezone.now().timestamp() + at), body)
    headers = {"HTTP_PLUMBLINE_SIGNATURE": signature, **more}
    path = f"/api/v1/flows/{slug}/events/{trigger}/"
    return Client(raise_request_exception=False).post(path, body, content_type="application/json", **headers)


@pytest.fixture
def secret(world: World) -> str:
    loose = {**FIND, "input": [{"to": "/text", "from": "input", "at": "/text"}]}
    world.publish(flow_of(loose, MARK, triggers=[POSTED, CHANGED]))
    return issue_secret(actor=world.cast.owner, slug="review", trigger="mail", now=timezone.now())


def test_post__signed_event__starts_the_flow_once_for_its_id(world: World, secret: str) -> None:
    first, again = post(secret, EVENT), post(secret, EVENT)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["flow_run"] == again.json()["flow_run"] == str(FlowRun.objects.get().pk)
    assert FlowRun.objects.get().input == {"text": "We pay in 90 days."}
    assert FlowRun.objects.get().requested_by_label == world.cast.owner.display_name
    other = post(secret, {**EVENT, "letter": {"body": "Another."}})
    assert (other.status_code, other.json()["type"]) == (409, "/problems/event-differs")


@pytest.mark.parametrize(
    "said",
    [
        {"HTTP_PLUMBLINE_SIGNATURE": ""},
        {"HTTP_PLUMBLINE_SIGNATURE": "t=1,v1=" + "0" * 64},
        {"trigger": "caps"},
        {"slug": "none"},
        {"at": -400},
        {"at": 400},
    ],
)
def test_post__signature_missing_wrong_or_old_or_no_such_trigger__all_read_the_same(
    world: World, secret: str, said: dict[str, Any]
) -> None:
    refused = post(secret, EVENT, **said)
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/signature-refused")
    assert not FlowEvent.objects.exists()


def test_post__what_the_flow_does_not_take__is_refused_and_may_be_sent_again(world: World, secret: str) -> None:
    refused = post(secret, {"id": "letter-1", "letter": {"body": 5}})
    assert (refused.status_code, refused.json()["field"]) == (422, "input.text")
    assert post(secret, {"letter": {"body": "a"}}).json()["field"] == "id"
    assert post(secret, EVENT).status_code == 202


def test_secret__new_or_revoked_one__the_old_one_counts_no_more(world: World, secret: str) -> None:
    fresh = issue_secret(actor=world.cast.owner, slug="review", trigger="mail", now=timezone.now())
    assert (post(secret, EVENT).status_code, post(fresh, EVENT).status_code) == (401, 202)
    revoke_secret(actor=world.cast.admin, slug="review", trigger="mail", now=timezone.now())
    assert post(fresh, {**EVENT, "id": "2"}).status_code == 401
    with pytest.raises(NotPermitted):
        issue_secret(actor=world.cast.author, slug="review", trigger="mail", now=timezone.now())
    assert AuditEvent.objects.filter(action="agents.flow.secret.denied").exists()


def test_publication__what_a_trigger_selects__starts_the_flow_once(world: World, secret: str) -> None:
    publish(world.cast, revision("legal/cap", body="Now it is another."))
    event = FlowEvent.objects.get()
    assert (event.event_id[:7], event.state) == ("change:", "waiting")
    assert (start_by_events(now=timezone.now()), start_by_events(now=timezone.now())) == (1, 0)
    flow_run = FlowRun.objects.get()
    assert flow_run.input == {"text": "legal/cap"}
    assert tries(flow_run, "find") == [("first", "queued")]
    publish(world.cast, creation("legal/term", kind="guideline"))
    assert FlowEvent.objects.count() == 1


def test_publication__flow_changed_before_its_event_came_to_its_turn__event_says_so(world: World, secret: str) -> None:
    publish(world.cast, revision("legal/cap", body="Now it is another."))
    world.publish(flow_of(FIND, MARK, triggers=[]))
    start_by_events(now=timezone.now())
    assert (FlowEvent.objects.get().state, FlowRun.objects.count()) == ("refused", 0)
    assert AuditEvent.objects.filter(action="agents.flow_event.refused").count() == 1


def test_map__as_each_may_know_it__names_texts_agents_and_what_is_under_way(world: World, secret: str) -> None:
    post(secret, EVENT)
    flow = Flow.objects.select_related("current_version").get()
    drawn = map_of(principal=SYSTEM, flow=flow, now=timezone.now())
    find = drawn.steps[0]
    assert [(each.key, each.freshness) for each in find.items] == [("legal/cap", "fresh")]
    assert ([each.slug for each in find.agents], find.holds, find.now) == (["finder"], True, {"queued": 1})
    assert [(each.source, each.target) for each in drawn.edges][-1] == ("find", "mark")
    mail = drawn.triggers[0]
    assert (mail.secret, mail.events, drawn.running) == (True, {"started": 1}, 1)
    client = Client()
    client.force_login(world.cast.owner)
    assert client.get("/api/v1/flows/review/map/").json()["steps"][0]["now"] == {"queued": 1}
    # Whose flow run it is not, counts none.
    agent = world.agents["finder"].known.principal
    assert map_of(principal=agent, flow=flow, now=timezone.now()).steps[0].now == {}
    hidden = map_of(principal=principal_for(world.cast.outsider), flow=flow, now=timezone.now()).steps[0]
    assert (hidden.contract_known, hidden.items, hidden.gaps) == (False, (), ())
