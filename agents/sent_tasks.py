"""Refuses a task that is too large to be kept with what is decided and served for it; must not judge what it says."""

from __future__ import annotations

from typing import Any

from context.digests import canonical
from context.errors import InvalidInput

LARGEST_TASK_BYTES = 262_144


def check_task_size(task: Any) -> None:
    """The one limit of bundles, decisions and runs."""
    if task is not None and len(canonical(task)) > LARGEST_TASK_BYTES:
        raise InvalidInput(
            f"task is larger than {LARGEST_TASK_BYTES} bytes.",
            field="task",
            limit=LARGEST_TASK_BYTES,
            fix="Send the part of it that the work needs, and say where the rest is.",
        )
