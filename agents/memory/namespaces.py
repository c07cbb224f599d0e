"""Says whose a namespace is; must not read what is in it."""

from __future__ import annotations

import re
from uuid import UUID

from agents.authentication import AuthenticatedAgent
from agents.models import Agent, Run, RunState
from agents.models.memory import NAMESPACE_PATTERN
from context.errors import InvalidInput, NotFound
from context.models import Domain

LONGEST_SESSION = 40
_SHAPE = re.compile(NAMESPACE_PATTERN)


def open_namespace(*, agent: AuthenticatedAgent, namespace: str, to_write: bool = False) -> str:
    """The namespace as it is stored. One that is not the agent's does not exist for it.

    `run:<id>`: agents that have or had the run, and who asked for it; nobody writes to a run that has ended.
    `session:<name>`: the agents of one owner, who do not meet those of another under the same name.
    `agent:<slug>`: the agent alone. `domain:<slug>`: agents that read in that domain.
    """
    if not _SHAPE.fullmatch(namespace):
        raise InvalidInput(
            "There is no such kind of namespace.",
            field="namespace",
            limit="run:<id>, session:<name>, agent:<slug>, domain:<slug>",
            fix="Use one of these; names are of a to z, 0 to 9 and hyphens.",
        )
    kind, _, name = namespace.partition(":")
    match kind:
        case "run":
            runs = Run.objects.visible_to(agent.principal)
            found = runs.filter(pk=_id(name)).values_list("state", flat=True).first()
            if found is None:
                raise _unknown()
            if to_write and RunState(found) in (
                RunState.SUCCEEDED,
                RunState.FAILED,
                RunState.REFUSED,
                RunState.CANCELLED,
            ):
                raise InvalidInput(
                    "The run has ended.", field="namespace", fix="Remember it with the agent or its domain."
                )
        case "session":
            owner = Agent.objects.values_list("owner_id", flat=True).get(pk=agent.principal.id)
            if len(name) > LONGEST_SESSION:
                raise InvalidInput(
                    "The session's name is too long.", field="namespace", limit=LONGEST_SESSION, fix="Shorten it."
                )
            return f"session:o{owner}-{name}"
        case "agent":
            if name != agent.slug:
                raise _unknown()
        case _:
            domain = Domain.objects.filter(slug=name).values_list("pk", flat=True).first()
            if domain is None or domain not in (agent.principal.domains or ()):
                raise _unknown()
    return namespace


def _id(name: str) -> UUID:
    try:
        return UUID(name)
    except ValueError as error:
        raise _unknown() from error


def _unknown() -> NotFound:
    return NotFound("There is no such namespace.", field="namespace")
