"""Says how an agent's runs are sent to it: set, its secret renewed, taken away; must not send any (agents/runs/).

What signs a webhook's posts is told once, to who sets the address: a new address gets a new secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from agents.models import Agent, PushTarget
from agents.models.dispatch import fresh_salt
from agents.owner_rights import require_owner
from agents.revisions import require_revision
from agents.runs.calling import secret_of
from context.access import Principal
from context.digests import check_storable, digest_of, iso
from context.errors import InvalidInput, NotFound
from context.models import User
from governance import outgoing
from governance.audit import ledger

WHAT = "way of being reached"
LONGEST_INSTRUCTIONS = 4_000
LONGEST_TIMEOUT = 600
MOST_OUTPUT_TOKENS = 200_000


class NoModelToCall(InvalidInput):
    """The agent is to be called at its model endpoint, and has none with an address."""

    type = "no-model-to-call"
    title = "The agent has no model endpoint that can be called"


@dataclass(frozen=True, kw_only=True, slots=True)
class PushTerms:
    """How an agent is reached: its webhook at `url`, or its model endpoint with `instructions` before the bundle."""

    kind: str
    url: str = ""
    instructions: str = ""
    timeout_seconds: int = 25
    most_output_tokens: int = 2_000

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "url": self.url,
            "instructions": self.instructions,
            "timeout_seconds": self.timeout_seconds,
            "most_output_tokens": self.most_output_tokens,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SetTarget:
    """A push target as it stands. `secret` is told only where it is a new one; empty otherwise."""

    target: PushTarget
    secret: str = ""

    def __repr__(self) -> str:
        return f"SetTarget({self.target})"


def set_push_target(
    *, actor: User, agent: Agent, terms: PushTerms, expected: str | None = None, now: datetime
) -> SetTarget:
    """Send the agent's runs there from now on. `expected` is the revision that was read (`revision_of`), if one was.

    Setting what stands already changes nothing. An open circuit is closed: the new address has not failed yet.
    """
    principal = require_owner(actor=actor, agent=agent, action="agents.push_target.set", what=WHAT, now=now)
    _check(terms, agent=agent)
    with transaction.atomic():
        found = _locked(agent)
        require_revision(current=revision_of(found) if found is not None else None, expected=expected)
        before = terms_of_target(found).as_json() if found is not None else None
        if found is not None and before == terms.as_json():
            return SetTarget(target=found)
        target = found or PushTarget(agent=agent)
        renewed = terms.kind == PushTarget.Kind.WEBHOOK and (found is None or found.url != terms.url)
        if renewed:
            target.salt = fresh_salt()
        for name, value in terms.as_json().items():
            setattr(target, name, value)
        target.failures, target.closed_until, target.changed_at = 0, None, now
        target.save()
        _tell(principal, agent, "set", now, {**terms.as_json(), "new_secret": renewed}, before=before)
    return SetTarget(target=target, secret=secret_of(target) if renewed else "")


def renew_push_secret(*, actor: User, agent: Agent, now: datetime) -> SetTarget:
    """Sign with a new secret from the next post on. The one before is good for nothing at once."""
    principal = require_owner(actor=actor, agent=agent, action="agents.push_target.renew_secret", what=WHAT, now=now)
    with transaction.atomic():
        target = _locked(agent)
        if target is None or target.kind != PushTarget.Kind.WEBHOOK:
            raise NotFound("The agent has no webhook.", fix="Set one first.")
        target.salt, target.changed_at = fresh_salt(), now
        target.save(update_fields=["salt", "changed_at"])
        _tell(principal, agent, "secret_renewed", now, {"url": target.url})
    return SetTarget(target=target, secret=secret_of(target))


def remove_push_target(*, actor: User, agent: Agent, expected: str | None = None, now: datetime) -> None:
    """Send nothing any more: its runs wait until it claims them. What is on its way to it is taken when it answers."""
    principal = require_owner(
        actor=actor, agent=agent, action="agents.push_target.remove", what=WHAT, may_read_more=True, now=now
    )
    with transaction.atomic():
        target = _locked(agent)
        if target is None:
            raise NotFound("The agent is not pushed to.")
        require_revision(current=revision_of(target), expected=expected)
        before = terms_of_target(target).as_json()
        target.delete()
        _tell(principal, agent, "removed", now, before, before=before)


def terms_of_target(target: PushTarget) -> PushTerms:
    return PushTerms(
        kind=target.kind,
        url=target.url,
        instructions=target.instructions,
        timeout_seconds=target.timeout_seconds,
        most_output_tokens=target.most_output_tokens,
    )


def revision_of(target: PushTarget) -> str:
    """What changes with each change of it, and with nothing else: how it does is no part of it."""
    return digest_of({**terms_of_target(target).as_json(), "changed_at": iso(target.changed_at)})[:32]


def _locked(agent: Agent) -> PushTarget | None:
    """The agent's row is locked, so that two who set its first target come one after the other."""
    Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    return PushTarget.objects.select_for_update(of=("self",)).select_related("agent").filter(agent=agent).first()


def _check(terms: PushTerms, *, agent: Agent) -> None:
    check_storable([terms.kind, terms.url, terms.instructions], field="instructions")
    if terms.kind not in PushTarget.Kind.values:
        raise InvalidInput(
            "There is no such kind.", field="kind", limit=", ".join(PushTarget.Kind.values), fix="Choose one."
        )
    if len(terms.instructions) > LONGEST_INSTRUCTIONS:
        raise InvalidInput(
            "The instructions are too long.",
            field="instructions",
            limit=LONGEST_INSTRUCTIONS,
            fix="Say the task alone: what the organisation knows comes with the bundle.",
        )
    for name, value, most in (
        ("timeout_seconds", terms.timeout_seconds, LONGEST_TIMEOUT),
        ("most_output_tokens", terms.most_output_tokens, MOST_OUTPUT_TOKENS),
    ):
        if not 1 <= value <= most:
            raise InvalidInput(f"{name} is 1 to {most}.", field=name, limit=most, fix="Choose a number within it.")
    if terms.kind == PushTarget.Kind.WEBHOOK:
        _check_address(terms.url)
    elif terms.url:
        raise InvalidInput(
            "A model is called at the address of its endpoint.", field="url", fix="Leave the address out."
        )
    elif agent.endpoint is None or not agent.endpoint.base_url:
        raise NoModelToCall(
            f"{agent.name} has no model endpoint with an address.",
            field="kind",
            fix="Ask an administrator to give the agent an endpoint that has one.",
        )
    else:
        _check_address(agent.endpoint.base_url)


def _check_address(url: str) -> None:
    outgoing.check_url(
        url,
        allowed_hosts=settings.AGENT_ALLOWED_HOSTS,
        allow_private=settings.AGENT_PRIVATE_ADDRESSES,
        setting="AGENT_ALLOWED_HOSTS",
    )


def _tell(
    principal: Principal,
    agent: Agent,
    what: str,
    now: datetime,
    data: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
) -> None:
    ledger.append(
        actor=principal,
        action=f"agents.push_target.{what}",
        subject=ledger.Subject(type="agent", id=agent.slug, label=agent.name),
        data=data,
        before=digest_of(before) if before is not None else None,
        after=digest_of(data) if what == "set" else None,
        now=now,
    )
