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
from context.access import Principal
from context.visibility import visible


@contextmanager
def no_application_filter() -> Iterator[None]:
    """Within, `visible_to` lets everything through, as if somebody had forgotten it everywhere."""

    def everything(principal: Principal, prefix: str = "") -> Q:
        return Q()

    modules = (context.models.items, context.models.versions, context.models.passages, governance.models.changes)
    with pytest.MonkeyPatch.context() as patch:
        for module in modules:
            patch.setattr(module, "visible_items", everything)
        unfiltered = context.search.SEARCH.replace(visible("item"), "TRUE")
        assert unfiltered != context.search.SEARCH
        patch.setattr(context.search, "SEARCH", unfiltered)
        yield
