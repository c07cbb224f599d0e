"""Run in a home's environment: makes the agents that take runs under faults, and prints their keys as JSON."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from decimal import Decimal

from django.utils import timezone

from agents.endpoints import ModelTerms, promote, register_version
from agents.models import PushTarget
from context.models import User
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, gather, publish
from tests.routing.conftest import publish_rules, rule, to

KINDS = ("pull", "hook", "model")
SCOPES = ("runs:write", "bundles:read")
TIMEOUT_SECONDS = 20


def seed(receiver: str) -> dict[str, str]:
    """One agent that claims its runs, one behind a webhook and one behind a model endpoint; routed by task type."""
    # `up` has made a person of this name, whom the cast needs under it.
    User.objects.filter(username="admin").update(username="first-admin")
    cast = gather()
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    given = {
        kind: give(cast, contract(cast, [{"key": "legal/cap"}], slug=f"{kind}-terms"), slug=kind, scopes=SCOPES)
        for kind in KINDS
    }
    terms = ModelTerms(model="stub-1", price_in=Decimal(1), price_out=Decimal(10))
    made = register_version(
        actor=cast.admin,
        slug="stub",
        name="Stub",
        provider="Local",
        owner=cast.owner,
        terms=terms,
        base_url=f"{receiver}/v1",
        now=timezone.now(),
    )
    endpoint = promote(actor=cast.admin, endpoint=made.endpoint, number=1, reason="First", now=timezone.now())
    given["model"].agent.endpoint = endpoint
    given["model"].agent.save(update_fields=["endpoint"])
    now = timezone.now()
    PushTarget.objects.create(
        agent=given["model"].agent, kind="model", timeout_seconds=TIMEOUT_SECONDS, instructions="Score.", changed_at=now
    )
    PushTarget.objects.create(
        agent=given["hook"].agent,
        kind="webhook",
        timeout_seconds=TIMEOUT_SECONDS,
        url=f"{receiver}/run",
        changed_at=now,
    )
    _route(cast)
    return {kind: presented.bearer for kind, presented in given.items()}


def _route(cast: Cast) -> None:
    types = [{"name": kind, "label": kind.capitalize(), "contract": f"{kind}-terms"} for kind in KINDS]
    stated = [rule(kind, ("task.type", "is", kind), then=to(kind)) for kind in KINDS]
    payload = {
        "name": "Routes",
        "owner": "owner",
        "domain": "legal",
        "task_types": types,
        "fields": [],
        "rules": stated,
    }
    publish_rules(cast, payload)


if __name__ == "__main__":
    json.dump(seed(sys.argv[1]), sys.stdout)
