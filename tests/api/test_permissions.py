"""Who is let in: methods, sessions and tokens. What each persona gets where is in tests/access/."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Scope
from context.access import principal_for
from context.models import PersonalToken
from governance.models import AuditEvent, Change
from governance.personal_tokens import revoke_token
from tests.agents.conftest import contract, give
from tests.api.conftest import Caller, Callers, assert_problem, token_of
from tests.cast import PASSWORD, Cast, creation, publish

# What each of these takes; who may, and what each persona gets at every address, stands in tests/access/table.py.
TAKES = {
    "context/items/": "GET",
    "changes/": "GET, POST",
    "audit/events/": "GET",
    "contracts/": "GET",
    "bundles/": "POST",
    "runs/": "GET, POST",
    "feedback/": "POST",
}


@pytest.mark.parametrize("path", TAKES)
def test_every_refused_method__405_with_what_is_allowed(cast: Cast, callers: Callers, path: str) -> None:
    callers.agent = Caller(f"Bearer {give(cast, contract(cast, []), scopes=Scope.values).bearer}")
    caller = callers.agent if path in ("bundles/", "runs/", "feedback/") else callers.auditor
    for wrong in ("PATCH", "TRACE", "OPTIONS", "JUNK"):
        response = caller.send(wrong, f"/api/v1/{path}")
        assert_problem(response, 405, "method-not-allowed")
        assert all(method in response["Allow"] for method in TAKES[path].split(", "))


def test_session__without_csrf_token__write_is_refused_and_read_is_not(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    assert client.login(username="author", password=PASSWORD)
    assert client.get("/api/v1/changes/").status_code == 200
    new = {"title": "T", "reason": "R"}
    assert_problem(client.post("/api/v1/changes/", new, content_type="application/json"), 403, "csrf-refused")
    assert not Change.objects.exists()
    client.get("/")
    token = client.cookies["csrftoken"].value
    accepted = client.post("/api/v1/changes/", new, content_type="application/json", headers={"X-CSRFToken": token})
    assert accepted.status_code == 201


def test_token__wrong_expired_revoked_or_of_somebody_inactive__all_read_the_same(cast: Cast) -> None:
    path = "/api/v1/context/kinds/"
    good = token_of(cast.author)
    prefix = good.rsplit("_", 1)[0]
    revoked = token_of(cast.author)
    revoke_token(
        token=PersonalToken.objects.get(prefix=revoked.split("_")[1]),
        actor=principal_for(cast.author),
        now=timezone.now(),
    )
    expired = token_of(cast.author)
    PersonalToken.objects.filter(prefix=expired.split("_")[1]).update(expires_at=timezone.now() - timedelta(seconds=1))
    inactive = token_of(cast.outsider)
    cast.outsider.is_active = False
    cast.outsider.save()
    assert Caller(f"Bearer {good}").get(path).status_code == 200
    assert Caller(f"bearer {good}").get(path).status_code == 200
    refusals = []
    for credential in (
        f"{prefix}_wrong", f"{prefix}_", prefix, "plp_", "plp__", "plp_unknown000_secret", "plp_\u0000_x", f"{good}x",
        good[:-1], revoked, expired, inactive, "plk_nonsense", "plk_000000000000_" + "a" * 43, "nonsense", "",
        "plp_é_é", "plp_" + "9" * 100_000, f"{good} {good}",
    ):  # fmt: skip
        problem = assert_problem(Caller(f"Bearer {credential}").get(path), 401, "not-authenticated")
        if not credential.startswith("plk"):
            refusals.append((problem["title"], problem["detail"]))
    assert len(set(refusals)) == 1
    assert_problem(Caller("Basic YXV0aG9yOnBhc3N3b3Jk").get(path), 401, "not-authenticated")
    response = Caller("Bearer nonsense").get(path)
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert AuditEvent.objects.filter(action="context.token.revoked").count() == 1


def test_token__right_lost__bites_at_the_next_request(cast: Cast, callers: Callers) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential"))
    path = "/api/v1/context/items/legal/secret/"
    assert callers.author.get(path).status_code == 200
    cast.author.clearance = 0
    cast.author.save()
    assert_problem(callers.author.get(path), 404)
    cast.author.is_active = False
    cast.author.save()
    assert_problem(callers.author.get(path), 401)
