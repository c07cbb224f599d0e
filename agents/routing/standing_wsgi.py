"""Decides for agents before Django is asked, on what Django gathered for the same agent and type of task before.

Each task is decided by itself; only what the agents have is remembered, and the database is asked whether that stands
(agents/routing/standing.py). Whatever is not clearly the same caller, clearly well-formed and clearly standing goes
the whole way, which then says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import Error as DatabaseFailure

from agents.routing.asking import Question, parse_question, type_in, values_of
from agents.routing.presenting import answer_as_json, known_contracts, show
from agents.routing.standing import StandingGround, answer_again
from agents.standing import Memory
from agents.standing_wsgi import Environ, Headers, StartResponse, body_of, headers_alike, seal_of
from config.api.bodies import parse_object
from config.api.rendering import encode
from config.request_id import request_id_in
from context.errors import DomainError
from context.remembered import forgotten_with_the_database

ADDRESS = "/api/v1/routing/decide/"
# Where the view leaves what it gathered.
PLACE = "plumbline.gathered"
MOST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    known: StandingGround
    headers: Headers


class StandingGrounds:
    """A WSGI application around another."""

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self._application = application
        self._memory: Memory[_Remembered] = Memory(MOST_KEPT, lambda kept: 1)
        forgotten_with_the_database(self._memory.clear)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = body_of(environ, address=ADDRESS)
        if body is None or environ.get("CONTENT_TYPE") != "application/json":
            return self._application(environ, start_response)
        try:
            asked = parse_object(body)
            question = parse_question(asked)
        except DomainError:
            return self._application(environ, start_response)
        remembered = self._find(environ, question)
        if remembered is not None:
            request_id = request_id_in(environ)
            try:
                answer = answer_again(remembered.known, question, now=datetime.now(UTC))
            except (DomainError, DatabaseFailure, psycopg.Error, RuntimeError):
                answer = None  # the whole way says what is wrong
            if answer is not None:
                known = known_contracts(remembered.known.agent.principal, answer.facts, remembered.known.agent)
                shown = show(answer.decider.table, answer.facts, answer.verdict, known=known)
                content = encode(answer_as_json(answer, shown))
                own = [("Content-Length", str(len(content))), ("X-Request-Id", request_id)]
                start_response("200 OK", remembered.headers + own)
                return [content]
        return self._ask(question, environ, start_response)

    def _find(self, environ: Environ, question: Question) -> _Remembered | None:
        """What was gathered for tasks of that type. Where it is not stated, the rules known last say which it is."""
        found = self._memory.get(_key(environ, question, question.task_type))
        if found is None or question.task_type is not None:
            return found
        stated = type_in(values_of(found.known.decider.table, question))
        return found if stated == found.known.ground.task_type else self._memory.get(_key(environ, question, stated))

    def _ask(self, question: Question, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        gathered: list[StandingGround] = []
        said: list[tuple[str, Headers]] = []
        environ[PLACE] = gathered

        def listening(status: str, headers: Headers, *more: Any) -> Any:
            said.append((status, headers))
            return start_response(status, headers, *more)

        answer = self._application(environ, listening)
        if gathered and said and said[0][0].startswith("200"):
            kept = _Remembered(gathered[0], headers_alike(said[0][1]))
            for task_type in {question.task_type, kept.known.ground.task_type}:
                self._memory.put(_key(environ, question, task_type), kept)
        else:
            self._memory.drop(_key(environ, question, question.task_type))
        return answer


def _key(environ: Environ, question: Question, task_type: str | None) -> bytes:
    return seal_of(environ, encode([question.rule_set, question.task_type, task_type]))
