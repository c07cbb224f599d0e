"""Tries a task and replays recorded decisions under any rules, saved or not; must not record or save anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.models import RuleSetVersion
from agents.routing.asking import Answer, Question, ask_by
from agents.routing.decide import Decider, compile_table
from agents.routing.impact import Flip, flips_under, in_words, recent_decisions
from agents.routing.presenting import Shown, known_contracts, show
from agents.routing.table import table_of
from context.access import Principal

REPLAYED = 200
MOST_FLIPS_SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One task tried: the answer, and what its reader may see of it."""

    answer: Answer
    shown: Shown

    @property
    def where(self) -> str:
        """Where the task goes, in words."""
        return in_words(self.answer.verdict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rerun:
    """Recorded decisions under draft rules: how many were made again, and those that come out differently."""

    replayed: int
    flips: tuple[Flip, ...]

    def rows(self) -> list[dict[str, Any]]:
        """The flips as a page shows them."""
        return [
            {
                "decision": flip.decision,
                "before": in_words(flip.before),
                "after": in_words(flip.after),
                "rule_before": flip.before.said["rule"],
                "rule_after": flip.after.said["rule"],
            }
            for flip in self.flips[:MOST_FLIPS_SHOWN]
        ]


def decider_of_draft(payload: Mapping[str, Any], *, slug: str) -> Decider:
    """Unsaved rules, ready to decide. Raises RuleSetInvalid."""
    return compile_table(table_of(payload, slug=slug, number=0, digest=""))


def try_task(
    *, principal: Principal, name: str, decider: Decider, version: RuleSetVersion, question: Question, now: datetime
) -> Trial:
    """Decide one task as if this person asked."""
    answer = ask_by(version, decider, principal=principal, name=name, question=question, now=now)
    known = known_contracts(principal, answer.facts)
    return Trial(answer=answer, shown=show(decider.table, answer.facts, answer.verdict, known=known))


def rerun(*, principal: Principal, slug: str, draft: Decider, now: datetime) -> Rerun:
    """The last recorded decisions of this rule set, made again under the draft from their recorded facts."""
    decisions = recent_decisions(principal=principal, now=now, rule_set=slug, limit=REPLAYED)
    return Rerun(replayed=len(decisions), flips=tuple(flips_under(draft, decisions)))
