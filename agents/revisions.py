"""Refuses to write over what was changed since it was read; must not say how a thing's revision is told."""

from __future__ import annotations

from context.errors import PreconditionFailed


def require_revision(*, current: str | None, expected: str | None) -> None:
    """Ask under the lock of the row. `current` is None where nothing stands; `expected` None where nothing was read."""
    if expected is not None and current != expected:
        raise PreconditionFailed("Somebody changed it since you read it.", field="If-Match", fix="Read it again.")
