"""Writes to configuration (people, domains, policies …): saved and audited together; must not touch context."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import models, transaction

from context.access import principal_for
from context.digests import digest_of, plain
from context.models import User
from governance.audit import ledger

# Never written to the ledger, not even as a digest's input.
SECRET_FIELDS = frozenset({"password", "secret_sha256"})


def snapshot(instance: models.Model) -> dict[str, Any]:
    """The row's own columns as plain values, secrets left out: what a digest of it covers."""
    state = {}
    for field in instance._meta.concrete_fields:
        if field.name not in SECRET_FIELDS:
            value = plain(field.value_from_object(instance))
            simple = isinstance(value, str | int | float | bool | list | dict | None)
            state[field.attname] = value if simple else str(value)
    return state


def record_configuration_change(
    *, actor: User, instance: models.Model, verb: str, write: Callable[[], object], now: datetime, many: Any = None
) -> None:
    """Run `write` (which saves, deletes or links) and append one event with what differs.

    `verb` is created, changed or deleted; `many` adds what columns do not show (roles, groups).
    """
    with transaction.atomic():
        stored = type(instance)._default_manager.filter(pk=instance.pk).first() if instance.pk else None
        before = snapshot(stored) if stored is not None else None
        label, identity = str(stored or instance), instance.pk
        write()
        after = snapshot(instance) if verb != "deleted" else None
        changed = sorted(
            name for name in {*(before or {}), *(after or {})} if (before or {}).get(name) != (after or {}).get(name)
        )
        ledger.append(
            actor=principal_for(actor),
            action=f"{instance._meta.app_label}.{instance._meta.model_name}.{verb}",
            subject=ledger.Subject(
                type=str(instance._meta.model_name), id=str(identity or instance.pk), label=str(label)
            ),
            now=now,
            data={
                "changed": changed,
                "before": {name: (before or {}).get(name) for name in changed} if before else None,
                "after": {name: (after or {}).get(name) for name in changed} if after else None,
                **({"links": plain(many)} if many else {}),
            },
            before=digest_of(before) if before else None,
            after=digest_of(after) if after else None,
        )
