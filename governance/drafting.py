"""Autosaved forms and who has which one open, so that nothing typed is lost; must not make or change a change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from context.digests import canonical, check_storable
from context.errors import InvalidInput
from context.models import User
from governance.models import Autosave, Presence

LONGEST_FORM = 2_000_000
MOST_AUTOSAVES = 200
# A form that shows no sign of life for this long counts as closed.
PRESENT_FOR = timedelta(seconds=90)


def autosave(
    *, actor: User, subject: str, form: Mapping[str, Any], base_version: int | None, now: datetime
) -> Autosave:
    """Keep what is typed in the form of `subject` (an item's key, or new/<kind>), for its writer alone."""
    _check_subject(subject)
    check_storable(form, field="form")
    if len(canonical(form)) > LONGEST_FORM:
        raise InvalidInput("The form is too large to keep.", field="form", limit=LONGEST_FORM, fix="Save it.")
    kept, _ = Autosave.objects.update_or_create(
        user=actor, subject=subject, defaults={"form": form, "base_version": base_version, "saved_at": now}
    )
    stale = Autosave.objects.filter(user=actor).order_by("-saved_at").values_list("pk", flat=True)[MOST_AUTOSAVES:]
    Autosave.objects.filter(pk__in=list(stale)).delete()
    return kept


def autosaved(*, actor: User, subject: str) -> Autosave | None:
    """What this person typed and did not save, if anything."""
    return Autosave.objects.filter(user=actor, subject=subject).first()


def discard_autosave(*, actor: User, subject: str) -> None:
    """Forget it: it was saved, or is not wanted."""
    Autosave.objects.filter(user=actor, subject=subject).delete()


def mark_present(*, actor: User, subject: str, now: datetime) -> None:
    """This person has the form open."""
    _check_subject(subject)
    Presence.objects.update_or_create(user=actor, subject=subject, defaults={"seen_at": now})


def mark_gone(*, actor: User, subject: str) -> None:
    Presence.objects.filter(user=actor, subject=subject).delete()


def others_editing(*, actor: User, subject: str, now: datetime) -> list[User]:
    """Who else has the form open, longest first. One query."""
    present = Presence.objects.filter(subject=subject, seen_at__gt=now - PRESENT_FOR).exclude(user=actor)
    return [presence.user for presence in present.select_related("user").order_by("pk")]


def _check_subject(subject: str) -> None:
    if not subject or len(subject) > 250:
        raise InvalidInput("The form is of nothing that is known.", field="subject", limit=250, fix="Name an item.")
    check_storable(subject, field="subject")
