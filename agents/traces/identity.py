"""Names of traces and spans, made of what they are of, so that a span sent twice is known to be the same; no rows."""

from __future__ import annotations

import hashlib
from uuid import UUID


def trace_id(run_id: UUID) -> bytes:
    """Sixteen bytes: the run's own id. A trace is a run."""
    return run_id.bytes


def run_span(run_id: UUID) -> bytes:
    """Eight bytes, as of all spans; never all zero."""
    return _span(run_id, "run")


def lease_span(run_id: UUID, number: int) -> bytes:
    return _span(run_id, f"lease:{number}")


def step_span(run_id: UUID, key: str) -> bytes:
    return _span(run_id, f"step:{key}")


def traceparent(run_id: UUID, lease_number: int) -> str:
    """W3C Trace Context for whoever works under that lease: what it does stands below the lease in the trace."""
    return f"00-{trace_id(run_id).hex()}-{lease_span(run_id, lease_number).hex()}-01"


def _span(run_id: UUID, what: str) -> bytes:
    return hashlib.sha256(f"{run_id}:{what}".encode()).digest()[:8]
