"""Says what a run's present agent is to work on: what was handed to it, or else the run's task; must not hand it on."""

from __future__ import annotations

from typing import Any

from agents.models import HandOff, Run


def present_task(run: Run) -> Any:
    """The payload of the last hand-off that brought one; without one, the task as it was given. One query."""
    handed = HandOff.objects.filter(run=run, payload__isnull=False).order_by("-pk").first()
    return handed.payload if handed is not None and handed.payload is not None else run.task
