"""Every address of the API against every sort of caller; an address that is not in the table fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from context.access import principal_for
from context.models import PersonalToken
from governance.audit.checkpoints import make_checkpoint
from governance.models import AuditEvent, Change
from governance.personal_tokens import revoke_token
from tests.agents.conftest import contract, give
from tests.api.conftest import Caller, Callers, assert_problem, token_of
from tests.cast import PASSWORD, Cast, creation, propose, publish, submit

CALLERS = ("nobody", "author", "reviewer", "auditor", "outsider", "agent")
ANYONE = (200, 200, 200, 200, 200, 200)
SIGNED_IN = (401, 200, 200, 200, 200, 200)
PEOPLE = (401, 200, 200, 200, 200, 403)
AUDITORS = (401, 403, 403, 200, 403, 403)
SECRET = (401, 200, 200, 200, 404, 404)
HIDDEN = (401, 200, 404, 404, 404, 403)
REVIEW = {"decision": "approve", "digest": "0" * 64}
EDIT = {"op": "create", "kind": "policy", "domain": "legal", "title": "More"}

# Pattern, method, body, and what each of CALLERS gets. `{secret}` is a confidential item, `{draft}` a draft of the
# author's, `{review}` a change of the author's in review, `{public}` an item for everyone.
TABLE: list[tuple[str, str, Any, tuple[int, ...]]] = [
    ("v1/schema/", "GET", None, ANYONE),
    ("v1/docs/", "GET", None, ANYONE),
    ("v1/context/items/", "GET", None, SIGNED_IN),
    ("v1/context/items/{secret}/", "GET", None, SECRET),
    ("v1/context/items/{secret}/versions/", "GET", None, SECRET),
    ("v1/context/items/{secret}/versions/1/", "GET", None, SECRET),
    ("v1/context/items/{secret}/diff/?from=1&to=1", "GET", None, SECRET),
    ("v1/context/search/?q=liability", "GET", None, SIGNED_IN),
    ("v1/context/kinds/", "GET", None, SIGNED_IN),
    ("v1/context/domains/", "GET", None, SIGNED_IN),
    ("v1/context/inventory/", "GET", None, PEOPLE),
    ("v1/context/items/verify/", "POST", {"keys": ["{public}"]}, (401, 403, 403, 403, 403, 403)),
    ("v1/changes/", "GET", None, PEOPLE),
    ("v1/changes/", "POST", {"title": "T", "reason": "R"}, (401, 201, 201, 201, 201, 403)),
    ("v1/changes/", "POST", {"title": "T", "reason": "R", "edits": [EDIT]}, (401, 201, 403, 403, 403, 403)),
    ("v1/changes/{draft}/", "GET", None, HIDDEN),
    ("v1/changes/{draft}/", "PATCH", {"title": "X"}, (401, 428, 404, 404, 404, 403)),
    ("v1/changes/{draft}/diff/", "GET", None, HIDDEN),
    ("v1/changes/{draft}/impact/", "GET", None, HIDDEN),
    ("v1/changes/{draft}/edits/", "GET", None, HIDDEN),
    ("v1/changes/{draft}/edits/", "POST", EDIT, (401, 428, 404, 404, 404, 403)),
    ("v1/changes/{draft}/edits/legal/draft/", "GET", None, HIDDEN),
    ("v1/changes/{draft}/edits/legal/draft/", "PUT", EDIT, (401, 428, 404, 404, 404, 403)),
    ("v1/changes/{draft}/edits/legal/draft/", "DELETE", None, (401, 428, 404, 404, 404, 403)),
    ("v1/changes/{draft}/submit/", "POST", None, (401, 200, 404, 404, 404, 403)),
    ("v1/changes/{review}/reviews/", "POST", REVIEW, (401, 403, 409, 403, 403, 403)),
    ("v1/changes/{review}/publish/", "POST", {}, (401, 409, 409, 403, 403, 403)),
    ("v1/changes/{review}/withdraw/", "POST", {}, (401, 200, 403, 403, 403, 403)),
    ("v1/changes/{review}/reopen/", "POST", None, (401, 200, 403, 403, 403, 403)),
    ("v1/changes/{review}/revert/", "POST", {"reason": "R"}, (401, 409, 409, 409, 409, 403)),
    ("v1/audit/events/", "GET", None, AUDITORS),
    ("v1/audit/verify/", "GET", None, AUDITORS),
    ("v1/audit/export/", "GET", None, AUDITORS),
    ("v1/audit/events/1/proof/", "GET", None, AUDITORS),
    ("v1/audit/checkpoints/", "GET", None, AUDITORS),
    ("v1/audit/checkpoints/{checkpoint}/proof/", "GET", None, AUDITORS),
    ("v1/bundles/", "POST", {"contract": "review"}, (401, 401, 401, 401, 401, 200)),
    ("v1/bundles/" + "0" * 64 + "/", "GET", None, (401, 401, 401, 401, 401, 404)),
    ("v1/contracts/", "GET", None, SIGNED_IN),
    ("v1/contracts/review/", "GET", None, (401, 404, 404, 200, 404, 200)),
    ("v1/contracts/review/availability/", "GET", None, (401, 404, 404, 200, 404, 200)),
    ("v1/anything/else/", "GET", None, (404,) * 6),
]


def api_patterns() -> dict[str, set[str]]:
    """Every pattern under /api/, with the methods that its view takes."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for entry in patterns:
            if isinstance(entry, URLResolver):
                yield from walk(entry.url_patterns, prefix + str(entry.pattern))
            elif isinstance(entry, URLPattern):
                yield prefix + str(entry.pattern).removeprefix("^"), entry.callback

    (api,) = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "api/"]
    found = {}
    for pattern, view in walk(api.url_patterns, ""):
        made_by = getattr(view, "cls", getattr(view, "view_class", None))
        methods = {"get", "post", "put", "patch", "delete"} if made_by else {"get"}
        found[pattern] = {method.upper() for method in methods if made_by is None or hasattr(made_by, method)}
    return found


def test_table__every_address_and_method__is_in_it(cast: Cast) -> None:
    covered: dict[str, set[str]] = {}
    for path, method, _, _ in TABLE:
        filled = path.split("?")[0].format(
            secret="legal/secret", public="legal/public", draft="1", review="2", checkpoint="1"
        )
        match = get_resolver().resolve(f"/api/{filled}")
        covered.setdefault(match.route.removeprefix("api/"), set()).add(method)
    assert covered == api_patterns()


@dataclass
class World:
    callers: Callers
    names: dict[str, str]


@pytest.fixture
def world(cast: Cast, callers: Callers) -> World:
    publish(cast, creation("legal/public"), creation("legal/secret", sensitivity="confidential"))
    terms = contract(cast, [{"key": "legal/public", "required": True}])
    presented = give(cast, terms, scopes=("bundles:read", "context:read", "search:read"))
    callers.agent = Caller(f"Bearer {presented.bearer}")
    checkpoint = make_checkpoint(now=timezone.now())
    assert checkpoint is not None
    names = {
        "checkpoint": str(checkpoint.sequence),
        "secret": "legal/secret",
        "public": "legal/public",
        "draft": str(propose(cast, creation("legal/draft")).pk),
        "review": str(submit(cast, creation("legal/review")).pk),
    }
    return World(callers=callers, names=names)


@pytest.mark.parametrize("caller", CALLERS)
def test_every_address__caller__gets_what_the_table_says(world: World, caller: str) -> None:
    sender: Caller = getattr(world.callers, caller)
    wrong = []
    for path, method, body, expected in TABLE:
        if body and "keys" in body:
            body = {"keys": [key.format(**world.names) for key in body["keys"]]}
        with transaction.atomic():
            events = AuditEvent.objects.exclude(action__endswith=".denied").count()
            response = sender.send(method, f"/api/{path.format(**world.names)}", body)
            status = expected[CALLERS.index(caller)]
            if response.status_code != status:
                wrong.append((method, path, response.status_code, status))
            elif status >= 400:
                assert_problem(response, status)
                assert AuditEvent.objects.exclude(action__endswith=".denied").count() == events
            transaction.set_rollback(True)
    assert wrong == []


def test_every_refused_method__405_with_what_is_allowed(world: World) -> None:
    for path, method, _, _ in TABLE[:-1]:
        address = f"/api/{path.format(**world.names)}".split("?")[0]
        sort = "agent" if "bundles" in path else "auditor" if "audit" in path else "author"
        caller: Caller = getattr(world.callers, sort)
        for wrong in ("PATCH", "TRACE", "OPTIONS", "JUNK"):
            if any(other[0] == path and other[1] == wrong for other in TABLE) or "docs" in path:
                continue
            response = caller.send(wrong, address)
            assert_problem(response, 405, "method-not-allowed")
            assert method in response["Allow"] or "bundles" not in path


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
