"""A world to route in: texts in force, agents that hold a contract over them, and a published rule set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import ContextContract, RuleSet
from agents.routing.asking import Answer, Question, ask
from context.access import principal_for
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Change
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish

TYPES = [{"name": "review", "label": "Contract review", "contract": "review", "clues": [{"words": ["contract"]}]}]
FIELDS = [{"name": "value", "type": "number", "label": "Total value"}]


def to(*agents: str, **more: Any) -> dict[str, Any]:
    """An outcome that leads to these agents."""
    return {"do": "agent", "targets": [{"agent": each} for each in agents], **more}


def rule(name: str, *when: tuple[Any, ...], then: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A rule whose conditions are given as (fact, operator) or (fact, operator, value)."""
    cells = [dict(zip(("fact", "op", "value"), cell, strict=False)) for cell in when]
    return {"name": name, "when": cells, "then": then, **more}


def rules(*stated: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The payload of a rule set over the task type `review` and the field `value`."""
    return {"name": "Routes", "owner": "owner", "domain": "legal", "task_types": TYPES, "fields": FIELDS,
            "rules": list(stated), **more}  # fmt: skip


def propose_rules(cast: Cast, payload: dict[str, Any], *, slug: str = "routes", operation: str = "") -> Change:
    """A draft by the administrator that makes or revises the rule set."""
    operation = operation or ("revise" if RuleSet.objects.filter(slug=slug).exists() else "create")
    edit = EditInput(operation=operation, key=slug, payload=payload, record="rule_set")
    return create_change(
        actor=cast.admin, title="Routes", reason="Because tasks wait", edits=[edit], now=timezone.now()
    )


def publish_rules(cast: Cast, payload: dict[str, Any], *, slug: str = "routes") -> RuleSet:
    """The rule set, written by the administrator, approved by the reviewer and published."""
    change = propose_rules(cast, payload, slug=slug)
    change = submit_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    now = timezone.now()
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    return RuleSet.objects.select_related("current_version").get(slug=slug)


@dataclass(frozen=True)
class World:
    """`legal/cap` and `legal/terms` are in force; `first` and `second` hold `review`, which requires both."""

    cast: Cast
    review: ContextContract
    first: Presented
    second: Presented

    def ask(self, **question: Any) -> Answer:
        question.setdefault("task_type", "review")
        return ask(
            principal=principal_for(self.cast.owner),
            name="owner",
            question=Question(rule_set="routes", **question),
            now=timezone.now(),
        )

    def call(self, path: str, body: Any, *, by: Presented | None = None, method: str = "post") -> Any:
        client = Client(raise_request_exception=False)
        headers = {"HTTP_AUTHORIZATION": f"Bearer {(by or self.first).bearer}"}
        if method == "get":
            return client.get(f"/api/v1/routing/{path}", **headers)
        sent = body if isinstance(body, bytes) else json.dumps(body)
        return client.post(f"/api/v1/routing/{path}", sent, content_type="application/json", **headers)


SCOPES = ("bundles:read", "context:read", "runs:write")


@pytest.fixture
def world(cast: Cast) -> World:
    publish(cast, creation("legal/cap", body="The cap is twice the fees."), creation("legal/terms", body="Our terms."))
    review = contract(cast, [{"key": "legal/cap"}, {"key": "legal/terms"}])
    first = give(cast, review, slug="first", scopes=SCOPES)
    second = give(cast, review, slug="second", scopes=SCOPES)
    return World(cast=cast, review=review, first=first, second=second)
