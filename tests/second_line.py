"""Switches the application's own filter off, so that tests see what the database alone lets through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db.models import Q

import context.models.items
import context.models.passages
import context.models.versions
import context.search
import governance.models.changes
from context import search_statement
from context.access import Principal
from context.visibility import visible
from governance.sight import forget_readers


@contextmanager
def no_application_filter() -> Iterator[None]:
    """Within, `visible_to` lets everything through, as if somebody had forgotten it everywhere."""

    def everything(principal: Principal, prefix: str = "") -> Q:
        return Q()

    def unfiltered(*, limit: int, past: bool = False) -> str:
        present = search_statement.statement(limit=limit, past=past)
        for condition in (visible("item"), search_statement.MINE):
            assert condition in present
            present = present.replace(condition, "TRUE")
        return present

    modules = (context.models.items, context.models.versions, context.models.passages, governance.models.changes)
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, "visible_items", everything)
        patch.setattr(context.search, "statement", unfiltered)
        forget_readers()
        yield
    forget_readers()
