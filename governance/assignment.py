"""Gives texts to another owner: one change over all of them, reviewed like any other; must not write items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from context.access import principal_for
from context.errors import InvalidInput, NotFound
from context.models import User
from governance.audit import ledger
from governance.audit.attempts import denials_recorded
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Change, Operation

MOST_AT_ONCE = 500


def propose_owner(
    *, actor: User, keys: Sequence[str], owner: str, reason: str, now: datetime, submit: bool = True
) -> Change:
    """Propose that this person (a username) owns these items: metadata alone, in review at once unless not asked to.

    Items that they own already are left out; NothingToChange where that is all of them.
    """
    wanted = sorted(set(keys))
    if not wanted:
        raise InvalidInput("No item was named.", field="keys", fix="Name at least one item.")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidInput("Too many items at once.", field="keys", limit=MOST_AT_ONCE, fix="Assign fewer at a time.")
    person = User.objects.filter(username=owner, is_active=True).first()
    if person is None:
        raise NotFound(f"There is no person {owner[:150]} who could own them.", field="owner")
    count = f"{len(wanted)} text{'' if len(wanted) == 1 else 's'}"
    denials = denials_recorded(
        actor=principal_for(actor),
        action="governance.change.create",
        subject=lambda: ledger.Subject(type="change", id="new", label=f"Give {count} to {person.display_name}"),
        now=now,
        data={"keys": wanted[:50]},
    )
    with denials, transaction.atomic():
        change = create_change(
            actor=actor,
            title=f"Give {count} to {person.display_name}"[:200],
            reason=reason,
            edits=[
                EditInput(operation=Operation.REVISE, key=key, payload={"owner": person.username}) for key in wanted
            ],
            now=now,
        )
        return submit_change(actor=actor, change_id=change.pk, now=now) if submit else change
