"""What an agent's key opens: every address of the application is tried, and only those that are for agents answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from agents.authentication import AgentKeyAuthentication, authenticate
from agents.contract_proposals import propose_contract
from agents.keys import issue_key, revoke_key, rotate_key
from agents.models import AgentKey
from agents.registry import save_agent, set_state
from context.errors import NotPermitted
from governance.models import AuditEvent
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish

# Everything that may answer an agent with success: its bundles and contracts, reading context, and what is open to all.
FOR_AGENTS = re.compile(
    r"/api/v1/(bundles|contracts|context|schema|docs|routing|runs|memory|signing-keys|receipts)/|/healthz|/readyz|/metrics|/sign-in|/admin/login/|/static/"
)


def addresses() -> list[str]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern):
                yield re.sub(r"<[^>]*>", "1", simplify_regex(path))

    return sorted(set(walk(get_resolver().url_patterns, "")))


def done() -> Any:
    """The events of what was done, without those of what was refused."""
    return AuditEvent.objects.exclude(action__endswith=".denied")


def test_agent_key__on_every_address__opens_only_what_is_for_agents(cast: Cast) -> None:
    publish(cast, creation("legal/liability"))
    comparer = give(cast, contract(cast, [{"key": "legal/liability"}]))
    before = done().count()
    browser = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {comparer.bearer}"})
    wrong = []
    for address in addresses():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answer = browser.generic(method, address, b"{}", content_type="application/json")
            if answer.status_code >= 500 or (answer.status_code < 300 and not FOR_AGENTS.match(address)):
                wrong.append((method, address, answer.status_code))
    assert not wrong
    assert done().count() == before, "nothing an agent sends to these addresses changes anything"


def test_agent__as_the_actor_of_what_only_people_do__is_refused(cast: Cast) -> None:
    presented = give(cast)
    agent: Any = authenticate(f"Bearer {presented.bearer}")
    now = timezone.now()
    attempts = [
        lambda: issue_key(actor=agent, agent=presented.agent, name="mine", now=now),
        lambda: rotate_key(actor=agent, key=presented.key, grace=now - now, now=now),
        lambda: revoke_key(actor=agent, key=presented.key, now=now),
        lambda: set_state(actor=agent, agent=presented.agent, state="suspended", reason="", now=now),
        lambda: save_agent(
            actor=agent, slug="x", name="x", purpose="x", owner=cast.owner, clearance=0, domains=[], now=now
        ),
        lambda: propose_contract(actor=agent, slug="x", payload={"name": "x"}, reason="x", now=now),
    ]
    before = AgentKey.objects.count(), done().count()
    for attempt in attempts:
        with pytest.raises(NotPermitted):
            attempt()
    assert (AgentKey.objects.count(), done().count()) == before
    assert AuditEvent.objects.filter(action__endswith=".denied", actor_kind="agent").exists()


class ForReading(APIView):
    authentication_classes = (AgentKeyAuthentication,)
    permission_classes = ()
    open_to = ("agent",)

    def get(self, request: Request) -> HttpResponse:
        return HttpResponse("read")

    def post(self, request: Request) -> HttpResponse:
        return HttpResponse("written")


class ForSearching(ForReading):
    agent_scope = "search:read"


class ForFeedback(ForReading):
    agent_scope = "feedback:write"


class ForPeople(ForReading):
    open_to = ("person",)


@pytest.mark.parametrize(
    ("view", "scopes", "read", "written"),
    [
        (ForReading, ["context:read"], 200, 403),
        (ForReading, ["search:read"], 403, 403),
        (ForSearching, ["search:read"], 200, 403),
        (ForSearching, ["context:read"], 403, 403),
        (ForFeedback, ["feedback:write"], 200, 200),
        (ForFeedback, ["context:read"], 403, 403),
        (ForPeople, ["context:read", "search:read", "feedback:write"], 403, 403),
    ],
)
def test_agent_key__on_a_view__needs_its_scope_and_writes_only_with_one_for_writing(
    cast: Cast, view: type[APIView], scopes: list[str], read: int, written: int
) -> None:
    headers = {"Authorization": f"Bearer {give(cast, scopes=scopes).bearer}"}
    requests = APIRequestFactory()
    assert view.as_view()(requests.get("/", headers=headers)).status_code == read
    assert view.as_view()(requests.post("/", {}, format="json", headers=headers)).status_code == written
