"""Two worlds that differ in a text an agent may not know of answer it alike over HTTP, to the last header."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client
from django.utils import timezone

from context import lexemes
from governance.edits import EditInput
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, publish, revision

SAME = "the-same-request"
ASKED: tuple[tuple[str, Any], ...] = (
    ("/api/v1/bundles/", {"contract": "review", "query": "How is liability capped?"}),
    ("/api/v1/bundles/", {"contract": "review", "query": "How is liability capped?", "format": "markdown"}),
    ("/api/v1/bundles/", {"contract": "refused"}),
    ("/api/v1/bundles/", {"contract": "review", "token_budget": 5}),
    ("/api/v1/context/items/", None),
    ("/api/v1/context/items/?q=liability&kind=policy", None),
    ("/api/v1/context/items/legal/secret/", None),
    ("/api/v1/context/items/legal/secret/versions/", None),
    ("/api/v1/context/items/legal/secret/versions/1/", None),
    ("/api/v1/context/items/legal/secret/diff/?from=1&to=2", None),
    ("/api/v1/context/search/?q=liability", None),
    ("/api/v1/context/search/?q=secret+merger", None),
    ("/api/v1/contracts/", None),
    ("/api/v1/contracts/review/", None),
    ("/api/v1/contracts/review/availability/", None),
    ("/api/v1/contracts/refused/availability/", None),
)
# What names a request, its receipt or its moment differs between any two answers.
OF_THE_REQUEST = frozenset(
    f"plumbline-{name}" for name in ("receipt", "snapshot-at", "lease-until", "statement", "signature")
)
MOMENT = re.compile(rb'"at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"')  # always of one length


def answers(agent: Presented) -> dict[str, Any]:
    """Of each request: status, headers (of those that name the request that they are there) and the very bytes."""
    lexemes.refresh_counts(now=timezone.now())
    found = {}
    for path, body in ASKED:
        headers: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {agent.bearer}", "HTTP_X_REQUEST_ID": SAME}
        client = Client(raise_request_exception=False)
        if body is None:
            answer = client.get(path, **headers)
        else:
            answer = client.post(path, body, content_type="application/json", **headers)
        assert answer.status_code < 500, (path, answer.content)
        told = {name.lower(): "" if name.lower() in OF_THE_REQUEST else value for name, value in answer.headers.items()}
        found[f"{path} {body}"] = (answer.status_code, told, MOMENT.sub(b'"at":""', answer.content))
    return found


def test_api__text_that_is_hidden_and_text_that_is_not_there__answers_are_alike_to_the_last_header(cast: Cast) -> None:
    publish(cast, creation("legal/liability", title="Liability", body="Liability is capped at one year of fees."))
    publish(cast, creation("legal/notice", title="Notice", body="Notice of liability is given in writing."))
    publish(cast, creation("legal/old", title="Old", body="Liability of old."))
    three = {"name": "policies", "kind": "policy", "domain": "legal", "minimum": 3}
    asking: dict[str, Any] = {"most_matches": 4, "when_incomplete": "serve_with_gaps"}
    review = contract(cast, [{"key": "legal/liability"}, {**three, "required": False}], **asking)
    refused = contract(cast, [three], slug="refused")
    publish(cast, EditInput(operation="retire", key="legal/old"))
    agent = give(cast, review, refused, scopes=("bundles:read", "context:read", "search:read"))
    absent = answers(agent)
    secret = "Liability in the secret merger."
    publish(cast, creation("legal/secret", title="Secret", body=secret, sensitivity="confidential"))
    publish(cast, revision("legal/secret", body="Liability in the secret merger is not capped at all."))
    hidden = answers(agent)
    for asked, answer in absent.items():
        assert hidden[asked] == answer, asked
    statuses = [status for status, _, _ in absent.values()]
    assert statuses[:7] == [200, 200, 409, 409, 200, 200, 404]
    assert statuses.count(200) >= 9  # the comparison says something
