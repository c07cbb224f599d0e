"""An agent of Legal with a key and a contract, made through the functions that people use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from agents.contract_proposals import propose_contract
from agents.contracts import Terms
from agents.keys import issue_key
from agents.models import Agent, AgentKey, ContextContract
from agents.registry import save_agent
from context.models import Domain
from governance.changes import submit_change
from governance.edits import NothingToChange
from governance.publishing import publish_change
from governance.reviews import review_change
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

    def get(self, path: str, **headers: str) -> Any:
        return Client(raise_request_exception=False).get(path, HTTP_AUTHORIZATION=f"Bearer {self.bearer}", **headers)

    def bundle(self, **body: Any) -> Any:
        answer = self.post({"contract": "review", **body})
        assert answer.status_code == 200, answer.content
        return json.loads(answer.content)


def contract(
    cast: Cast,
    requirements: Sequence[dict[str, Any]],
    *,
    slug: str = "review",
    now: datetime | None = None,
    **terms: Any,
) -> ContextContract:
    """A contract of the owner's in Legal, proposed by the administrator and approved by the reviewer."""
    return agreed(
        cast,
        slug=slug,
        payload={
            "name": "Contract review",
            "purpose": "Compare a contract with our terms",
            "owner": cast.owner.username,
            "domain": "legal",
            **Terms(requirements=requirements, **{"token_budget": 4_000, "most_matches": 0, **terms}).as_json(),
        },
        now=now,
    )


def agreed(cast: Cast, *, slug: str, payload: Mapping[str, Any], now: datetime | None = None) -> ContextContract:
    """The contract as it stands once such a change of it is approved and published, where it would change anything."""
    now = now or timezone.now()
    try:
        change = propose_contract(actor=cast.admin, slug=slug, payload=payload, reason="Agreed", now=now)
    except NothingToChange:
        return ContextContract.objects.get(slug=slug)
    digest = submit_change(actor=cast.admin, change_id=change.pk, now=now).digest
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=cast.admin, change_id=change.pk, now=now)
    return ContextContract.objects.get(slug=slug)


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
