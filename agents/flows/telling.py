"""The audit events of started flows; must not append them."""

from __future__ import annotations

from typing import Any

from agents.models import FlowRun
from governance.audit import ledger


def tell(*, flow_run: FlowRun, what: str, after: str | None = None, **data: Any) -> ledger.Entry:
    """The event `agents.flow_run.<what>`, to be appended last."""
    version = flow_run.flow_version
    return ledger.Entry(
        action=f"agents.flow_run.{what}",
        subject=ledger.Subject(
            type="flow_run",
            id=str(flow_run.pk),
            label=f"{version.flow.name} ({str(flow_run.pk)[:8]})",
            sensitivity=version.flow.sensitivity,
        ),
        data={"flow": version.flow.slug, "version": version.number, "state": str(flow_run.state), **data},
        after=after,
    )
