"""Refuses a task that is too large to be kept with what is decided and served for it; must not judge what it says."""

from __future__ import annotations

from typing import Any

import orjson

from context.digests import canonical
from context.errors import InvalidInput

LARGEST_TASK_BYTES = 262_144
# No value is so many times as long in canonical JSON as orjson writes it: `1e20` comes to 21 digits.
MOST_TIMES_AS_LONG = 6


def check_task_size(task: Any) -> None:
    """The one limit of bundles, decisions and runs. Measured in canonical JSON, which small tasks are spared."""
    if task is not None and not _is_small(task) and len(canonical(task)) > LARGEST_TASK_BYTES:
        raise InvalidInput(
            f"task is larger than {LARGEST_TASK_BYTES} bytes.",
            field="task",
            limit=LARGEST_TASK_BYTES,
            fix="Send the part of it that the work needs, and say where the rest is.",
        )


def _is_small(task: Any) -> bool:
    try:
        return len(orjson.dumps(task)) * MOST_TIMES_AS_LONG <= LARGEST_TASK_BYTES
    except TypeError:  # beyond 64 bits, or nested too deep
        return False
