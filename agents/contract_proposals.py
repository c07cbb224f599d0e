"""Proposes a contract or its next version as a change of its own; must not review or publish it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.contract_record import CONTRACTS
from agents.models import ContextContract
from context.errors import NotPermitted
from context.models import User
from governance.changes import create_change
from governance.edits import EditInput
from governance.models import Change, Operation


def edit_of_contract(*, slug: str, payload: Mapping[str, Any], base_version: int | None = None) -> EditInput:
    """The edit that makes the contract or, where there is one of that name, revises it."""
    there = ContextContract.objects.filter(slug=slug, current_version__isnull=False).exists()
    return EditInput(
        operation=Operation.REVISE if there else Operation.CREATE,
        record=CONTRACTS.name,
        key=slug,
        payload=payload,
        base_version=base_version if there else None,
    )


def propose_contract(
    *, actor: User, slug: str, payload: Mapping[str, Any], reason: str, now: datetime, title: str = ""
) -> Change:
    """A draft that makes the contract, or its next version. NothingToChange where it would say the same."""
    if not isinstance(actor, User):
        raise NotPermitted("Only people write contracts.", fix="Ask its owner.")
    edit = edit_of_contract(slug=slug, payload=payload)
    verb = "Add" if edit.operation == Operation.CREATE else "Revise"
    return create_change(
        actor=actor,
        title=title or f"{verb} the contract {payload.get('name') or slug}"[:200],
        reason=reason,
        edits=[edit],
        now=now,
    )
