"""No agent's key approves, publishes, grants or mints keys, on any route: what it may write is a short list."""

from __future__ import annotations

import re

import pytest

from tests.access.table import ROWS, Row, is_denial

# All that an agent's key, with every scope there is, can do besides reading. The matrix proves what the table says.
WRITES = {
    "POST mcp",
    "POST theme/",
    "POST bundles/",
    "POST runs/",
    "POST runs/claim/",
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
