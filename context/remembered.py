"""What a process remembers of its database, forgotten together; must not remember anything itself.

Numbers of rows and epochs tell one state of a database from another only as long as it is the same database: one that
was set back to a copy gives them out again. So all that is remembered by them is forgotten once a connection had to be
made anew.
"""

from __future__ import annotations

from collections.abc import Callable


def forgotten_with_the_database(forget: Callable[[], None]) -> None:
    """Call `forget` whenever the database behind the connections may be another one, or an older copy."""
    _forgetting.append(forget)


def forget_the_database() -> None:
    """Forget all that this process remembers of it."""
    for forget in _forgetting:
        forget()


_forgetting: list[Callable[[], None]] = []
