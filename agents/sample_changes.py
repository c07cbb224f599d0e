"""Brings records of the sample into force as texts are: proposed, approved by somebody else, published; no content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from context.models import User
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Operation
from governance.publishing import publish_change
from governance.reviews import review_change


def agree(said: Mapping[str, Any], edits: Sequence[EditInput], now: datetime) -> None:
    """One change by `author`, approved by `reviewer` with `comment`; a minute from beginning to end."""
    author, reviewer = person(said["author"]), person(said["reviewer"])
    # Each step a little after the one before: nothing comes before its cause.
    submitted, reviewed, published = (now + timedelta(seconds=seconds) for seconds in (20, 40, 60))
    change = create_change(actor=author, title=said["title"], reason=said["reason"], edits=edits, now=now)
    digest = submit_change(actor=author, change_id=change.pk, now=submitted).digest
    review_change(
        actor=reviewer, change_id=change.pk, decision="approve", digest=digest, comment=said["comment"], now=reviewed
    )
    publish_change(actor=author, change_id=change.pk, now=published)


def creations(record: str, stated: Sequence[Mapping[str, Any]]) -> list[EditInput]:
    """An edit that makes each of them; `slug` names it, the rest is its payload."""
    return [
        EditInput(
            operation=Operation.CREATE,
            record=record,
            key=each["slug"],
            payload={name: value for name, value in each.items() if name != "slug"},
        )
        for each in stated
    ]


def person(username: str) -> User:
    return User.objects.get(username=username)
