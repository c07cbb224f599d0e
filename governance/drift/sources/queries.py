"""Reads a query as a source: a named connection, one statement, nothing written, few rows; must not hold secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import psycopg

from governance.drift.sources.problems import SourceProblem, Why
from governance.drift.sources.texts import LARGEST_TEXT

MOST_ROWS = 2_000
LONGEST_ROW = 20_000  # characters, cut by the other side: a value may be a gigabyte
SECONDS = 15
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
_CURSOR = (
    "DECLARE plumbline_source NO SCROLL CURSOR FOR "
    "SELECT left(row_to_json(found)::text, {longest}) FROM (\n{query}\n) AS found"
)


def read_query(name: str, query: str, *, connections: Mapping[str, str], seconds: int = SECONDS) -> str:
    """The rows as a Markdown table; in an order of their own where the query names none. SourceProblem where not."""
    url = connections.get(name)
    if url is None:
        raise SourceProblem(
            Why.REFUSED, f"There is no connection {name!r}. An administrator names it in SOURCE_CONNECTIONS."
        )
    options = f"-c default_transaction_read_only=on -c statement_timeout={seconds * 1000}"
    try:
        with psycopg.connect(url, connect_timeout=10, options=options) as connection:
            connection.read_only = True
            # Prepared, so that the server takes exactly one statement: a second one would end our transaction.
            statement = _CURSOR.format(longest=LONGEST_ROW + 1, query=query.strip().rstrip(";"))
            connection.execute(statement.encode(), prepare=True)
            rows: list[str] = []
            size = 0
            while found := connection.execute("FETCH 200 FROM plumbline_source").fetchall():
                for (row,) in found:
                    size += len(row)
                    rows.append(row)
                    _require_small(row, rows, size)
            connection.rollback()
    except psycopg.errors.QueryCanceled:
        raise SourceProblem(Why.TOO_SLOW, f"The query took longer than {seconds} seconds and was ended.") from None
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.ActiveSqlTransaction):
        raise SourceProblem(Why.REFUSED, "The query would write. Only what reads is run.") from None
    except psycopg.errors.InsufficientPrivilege:
        raise SourceProblem(Why.REFUSED, "The connection may not read what the query asks for.") from None
    except psycopg.ProgrammingError as error:
        said = str(error.diag.message_primary or "it was not understood")[:200]
        raise SourceProblem(Why.MISNAMED, f"The query does not work: {said}.") from None
    except psycopg.Error as error:
        # Without the message: it may name hosts and roles, and a connection string holds a password.
        raise SourceProblem(Why.UNREACHABLE, f"The database could not be asked ({type(error).__name__}).") from None
    if not rows:
        raise SourceProblem(Why.EMPTY, "The query finds no rows.")
    return _table(rows if _ORDERED.search(query) else sorted(rows))


def _require_small(row: str, rows: list[str], size: int) -> None:
    if len(row) > LONGEST_ROW:
        raise SourceProblem(Why.TOO_LARGE, f"A row is longer than {LONGEST_ROW:,} characters.")
    if len(rows) > MOST_ROWS:
        raise SourceProblem(Why.TOO_LARGE, f"The query finds more than {MOST_ROWS:,} rows.")
    if size > LARGEST_TEXT:
        raise SourceProblem(Why.TOO_LARGE, "The rows are more than a text may be long.")


def _table(rows: list[str]) -> str:
    parsed: list[list[tuple[str, Any]]] = [json.loads(row, object_pairs_hook=list) for row in rows]
    heads = [_cell(name) for name, _ in parsed[0]]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    lines += [f"| {' | '.join(_cell(value) for _, value in row)} |" for row in parsed]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(said.split()).replace("|", "\\|")
