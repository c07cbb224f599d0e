"""Who may have a draft of a flow checked: those who might propose one; must not check it."""

from __future__ import annotations

from datetime import datetime

from agents.governed_fields import PROPOSING_ROLES
from agents.models import Flow
from context.access import Principal
from context.errors import NotPermitted
from governance.audit import ledger
from governance.audit.attempts import denials_recorded


def require_proposer(*, principal: Principal, now: datetime) -> None:
    """Stewards, domain owners, administrators and owners of flows: what is said of a draft tells of contracts."""
    subject = ledger.Subject(type="flow", id="draft", label="A draft of a flow")
    with denials_recorded(actor=principal, action="agents.flow.check", subject=lambda: subject, now=now):
        if any(principal.has_role_anywhere(role) for role in PROPOSING_ROLES):
            return
        if principal.kind != "person" or not Flow.objects.filter(owner=principal.id).exists():
            raise NotPermitted("Only those who may propose flows have them checked.", fix="Ask a domain's owner.")
