"""Mints, rotates and revokes agents' keys, for people only; must not judge a presented key (authentication.py)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from agents.models import Agent, AgentKey, Scope
from agents.owner_rights import require_owner
from context.access import Principal
from context.digests import iso
from context.errors import Conflict, InvalidInput
from context.models import User
from governance.audit import ledger

DEFAULT_LIFETIME = timedelta(days=365)
LONGEST_LIFETIME = timedelta(days=731)
LONGEST_GRACE = timedelta(days=30)
DEFAULT_SCOPES = (Scope.BUNDLES_READ, Scope.CONTEXT_READ, Scope.SEARCH_READ, Scope.FEEDBACK_WRITE)


@dataclass(frozen=True, kw_only=True, slots=True)
class IssuedKey:
    """A new key with its secret: the only time that the secret is known."""

    key: AgentKey
    secret: str

    @property
    def bearer(self) -> str:
        """What goes after `Authorization: Bearer`."""
        return f"plk_{self.key.prefix}_{self.secret}"

    def __repr__(self) -> str:
        return f"IssuedKey(plk_{self.key.prefix}_…)"


def hash_of_secret(secret: str) -> str:
    """SHA-256: enough for 256 random bits, where a slow hash would only slow every request."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_key(
    *,
    actor: User,
    agent: Agent,
    name: str,
    scopes: Iterable[str] = DEFAULT_SCOPES,
    expires_at: datetime | None = None,
    now: datetime,
) -> IssuedKey:
    """Mint a key. Without `expires_at` it lasts a year."""
    principal = _require_rights(actor, agent, "issue", now)
    with transaction.atomic():
        issued = _create(actor=actor, agent=agent, name=name, scopes=scopes, expires_at=expires_at, now=now)
        _record(actor=principal, key=issued.key, action="agents.key.issued", now=now)
    return issued


def rotate_key(*, actor: User, key: AgentKey, grace: timedelta, now: datetime) -> IssuedKey:
    """Mint a successor with the same rights and lifetime; the old key works until the grace is over."""
    principal = _require_rights(actor, key.agent, "rotate", now)
    if not timedelta(0) <= grace <= LONGEST_GRACE:
        raise InvalidInput(
            "The grace is out of range.",
            field="grace",
            limit=f"{LONGEST_GRACE.days} days",
            fix=f"Choose between nothing and {LONGEST_GRACE.days} days.",
        )
    with transaction.atomic():
        old = AgentKey.objects.select_for_update(of=("self",)).select_related("agent").get(pk=key.pk)
        if old.revoked_at is not None or old.replaced_by_id is not None:
            raise Conflict("The key is revoked or rotated already.", fix="Rotate its successor, or issue a new key.")
        issued = _create(
            actor=actor,
            agent=old.agent,
            name=old.name,
            scopes=old.scopes,
            expires_at=now + (old.expires_at - old.created_at),
            now=now,
        )
        old.replaced_by, old.grace_until = issued.key, now + grace
        old.save(update_fields=["replaced_by", "grace_until"])
        _record(actor=principal, key=issued.key, action="agents.key.rotated", replaces=old, now=now)
    return issued


def revoke_key(*, actor: User, key: AgentKey, now: datetime) -> AgentKey:
    """End a key at once. Revoking it again changes nothing."""
    principal = _require_rights(actor, key.agent, "revoke", now)
    with transaction.atomic():
        locked = AgentKey.objects.select_for_update(of=("self",)).select_related("agent").get(pk=key.pk)
        if locked.revoked_at is None:
            locked.revoked_at = now
            locked.save(update_fields=["revoked_at"])
            _record(actor=principal, key=locked, action="agents.key.revoked", now=now)
    return locked


def _create(
    *,
    actor: User,
    agent: Agent,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    now: datetime,
) -> IssuedKey:
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise InvalidInput(
            f"Unknown scopes: {', '.join(unknown)[:200]}." if unknown else "A key needs a scope.",
            field="scopes",
            limit=", ".join(Scope.values),
            fix="Choose among the known scopes.",
        )
    end = expires_at or now + DEFAULT_LIFETIME
    if not now < end <= now + LONGEST_LIFETIME:
        raise InvalidInput(
            "The key's end is out of range.",
            field="expires_at",
            limit=f"{LONGEST_LIFETIME.days} days",
            fix="Choose a moment in the future within the limit.",
        )
    if not name.strip() or len(name) > 80 or "\x00" in name:
        raise InvalidInput("The key needs a name.", field="name", limit=80, fix="Name it after where it is used.")
    secret = secrets.token_urlsafe(32)
    key = AgentKey.objects.create(
        agent=agent,
        name=name,
        prefix=secrets.token_hex(6),
        secret_sha256=hash_of_secret(secret),
        scopes=wanted,
        created_by=actor,
        created_at=now,
        expires_at=end,
    )
    return IssuedKey(key=key, secret=secret)


def _require_rights(actor: User, agent: Agent, step: str, now: datetime) -> Principal:
    """What is refused leaves `agents.key.<step>.denied`."""
    return require_owner(
        actor=actor, agent=agent, action=f"agents.key.{step}", what="keys", may_read_more=step == "revoke", now=now
    )


def _record(*, actor: Principal, key: AgentKey, action: str, replaces: AgentKey | None = None, now: datetime) -> None:
    data = {"agent": key.agent.slug, "name": key.name, "scopes": list(key.scopes), "expires_at": iso(key.expires_at)}
    if replaces is not None and replaces.grace_until is not None:
        data |= {"replaces": replaces.prefix, "grace_until": iso(replaces.grace_until)}
    ledger.append(
        actor=actor,
        action=action,
        subject=ledger.Subject(type="agent_key", id=key.prefix, label=f"{key.agent.name}: {key.name}"),
        data=data,
        now=now,
    )
