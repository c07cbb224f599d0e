"""Whether somebody may see one change: the rule of `visible_to`, in SQL once for each reader; must not be another rule.

Django takes ten times as long to put the rule into SQL as PostgreSQL does to answer it, and a change that is submitted,
approved and published is asked for by everybody concerned.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL

from context.access import Principal
from governance.models import Change

MOST_READERS = 512
NO_CHANGE = -1


def may_see(principal: Principal, change_id: int) -> bool:
    """Whether the principal may know of this change. One query."""
    # What somebody is called has no part in what they may read.
    statement, parameters = _asked(replace(principal, label=""))
    with connection.cursor() as cursor:
        cursor.execute(statement, (*parameters, change_id))
        return cursor.fetchone() is not None


def seen(principal: Principal, change_id: int) -> RawSQL:
    """The id of the change where the principal may know of it, for `pk__in`."""
    statement, parameters = _asked(replace(principal, label=""))
    return RawSQL(statement, (*parameters, change_id))  # noqa: S611 - what Django made of `visible_to`


def forget_readers() -> None:
    """Put the rule into SQL anew, after it was replaced by another."""
    _asked.cache_clear()


@lru_cache(maxsize=MOST_READERS)
def _asked(principal: Principal) -> tuple[str, tuple[Any, ...]]:
    """The question, and its parameters but for the last, which is the change."""
    asked = Change.objects.visible_to(principal).filter(pk=NO_CHANGE).order_by().values("pk")
    statement, parameters = asked.query.sql_with_params()
    assert parameters[-1] == NO_CHANGE
    return statement, tuple(parameters[:-1])
