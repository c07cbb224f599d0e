"""Says which agent presents a key, and what it may read now; must not mint keys or look at what is asked for."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from agents.held_contracts import HeldVersion, held_versions
from agents.keys import hash_of_secret
from agents.misuse import note_misuse
from agents.models import AgentState, MisuseReason, Scope, UseKind
from agents.programs import admit_program
from context.access import Principal
from context.epochs import CLOCK
from context.errors import DomainError, NotPermitted
from context.program import current_program
from context.statements import rows
from governance.audit.attempts import denials_recorded
from governance.audit.ledger import Subject

KEY_PREFIX = "plk_"
_SHAPE = re.compile(r"plk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NOBODY = "0" * 64
USE_IS_NOTED_EVERY = timedelta(minutes=1)

STATEMENT = f"""
SELECT key.id, key.secret_sha256, key.scopes,
       key.revoked_at IS NOT NULL,
       least(key.expires_at, key.grace_until) <= clock_timestamp(),
       key.last_used_at IS NULL OR key.last_used_at < clock_timestamp() - %(interval)s::interval,
       agent.id, agent.slug, agent.name, agent.state, agent.clearance,
       ARRAY(SELECT group_id FROM agents_agent_audiences WHERE agent_id = agent.id),
       ARRAY(WITH RECURSIVE reach (id) AS (
                 SELECT domain_id FROM agents_agent_domains WHERE agent_id = agent.id
                 UNION
                 SELECT below.id FROM context_domain below JOIN reach ON below.parent_id = reach.id
             ) SELECT id FROM reach),
       (SELECT jsonb_object_agg(contract.slug, jsonb_build_array(version.id, version.digest, contract.id))
        FROM agents_agent_contracts assigned
        JOIN agents_contextcontract contract ON contract.id = assigned.contextcontract_id
        JOIN agents_contractversion version ON version.id = contract.current_version_id
        WHERE assigned.agent_id = agent.id AND contract.retired_at IS NULL),
       {CLOCK}
FROM agents_agentkey key JOIN agents_agent agent ON agent.id = key.agent_id
WHERE key.prefix = %(prefix)s
"""  # noqa: S608  our own constants
# A key's row may be locked by a rotation or a revocation: then the use goes unnoted, and nobody waits.
_NOTE_USE = """
UPDATE agents_agentkey SET last_used_at = clock_timestamp() WHERE id = (
    SELECT id FROM agents_agentkey WHERE id = %(key)s
    AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - %(interval)s::interval)
    FOR UPDATE SKIP LOCKED
) RETURNING id
"""


class _Row(NamedTuple):
    key_id: int
    secret_sha256: str
    scopes: list[str]
    revoked: bool
    ended: bool
    use_unnoted: bool
    agent_id: int
    slug: str
    name: str
    state: str
    clearance: int
    groups: list[int]
    domains: list[int]
    contracts: str | None
    clock: int


class KeyRefused(DomainError):
    """The key is malformed, unknown or wrong (which of them is not said), or has ended."""

    type = "not-authenticated"
    title = "The key is not accepted"
    status = 401


class AgentNotSanctioned(DomainError):
    """The key is right, but its agent is suspended or not sanctioned."""

    type = "agent-not-sanctioned"
    title = "The agent is not sanctioned"
    status = 403


class ScopeMissing(NotPermitted):
    """The key is right, but was not issued for this."""

    type = "scope-missing"
    title = "The key was not issued for this"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuthenticatedAgent:
    """An agent that presented a valid key. `contracts` has the version of each that it holds by its slug.

    `clock` is the last change of anything at the moment of the check; it is not for the agent to know.

    `is_authenticated` and its like are what Django and DRF ask of a user; an agent is never one.
    """

    principal: Principal
    slug: str
    key_id: int
    key_prefix: str
    scopes: frozenset[str]
    contracts: Mapping[str, HeldVersion]
    clock: int = 0
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False
    is_superuser: bool = False
    pk: None = None

    def require(self, scope: str) -> None:
        """Raise ScopeMissing unless the key was issued with it."""
        if scope not in self.scopes:
            raise ScopeMissing(
                f"The key lacks the scope {scope}.",
                field="scope",
                limit=", ".join(sorted(self.scopes)),
                fix=f"Ask the agent's owner for a key with {scope}.",
            )


def authenticate(header: str) -> AuthenticatedAgent:
    """The agent behind `Authorization: Bearer plk_…`, as the database knows it now.

    One statement, and one more for a program that names itself (agents/programs.py).
    """
    scheme, _, credential = header.partition(" ")
    shape = _SHAPE.fullmatch(credential.strip()) if scheme.lower() == "bearer" else None
    if shape is None:
        raise _refused()
    prefix, secret = shape.groups()
    found = rows(STATEMENT, {"prefix": prefix, "interval": USE_IS_NOTED_EVERY})
    row = _Row._make(found[0]) if found else None
    # Compared also where the prefix is unknown, so that the time does not tell.
    if not hmac.compare_digest(hash_of_secret(secret), row.secret_sha256 if row else _NOBODY) or row is None:
        note_misuse(key_id=None, reason=MisuseReason.UNKNOWN)
        raise _refused()
    if row.revoked:
        note_misuse(key_id=row.key_id, reason=MisuseReason.REVOKED)
        raise KeyRefused("The key was revoked.", fix="Ask the agent's owner for a new key.")
    if row.ended:
        note_misuse(key_id=row.key_id, reason=MisuseReason.EXPIRED)
        raise KeyRefused("The key has expired.", fix="Ask the agent's owner for a new key.")
    if row.state != AgentState.SANCTIONED:
        note_misuse(key_id=row.key_id, reason=MisuseReason.UNSANCTIONED)
        raise AgentNotSanctioned("The agent is suspended or not sanctioned.", fix="Ask the agent's owner.")
    program = current_program()
    if program:
        admit_program(kind=UseKind.USER_AGENT, stated=program, agent_id=row.agent_id)
    if row.use_unnoted:
        rows(_NOTE_USE, {"key": row.key_id, "interval": USE_IS_NOTED_EVERY})
    return AuthenticatedAgent(
        principal=Principal(
            kind="agent",
            id=row.agent_id,
            label=row.name,
            clearance=row.clearance,
            groups=frozenset(row.groups),
            domains=frozenset(row.domains),
        ),
        slug=row.slug,
        key_id=row.key_id,
        key_prefix=prefix,
        scopes=frozenset(row.scopes),
        contracts=held_versions(row.contracts),
        clock=row.clock,
    )


def _refused() -> KeyRefused:
    return KeyRefused("This is not a valid key.", fix="Send Authorization: Bearer plk_<prefix>_<secret>.")


class AgentKeyAuthentication(BaseAuthentication):
    """Agents on DRF views: closed to them but where a view is `open_to` them or names the scope they need.

    That scope is `agent_scope`, or else `context:read`; anything but reading needs one that ends in `:write`.
    """

    def authenticate(self, request: Request) -> tuple[AuthenticatedAgent, Principal] | None:
        header = request.headers.get("Authorization", "")
        if KEY_PREFIX not in header[:40]:
            return None
        agent = authenticate(header)
        view = (request.parser_context or {}).get("view")
        usual = Scope.CONTEXT_READ if "agent" in getattr(view, "open_to", ()) else None
        scope: Any = getattr(view, "agent_scope", usual)
        reads = request.method in ("GET", "HEAD", "OPTIONS")
        with denials_recorded(
            actor=agent.principal,
            action="agents.request",
            subject=lambda: Subject(type="address", id=request.path[:200], label=f"{request.method} {request.path}"),
            now=timezone.now(),
        ):
            if scope not in Scope.values or not (reads or scope.endswith(":write")):
                raise NotPermitted("Agents may not use this address.", fix="A person does this.")
            agent.require(scope)
        return agent, agent.principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Plumbline"'
