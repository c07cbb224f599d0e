"""Tells those who follow runs that one has ended or moved, in its transaction; must not know who they are.

They are the objects that the setting `RUN_FOLLOWERS` names (name → dotted path), such as flows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from agents.models import Run
from context.access import Principal
from governance.audit import ledger


class Follower(Protocol):
    """Something that goes on where a run ends."""

    def takes_over(self, run: Run) -> bool:
        """Whether a run that no agent could finish fails, because the follower has an answer other than a person."""

    def ended(self, run: Run, *, now: datetime) -> list[ledger.Entry]:
        """Do what follows from a run that has just ended, saved and locked; the events to append after its own."""

    def pinned(self, run: Run) -> bool:
        """Whether the run shares its snapshot with others, so that its first bundle is of that moment already."""

    def rebased(self, run: Run, *, now: datetime) -> None:
        """The run goes on at the texts of now."""


def tell_of(*, actor: Principal, run: Run, entries: Sequence[ledger.Entry], now: datetime) -> None:
    """Append what happened to a saved run, with what follows where it has ended. The last thing in a transaction."""
    followed = [entry for each in _followers() for entry in each.ended(run, now=now)] if run.ended else []
    ledger.append_all(actor=actor, entries=[*entries, *followed], now=now)


def is_taken_over(run: Run) -> bool:
    return any(each.takes_over(run) for each in _followers())


def is_pinned(run: Run) -> bool:
    return any(each.pinned(run) for each in _followers())


def rebase(run: Run, *, now: datetime) -> None:
    """Move the run's snapshot to now. The caller saves it."""
    run.snapshot_at = now
    for each in _followers():
        each.rebased(run, now=now)


def _followers() -> Iterator[Follower]:
    for path in settings.RUN_FOLLOWERS.values():
        yield import_string(path)
