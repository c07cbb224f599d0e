"""Finds the rule set that a task goes by, compiled once per version; must not decide or write."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from agents.models import RuleSet, RuleSetVersion
from agents.routing.decide import Decider, compile_table
from agents.routing.table import table_of
from context.access import Principal
from context.errors import InvalidInput, NotFound


def rule_set_for(*, principal: Principal, slug: str | None, task_type: str | None = None) -> RuleSetVersion:
    """The current version of that rule set, or of the one that declares the type of task. One query.

    What the principal may not know of does not exist. Raises NotFound, or InvalidInput where several would do.
    """
    found = RuleSet.objects.visible_to(principal).filter(retired_at__isnull=True, current_version__isnull=False)
    if slug is not None:
        # What the rules say was mostly compiled before, and is long.
        one = found.select_related("current_version").defer("current_version__payload").filter(slug=slug).first()
        if one is None or one.current_version is None:
            raise NotFound("There is no such rule set.", field="rule_set")
        one.current_version.rule_set = one
        return one.current_version
    listed = list(found.select_related("current_version").order_by("slug"))
    fitting = [each for each in listed if task_type is None or task_type in _types(each)]
    if not fitting:
        raise NotFound(
            "No rule set is for such a task.", field="task_type", fix="Name the rule set, or have the type declared."
        )
    if len(fitting) > 1:
        raise InvalidInput(
            "Several rule sets are for such a task.",
            field="rule_set",
            limit=", ".join(each.slug for each in fitting[:10]),
            fix="Name one of them.",
        )
    version = fitting[0].current_version
    if version is None:
        raise NotFound("There is no such rule set.", field="rule_set")
    return version


def decider_of(version: RuleSetVersion, *, slug: str) -> Decider:
    """The version, ready to decide. It never changes, so it is compiled once."""
    kept = _kept(version.digest, version.number, slug)
    if kept.decider is None:
        kept.decider = compiled(version.payload, slug=slug, number=version.number, digest=version.digest)
    return kept.decider


def compiled(payload: Mapping[str, Any], *, slug: str, number: int, digest: str) -> Decider:
    """Any payload, ready to decide. Raises RuleSetInvalid."""
    return compile_table(table_of(payload, slug=slug, number=number, digest=digest))


class _Kept:
    """A place for what was compiled."""

    decider: Decider | None = None


@lru_cache(maxsize=256)
def _kept(digest: str, number: int, slug: str) -> _Kept:
    return _Kept()


def _types(rule_set: RuleSet) -> set[str]:
    version = rule_set.current_version
    return {each["name"] for each in version.payload["task_types"]} if version is not None else set()
