"""An agent of Legal with a key and a contract, made through the functions that people use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from agents.contracts import Terms, save_contract
from agents.keys import issue_key
from agents.models import Agent, AgentKey, ContextContract
from agents.registry import save_agent
from context.models import Domain
from tests.cast import Cast


@dataclass(frozen=True)
class Presented:
    """An agent as its program knows it: its key, and the requests it makes."""

    agent: Agent
    key: AgentKey
    bearer: str

    def post(self, body: Any, *, raw: bytes | None = None, **headers: str) -> Any:
        sent = raw if raw is not None else json.dumps(body)
        more = {"HTTP_AUTHORIZATION": f"Bearer {self.bearer}", **headers}
        return Client(raise_request_exception=False).post(
            "/api/v1/bundles/", sent, content_type="application/json", **more
        )

    def get(self, path: str) -> Any:
        return Client(raise_request_exception=False).get(path, HTTP_AUTHORIZATION=f"Bearer {self.bearer}")

    def bundle(self, **body: Any) -> Any:
        answer = self.post({"contract": "review", **body})
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)


def contract(
    cast: Cast, requirements: Sequence[dict[str, Any]], *, slug: str = "review", **terms: Any
) -> ContextContract:
    """A contract of the owner's, saved by the administrator."""
    version = save_contract(
        actor=cast.admin,
        slug=slug,
        name="Contract review",
        purpose="Compare a contract with our terms",
        owner=cast.owner,
        terms=Terms(requirements=requirements, **{"token_budget": 4_000, "most_matches": 0, **terms}),
        now=timezone.now(),
    )
    return version.contract


def give(
    cast: Cast,
    *contracts: ContextContract,
    slug: str = "comparer",
    clearance: int = 1,
    domains: Sequence[Domain] | None = None,
    audiences: Sequence[Group] = (),
    scopes: Sequence[str] = ("bundles:read", "context:read"),
) -> Presented:
    """An agent that holds these contracts, with a fresh key."""
    agent = save_agent(
        actor=cast.admin,
        slug=slug,
        name=slug.capitalize(),
        purpose="Compares",
        owner=cast.owner,
        clearance=clearance,
        domains=[cast.legal] if domains is None else domains,
        audiences=audiences,
        contracts=contracts,
        now=timezone.now(),
    )
    issued = issue_key(actor=cast.admin, agent=agent, name="test", scopes=scopes, now=timezone.now())
    return Presented(agent=agent, key=issued.key, bearer=issued.bearer)
