"""What every request meets at the edge: its id, the size limit, the health questions, the browser policies."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from config import health

ONLY_SELF = {"default-src", "script-src", "style-src", "connect-src", "font-src", "form-action", "manifest-src"}


@pytest.mark.parametrize("given", ["abc-1.2_3", "A" * 64])
def test_request_id__sane__is_kept(client: Client, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "A" * 65, "two words", "<script>", "é"])
def test_request_id__not_sane__is_replaced(client: Client, given: str) -> None:
    answered = client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"]
    assert answered != given
    assert len(answered) == 32


@pytest.mark.parametrize("path", ["/", "/api/v1/bundles/", "/nowhere/"])
def test_body__over_the_limit__is_413_whatever_the_address(client: Client, path: str) -> None:
    body = b"x" * (settings.BODY_LIMIT_BYTES + 1)
    response = client.post(path, data=body, content_type="application/json")

    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"].endswith("/body-too-large")
    assert problem["limit"] == settings.BODY_LIMIT_BYTES
    assert problem["fix"]


def test_healthz__database_away__is_still_ok(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


@pytest.mark.django_db
def test_readyz__migrated__is_ready(client: Client) -> None:
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz__migration_missing__says_which(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = health.needed_migrations() | {("context", "9999_not_yet_applied")}
    monkeypatch.setattr(health, "needed_migrations", lambda: needed)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["missing"] == ["migration context.9999_not_yet_applied"]


def test_policy__every_answer__allows_nothing_inline_and_nothing_foreign(client: Client) -> None:
    policy = client.get("/healthz")["Content-Security-Policy"]
    directives = {part.split()[0]: part.split()[1:] for part in policy.split(";")}

    assert "unsafe" not in policy
    assert "http" not in policy
    assert all(set(directives[name]) <= {"'self'", "'none'"} for name in ONLY_SELF)
    assert directives["default-src"] == ["'none'"]
    assert directives["frame-ancestors"] == ["'none'"]


def test_cookies__session__is_closed_to_scripts_and_other_sites() -> None:
    assert settings.SESSION_COOKIE_HTTPONLY is True
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
