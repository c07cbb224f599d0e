"""What several detectors of one scan need alike, made once in a process; must not outlive the work on the scan.

What is shared may be some seconds older than the texts. That does no harm: what changes while a scan is worked on is
looked at again by the next one, which takes up where this one was planned.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Made = TypeVar("Made")
_shared: ContextVar[dict[Hashable, Any] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Within, what is made `once` is kept; within another one, as long as that lasts."""
    if _shared.get() is not None:
        yield
        return
    token = _shared.set({})
    try:
        yield
    finally:
        _shared.reset(token)


def once(key: Hashable, make: Callable[[], Made]) -> Made:
    """What `make` gives: for the first who asks within `sharing`, and anew for everybody outside of it."""
    held = _shared.get()
    if held is None:
        return make()
    if key not in held:
        held[key] = make()
    found: Made = held[key]
    return found
