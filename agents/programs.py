"""Programs that agents run as: those declared, those merely seen, those blocked; must not judge keys.

What no agent declares is noted under its name, at most once a minute, in a table of bounded size, and somebody then
sanctions or blocks it. A blocked program is refused at its next request, whatever key it has.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime

from django.db import transaction

from agents.models import UnsanctionedUse, UseState
from context.client_address import current_client_address
from context.errors import Conflict, DomainError, InvalidInput, NotPermitted
from context.models import Role, User
from context.statements import rows
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded

LONGEST_NAME = 200
MOST_PROGRAMS = 500
MOST_DECLARED = 20


class ProgramBlocked(DomainError):
    """The key may be right, but the program that presents it was blocked by an administrator."""

    type = "program-blocked"
    title = "The program is blocked"
    status = 403


# Beyond so many names of a kind, the others are counted together under none.
_NOTE = """
WITH named AS (
    SELECT CASE WHEN EXISTS (SELECT FROM agents_unsanctioneduse WHERE kind = %(kind)s AND name = %(name)s)
                  OR (SELECT count(*) FROM agents_unsanctioneduse WHERE kind = %(kind)s) < %(most)s
           THEN %(name)s ELSE '' END AS name
)
INSERT INTO agents_unsanctioneduse AS use
    (kind, name, agent_id, client, times, first_seen_at, last_seen_at, state, reason)
SELECT %(kind)s, named.name, %(agent)s::bigint, %(client)s, 1, clock_timestamp(), clock_timestamp(), 'open', ''
FROM named
WHERE NOT EXISTS (
    SELECT FROM agents_agent, unnest(programs) declared WHERE declared <> '' AND starts_with(%(name)s, declared)
)
ON CONFLICT (kind, name) DO UPDATE
SET times = use.times + 1, last_seen_at = excluded.last_seen_at, agent_id = excluded.agent_id, client = excluded.client
WHERE use.last_seen_at < clock_timestamp() - interval '1 minute'
RETURNING use.id
"""
# Whether it is blocked or sanctioned, declared by the agent itself, or was noted within the minute.
_STATE = """
SELECT use.state, agent.programs, use.last_seen_at > clock_timestamp() - interval '1 minute'
FROM (SELECT programs FROM agents_agent WHERE id = %(agent)s) agent
LEFT JOIN agents_unsanctioneduse use ON use.kind = %(kind)s AND use.name = %(name)s
"""


def plain_name(stated: str) -> str:
    """A program's name as it is kept: printable, on one line, of bounded length."""
    # Control characters, marks that turn the direction of text, surrogates: nothing that only looks like a name.
    shown = (" " if unicodedata.category(each).startswith("C") else each for each in stated[: LONGEST_NAME * 2])
    return " ".join("".join(shown).split())[:LONGEST_NAME]


def admit_program(*, kind: str, stated: str, agent_id: int) -> None:
    """Refuse a blocked program, and note one that no agent declares. One or two statements."""
    name = plain_name(stated)
    if not name:
        return
    found = rows(_STATE, {"kind": kind, "name": name, "agent": agent_id})
    state, programs, noted = found[0] if found else (None, [], None)
    if state == UseState.BLOCKED:
        raise ProgramBlocked(
            f"The program {name[:80]!r} is blocked.", fix="Ask an administrator, or use a program that is sanctioned."
        )
    if state != UseState.SANCTIONED and not noted and not declares(programs, name):
        client = current_client_address()[:45]
        rows(_NOTE, {"kind": kind, "name": name, "most": MOST_PROGRAMS, "agent": agent_id, "client": client})


def declares(programs: list[str], stated: str) -> bool:
    """Whether an agent's declared programs cover this one."""
    name = plain_name(stated)
    return any(declared and name.startswith(declared) for declared in programs)


def settle_use(*, actor: User, use: UnsanctionedUse, state: str, reason: str, now: datetime) -> UnsanctionedUse:
    """Sanction it for all agents, block it from the next request on, or open it again."""
    principal = asking(actor)
    with denials_recorded(
        actor=principal,
        action="agents.program.settle",
        subject=lambda: ledger.Subject(type="program", id=str(use.pk), label=use.name),
        now=now,
    ):
        if principal.kind != "person":
            raise NotPermitted("Only people settle this.", fix="Ask an administrator.")
        if not principal.has_role(Role.ADMINISTRATOR):
            raise NotPermitted("Only an administrator may do this.", fix="Ask an administrator.")
    if state not in UseState.values:
        raise InvalidInput("There is no such state.", field="state", limit=", ".join(UseState.values))
    with transaction.atomic():
        locked = UnsanctionedUse.objects.select_for_update().get(pk=use.pk)
        if not locked.name and state != UseState.OPEN:
            raise Conflict(
                "This counts what had no room in the list.",
                field="state",
                fix="Settle those that are listed: their names then make room.",
            )
        if locked.state == state:
            return locked
        before, locked.state = locked.state, state
        locked.settled_at = None if state == UseState.OPEN else now
        locked.settled_by = None if state == UseState.OPEN else actor
        locked.reason = reason.strip()[:500]
        locked.save()
        # Answers that stand in memory were given before: they are judged anew, and a blocked program with them.
        rows("SELECT plumbline_mark('all')", {})
        ledger.append(
            actor=principal,
            action=f"agents.program.{state}" if state != UseState.OPEN else "agents.program.reopened",
            subject=ledger.Subject(type="program", id=str(locked.pk), label=locked.name),
            data={"kind": locked.kind, "from": before, "to": state, "reason": locked.reason},
            now=now,
        )
    return locked


def check_programs(programs: list[str]) -> list[str]:
    """The declared names as they are kept. Refuse too many, and one that would cover everything."""
    found = sorted({plain_name(each) for each in programs} - {""})
    short = next((each for each in found if len(each) < 3), None)
    if len(found) > MOST_DECLARED or short is not None:
        raise InvalidInput(
            "A program's name has at least three characters." if short else "Too many programs.",
            field="programs",
            limit=MOST_DECLARED,
            fix="Write the beginning of the User-Agent that the agent's program sends, such as reviewer/1.",
        )
    return found
