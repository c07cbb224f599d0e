"""What signs the events that are posted to a trigger: made, shown once, taken back, checked; must not start a flow."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction

from agents.flows.definition import definition_of
from agents.flows.record import RECORD
from agents.models import Flow, TriggerSecret
from context.access import Principal
from context.errors import DomainError, NotFound, NotPermitted
from context.models import Role, User
from governance import outgoing
from governance.audit import ledger
from governance.audit.attempts import asking, denials_recorded

REPLAY_SECONDS = 300
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class SignatureRefused(DomainError):
    """Nothing is said of which flows and triggers there are: all that is not signed rightly reads the same."""

    type = "signature-refused"
    title = "The signature is missing, wrong or too old"
    status = 401


def issue_secret(*, actor: User, slug: str, trigger: str, now: datetime) -> str:
    """A new secret for a webhook trigger, known only now; the one before ends. For the owner and administrators."""
    principal, flow = _permitted(actor=actor, slug=slug, trigger=trigger, now=now)
    with transaction.atomic():
        Flow.objects.select_for_update(of=("self",)).get(pk=flow.pk)
        TriggerSecret.objects.filter(flow=flow, trigger=trigger, revoked_at__isnull=True).update(revoked_at=now)
        made = TriggerSecret.objects.create(
            flow=flow, trigger=trigger, salt=secrets.token_hex(16), issued_at=now, issued_by=actor
        )
        _record(principal, flow, trigger, "issued", now)
    return secret_of(made)


def revoke_secret(*, actor: User, slug: str, trigger: str, now: datetime) -> None:
    """From now on nothing posted to the trigger counts, until a new secret is issued."""
    principal, flow = _permitted(actor=actor, slug=slug, trigger=trigger, now=now)
    with transaction.atomic():
        Flow.objects.select_for_update(of=("self",)).get(pk=flow.pk)
        live = TriggerSecret.objects.filter(flow=flow, trigger=trigger, revoked_at__isnull=True)
        if live.update(revoked_at=now):
            _record(principal, flow, trigger, "revoked", now)


def secret_of(secret: TriggerSecret) -> str:
    """Derived from the installation's key, so that no table holds it."""
    derived = f"flow-trigger:{secret.flow_id}:{secret.trigger}:{secret.salt}".encode()
    return hmac.new(settings.SIGNING_KEY.encode(), derived, hashlib.sha256).hexdigest()


def signed_flow(*, slug: str, trigger: str, body: bytes, signature: str, now: datetime) -> Flow:
    """The flow, where the body is signed for that trigger of it, within the last five minutes."""
    stated = _SIGNATURE.fullmatch(signature)
    found = (
        TriggerSecret.objects.select_related("flow__owner", "flow__current_version__flow__domain")
        .filter(flow__slug=slug, trigger=trigger, revoked_at__isnull=True, flow__retired_at__isnull=True)
        .first()
    )
    # Computed in either case, so that how long it takes tells nothing of which triggers there are.
    key = secret_of(found) if found is not None else "0" * 64
    moment = int(stated[1]) if stated is not None else 0
    expected = outgoing.signature(key.encode(), moment, body)
    same = hmac.compare_digest(expected, signature if stated is not None else "")
    if found is None or not same or abs(now.timestamp() - moment) > REPLAY_SECONDS:
        raise SignatureRefused(
            "The event is not signed for this trigger, or not within the last five minutes.",
            field="Plumbline-Signature",
            limit=REPLAY_SECONDS,
            fix="Send t=<unix seconds>,v1=<hex HMAC-SHA256 of “<t>.<body>”>, by a clock that is right.",
        )
    return found.flow


def _permitted(*, actor: User, slug: str, trigger: str, now: datetime) -> tuple[Principal, Flow]:
    principal = asking(actor)
    flow = Flow.objects.visible_to(principal).select_related("current_version").filter(slug=slug).first()
    if flow is None or flow.current_version is None:
        raise NotFound("There is no such flow.")
    subject = RECORD.subject(flow, flow.current_version.number)
    with denials_recorded(actor=principal, action="agents.flow.secret", subject=lambda: subject, now=now):
        if principal.kind != "person" or not (flow.owner_id == principal.id or principal.has_role(Role.ADMINISTRATOR)):
            raise NotPermitted("Only the flow's owner or an administrator handles its secrets.", fix="Ask its owner.")
    named = definition_of(flow.current_version.payload).triggers
    if not any(each.name == trigger and each.on == "webhook" for each in named):
        raise NotFound("There is no such trigger.")
    return principal, flow


def _record(principal: Principal, flow: Flow, trigger: str, what: str, now: datetime) -> None:
    ledger.append(
        actor=principal,
        action=f"agents.flow.secret_{what}",
        subject=ledger.Subject(type="flow", id=flow.slug, label=flow.name, sensitivity=flow.sensitivity),
        now=now,
        data={"trigger": trigger},
    )
