"""Callers of the API: a client for each member of the cast, with a personal token, and one for an agent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from context.access import SYSTEM
from context.models import User
from governance.personal_tokens import issue_token
from tests.cast import Cast

PROBLEM = "application/problem+json"
PROBLEM_MEMBERS = {"type", "title", "status", "detail", "instance", "request_id"}


class Caller:
    """A client of the API. `send` takes JSON or, as bytes, whatever else is to be tried."""

    def __init__(self, authorization: str | None = None) -> None:
        self.client = Client(raise_request_exception=False)
        self.authorization = authorization

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = given.pop("Content-Type", "application/json")
        if self.authorization is not None:
            given.setdefault("Authorization", self.authorization)
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(method, path, data, content_type=content_type, headers=given)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("PATCH", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("PUT", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.send("DELETE", path, body, **headers)


class Callers:
    """`callers.author`, `callers.reviewer`, … and `callers.nobody`, each made when first asked for."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.nobody = Caller()

    def __getattr__(self, name: str) -> Caller:
        caller = Caller(f"Bearer {token_of(getattr(self._cast, name))}")
        setattr(self, name, caller)
        return caller


def token_of(user: User) -> str:
    return issue_token(user=user, name="tests", actor=SYSTEM, now=timezone.now()).text


def assert_problem(response: HttpResponse, status: int, kind: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal, after its shape was checked."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == PROBLEM
    document = json.loads(response.content)
    assert set(document) >= PROBLEM_MEMBERS
    assert document["status"] == status
    assert document["type"].startswith("/problems/")
    assert document["request_id"] == response["X-Request-Id"]
    if kind is not None:
        assert document["type"] == f"/problems/{kind}"
    return document


@pytest.fixture
def callers(cast: Cast) -> Callers:
    return Callers(cast)
