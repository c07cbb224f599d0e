"""How an agent is reached is set by who answers for it, to hosts that are allowed, with a secret that is told once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.endpoints import ModelTerms, register_version
from agents.models import Agent, PushTarget
from agents.push_targets import NoModelToCall, PushTerms, remove_push_target, renew_push_secret, set_push_target
from agents.runs.calling import secret_of
from context.access import SYSTEM
from context.errors import InvalidInput, NotFound, NotPermitted, PreconditionFailed
from context.models import Sensitivity
from governance.models import AuditEvent
from governance.outgoing import AddressRefused
from governance.personal_tokens import issue_token
from tests.agents.conftest import contract, give
from tests.cast import Cast

WEBHOOK = PushTerms(kind="webhook", url="https://agents.example.org/run")


@pytest.fixture
def agent(cast: Cast, settings: Any) -> Agent:
    settings.AGENT_ALLOWED_HOSTS = ["agents.example.org"]
    return give(cast, contract(cast, [])).agent


def events() -> list[str]:
    found = AuditEvent.objects.filter(action__startswith="agents.push_target").order_by("sequence")
    return [event.action.removeprefix("agents.push_target.") for event in found]


def put(cast: Cast, agent: Agent, by: str, body: Any, **headers: str) -> Any:
    token = issue_token(user=getattr(cast, by), name="t", actor=SYSTEM, now=timezone.now()).text
    return Client(raise_request_exception=False).put(
        f"/api/v1/agents/{agent.slug}/push-target/",
        json.dumps(body),
        content_type="application/json",
        HTTP_AUTHORIZATION=f"Bearer {token}",
        **headers,
    )


def test_set__webhook__secret_is_told_once_and_stored_nowhere(cast: Cast, agent: Agent) -> None:
    made = set_push_target(actor=cast.owner, agent=agent, terms=WEBHOOK, now=timezone.now())
    assert made.secret == secret_of(PushTarget.objects.get())
    assert made.secret not in repr(made)
    assert set_push_target(actor=cast.owner, agent=agent, terms=WEBHOOK, now=timezone.now()).secret == ""
    slower = replace(WEBHOOK, timeout_seconds=60)
    assert set_push_target(actor=cast.owner, agent=agent, terms=slower, now=timezone.now()).secret == ""
    moved = replace(WEBHOOK, url="https://agents.example.org/other")
    assert set_push_target(actor=cast.admin, agent=agent, terms=moved, now=timezone.now()).secret not in (
        "",
        made.secret,
    )
    assert events() == ["set", "set", "set"]
    stored = [json.dumps(event.data) for event in AuditEvent.objects.all()]
    stored.append(json.dumps(PushTarget.objects.values().get(), default=str))
    assert not any(made.secret in each for each in stored)


def test_renew__secret__the_one_before_is_good_for_nothing(cast: Cast, agent: Agent) -> None:
    first = set_push_target(actor=cast.owner, agent=agent, terms=WEBHOOK, now=timezone.now()).secret
    second = renew_push_secret(actor=cast.owner, agent=agent, now=timezone.now()).secret
    assert second == secret_of(PushTarget.objects.get()) != first
    remove_push_target(actor=cast.owner, agent=agent, now=timezone.now())
    assert (PushTarget.objects.exists(), events()) == (False, ["set", "secret_renewed", "removed"])


def test_set__again__closes_the_circuit_that_failures_had_opened(cast: Cast, agent: Agent) -> None:
    now = timezone.now()
    set_push_target(actor=cast.owner, agent=agent, terms=WEBHOOK, now=now)
    PushTarget.objects.update(failures=5, closed_until=now + timedelta(hours=1))
    set_push_target(actor=cast.owner, agent=agent, terms=replace(WEBHOOK, timeout_seconds=60), now=now)
    mended = PushTarget.objects.get()
    assert (mended.failures, mended.closed_until) == (0, None)


def test_renew__of_a_model_or_of_nothing__there_is_no_secret(cast: Cast, agent: Agent) -> None:
    with pytest.raises(NotFound):
        renew_push_secret(actor=cast.owner, agent=agent, now=timezone.now())
    PushTarget.objects.create(agent=agent, kind="model", changed_at=timezone.now())
    with pytest.raises(NotFound):
        renew_push_secret(actor=cast.owner, agent=agent, now=timezone.now())
    assert events() == []


@pytest.mark.parametrize("by", ["outsider", "auditor", "author"])
def test_set__by_who_does_not_answer_for_it__is_refused_and_recorded(cast: Cast, agent: Agent, by: str) -> None:
    with pytest.raises(NotPermitted):
        set_push_target(actor=getattr(cast, by), agent=agent, terms=WEBHOOK, now=timezone.now())
    assert (PushTarget.objects.exists(), events()) == (False, ["set.denied"])


def test_set__by_an_administrator_who_may_read_less_than_the_agent__is_refused(cast: Cast, agent: Agent) -> None:
    """Its bundles would be sent wherever they say."""
    Agent.objects.filter(pk=agent.pk).update(clearance=Sensitivity.RESTRICTED)
    agent.refresh_from_db()
    with pytest.raises(NotPermitted) as refusal:
        set_push_target(actor=cast.admin, agent=agent, terms=WEBHOOK, now=timezone.now())
    assert refusal.value.field == "agent"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (replace(WEBHOOK, kind="pigeon"), "kind"),
        (replace(WEBHOOK, timeout_seconds=0), "timeout_seconds"),
        (replace(WEBHOOK, timeout_seconds=601), "timeout_seconds"),
        (replace(WEBHOOK, most_output_tokens=0), "most_output_tokens"),
        (replace(WEBHOOK, instructions="x" * 4_001), "instructions"),
        (PushTerms(kind="model", url="https://agents.example.org/run"), "url"),
    ],
)
def test_set__what_cannot_be__names_the_field(cast: Cast, agent: Agent, terms: PushTerms, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        set_push_target(actor=cast.owner, agent=agent, terms=terms, now=timezone.now())
    assert refusal.value.field == field


@pytest.mark.parametrize("url", ["https://elsewhere.example.com/", "http://agents.example.org/", "file:///etc", ""])
def test_set__address_that_is_not_allowed__is_refused_with_the_setting(cast: Cast, agent: Agent, url: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        set_push_target(actor=cast.owner, agent=agent, terms=replace(WEBHOOK, url=url), now=timezone.now())
    assert "elsewhere" not in url or "AGENT_ALLOWED_HOSTS" in refusal.value.fix


def test_set__model__needs_an_endpoint_with_an_allowed_address(cast: Cast, agent: Agent, settings: Any) -> None:
    model = PushTerms(kind="model", instructions="Score the clause.")
    with pytest.raises(NoModelToCall):
        set_push_target(actor=cast.owner, agent=agent, terms=model, now=timezone.now())
    agent.endpoint = register_version(
        actor=cast.admin, slug="house", name="House", provider="Us", owner=cast.owner, now=timezone.now(),
        terms=ModelTerms(model="m", price_in=Decimal(1), price_out=Decimal(2)),
        base_url="https://agents.example.org/v1",
    ).endpoint  # fmt: skip
    agent.save()
    made = set_push_target(actor=cast.owner, agent=agent, terms=model, now=timezone.now())
    assert (made.target.kind, made.secret) == ("model", "")
    settings.AGENT_ALLOWED_HOSTS = []
    with pytest.raises(AddressRefused):
        set_push_target(actor=cast.owner, agent=agent, terms=replace(model, timeout_seconds=9), now=timezone.now())


def test_set__somebody_changed_it_since__is_refused(cast: Cast, agent: Agent) -> None:
    with pytest.raises(PreconditionFailed):
        set_push_target(actor=cast.owner, agent=agent, terms=WEBHOOK, expected="f" * 32, now=timezone.now())
    body = WEBHOOK.as_json()
    first = put(cast, agent, "owner", body)
    assert (first.status_code, len(first.json()["secret"])) == (200, 64)
    assert put(cast, agent, "owner", body).status_code == 428
    second = put(cast, agent, "owner", {**body, "timeout_seconds": 5}, HTTP_IF_MATCH=first["ETag"])
    assert (second.status_code, "secret" in second.json()) == (200, False)
    assert put(cast, agent, "owner", body, HTTP_IF_MATCH=first["ETag"]).status_code == 412
    assert put(cast, agent, "outsider", body).status_code == 404


def test_page__of_the_agent__shows_the_secret_once(cast: Cast, agent: Agent, client: Client) -> None:
    client.force_login(cast.owner)
    made = client.post(f"/agents/{agent.slug}/push/", {"kind": "webhook", "url": WEBHOOK.url})
    secret = secret_of(PushTarget.objects.get())
    assert secret in made.content.decode()
    again = client.get(f"/agents/{agent.slug}/").content.decode()
    assert WEBHOOK.url in again
    assert secret not in again
    refused = client.post(f"/agents/{agent.slug}/push/", {"kind": "webhook", "url": "https://elsewhere.example.com/"})
    assert refused.status_code == 422
    assert "https://elsewhere.example.com/" in refused.content.decode()  # what was typed is not lost
