"""No agent's key approves, publishes, grants or mints keys, on any route: what it may write is a short list."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from agents.models import AgentKey, Scope
from context.models import ContextVersion, PersonalToken, RoleGrant, User
from governance.models import AuditEvent, Change, Review
from tests.access.routes import methods_of, patterns
from tests.access.table import ROWS, Row, is_denial
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, propose, publish, submit

# All that an agent's key, with every scope there is, can do besides reading. The matrix proves what the table says.
WRITES = {
    "POST mcp",
    "POST theme/",
    "POST bundles/",
    "POST runs/",
    "POST runs/claim/",
    "POST flows/{slug}/runs/",
    "PUT memory/{namespace}/{key}/",
    "POST feedback/",
    "POST routing/decide/",
    "POST routing/decisions/",
}
DECIDED_BY_PEOPLE = re.compile(
    r"approv|publish|review|verify|emergenc|polic|profile|token|user|absence|delegat|/keys/|state/|admin|retention"
    r"|streams|checkpoints|settle|unsanctioned|revert|retire|withdraw|submit"
)
READ_BY_AGENTS = re.compile(r"signing-keys|items/keys")


def address(row: Row) -> str:
    plain = re.sub(r"\(\?P<(\w+)>.*?\)(?=/)", r"{\1}", row.pattern.removeprefix("api/v1/"))
    return f"{row.method} {plain.strip('^$')}"


def denied(row: Row) -> bool:
    return all(is_denial(nine[-1]) for nine in (row.own, row.other) if nine is not None)


def test_table__what_an_agent_writes__is_on_the_short_list() -> None:
    writes = {address(row) for row in ROWS if row.method not in ("GET", "HEAD") and not denied(row)}
    assert writes == WRITES


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if DECIDED_BY_PEOPLE.search(row.pattern) and not READ_BY_AGENTS.search(row.pattern)],
    ids=address,
)
def test_table__what_people_decide__is_denied_to_agents_even_to_read(row: Row) -> None:
    assert denied(row), (row.own[-1], row.other)


# What is filled in for the parts of an address: there are such things, so that nothing is refused for want of one.
PARTS = (
    (r"<int:[^>]+>|\(\?P<(?:number|sequence|change|review)[^>]*>[^)]*\)", "1"),
    (r"\(\?P<\w+>\[0-9a-f[^)]*\)", "00000000-0000-4000-8000-000000000001"),
    (r"\(\?P<slug>[^)]*\)|<slug:slug>", "cap"),
    (r"<path:object_id>|<id>|<path:[^>]+>|\^\(\[\^/\]\+\)|\(\[\^/\]\+\)", "1"),
    (r"<[a-z]+:[^>]+>|\(\?P<\w+>[^)]*\)", "legal"),
)
SIGNING = re.compile(r"^admin/(login|logout)/")


def filled(pattern: str) -> str:
    for part, value in PARTS:
        pattern = re.sub(part, value, pattern)
    return "/" + pattern.replace("^", "").replace("$", "").replace("\\", "")


def decided() -> list[tuple[str, Any]]:
    """Every route of the application that people decide on, the whole configuration among them."""
    return [
        (pattern, view)
        for pattern, _, view in patterns()
        if not SIGNING.match(pattern)
        and (pattern.startswith("admin/") or DECIDED_BY_PEOPLE.search(pattern))
        and not READ_BY_AGENTS.search(pattern)
    ]


def test_url_map__key_with_every_scope_on_what_people_decide__is_refused_and_changes_nothing(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="The cap is twice the fees."))
    propose(cast, creation("legal/draft"))
    submit(cast, creation("legal/submitted"))
    given = give(cast, contract(cast, [{"key": "legal/cap"}]), scopes=list(Scope.values))

    def state() -> list[int]:
        counted = (AgentKey, ContextVersion, PersonalToken, Review, RoleGrant, User)
        states = sorted(Change.objects.values_list("state", flat=True))
        return [*(model.objects.count() for model in counted), hash(tuple(states))]

    before, last = state(), AuditEvent.objects.latest("sequence").sequence
    client = Client(headers={"Authorization": f"Bearer {given.bearer}"}, raise_request_exception=False)
    let_in = []
    for pattern, view in decided():
        for method in methods_of(view) | {"POST"}:
            sent = {"content_type": "application/json", "data": "{}"} if method != "GET" else {}
            answer = getattr(client, method.lower())(filled(pattern), **sent)
            to_sign_in = answer.status_code == 302 and re.match(r"/(sign-in|admin/login)/", answer["Location"])
            if (answer.status_code < 400 and not to_sign_in) or answer.status_code >= 500:
                let_in.append((method, filled(pattern), answer.status_code))
    assert let_in == []
    assert state() == before
    told = AuditEvent.objects.filter(sequence__gt=last).values_list("action", flat=True)
    assert [action for action in told if not action.endswith(".denied")] == []
    assert len(decided()) > 100
