"""Which recorded decisions would come out differently if a change were published; must not write or record anything.

The newest decisions of the last month are made again twice by their own rules: with the context of now, and with that
of now with the change in it. What differs is the change's doing and nothing else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agents.models import Decision
from agents.routing.candidates import Candidate, candidates_of, context_of, contexts_of, held, targets_for
from agents.routing.decide import Decider, Verdict
from agents.routing.facts import Facts, TargetContext, context_values, facts_from
from agents.routing.record import RECORD
from agents.routing.rule_sets import compiled, decider_of
from agents.routing.words import person_in_words
from context.access import Principal
from context.availability import find, judge
from context.models.domains import ancestors
from context.moments import moment_of
from context.row_security import reading_as
from context.supposing import Supposed, suppose
from governance.impact import Touched
from governance.models import ITEM, Change, Edit, Operation

LOOKED_BACK = timedelta(days=30)
MOST_DECISIONS = 200
MOST_PAIRS = 60
MOST_TOLD = 12

Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Flip:
    """A recorded decision that would come out differently: as it would now, and as it would then."""

    decision: Decision
    before: Verdict
    after: Verdict


def impact_of_change(change: Change, keys: Sequence[str], principal: Principal) -> list[Touched]:
    """Decisions that the change would turn, those that turn alike together. For `IMPACT_SOURCES`."""
    now = timezone.now()
    flips = flips_of_context(change=change, principal=principal, now=now) if keys else []
    flips += flips_of_rules(change=change, principal=principal, now=now)
    return _told(flips)


def recent_decisions(
    *, principal: Principal, now: datetime, rule_set: str | None = None, limit: int = MOST_DECISIONS
) -> list[Decision]:
    """The newest decisions of the last month that one may know of, newest first. One query."""
    found = Decision.objects.visible_to(principal).filter(decided_at__gte=now - LOOKED_BACK)
    if rule_set is not None:
        found = found.filter(rule_set_version__rule_set__slug=rule_set)
    return list(found.select_related("rule_set_version__rule_set").order_by("-id")[:limit])


def flips_of_context(*, change: Change, principal: Principal, now: datetime) -> list[Flip]:
    """What the edits of items would turn."""
    supposed = supposed_by(change)
    decisions = recent_decisions(principal=principal, now=now) if supposed else []
    if not decisions:
        return []
    facts = {decision.pk: facts_from(decision.facts) for decision in decisions}
    pairs = list(dict.fromkeys(pair for each in facts.values() for pair in each.targets))[:MOST_PAIRS]
    candidates = candidates_of([agent for agent, _ in pairs], load=False, budget=False)
    as_is, then = _both(pairs, candidates, supposed)
    turned = {pair for pair in as_is if as_is[pair] != then[pair]}
    found = []
    for decision in decisions:
        recorded = facts[decision.pk]
        if turned.isdisjoint(recorded.targets):
            continue
        decider = decider_of(decision.rule_set_version, slug=decision.rule_set_version.rule_set.slug)
        before, after = (decider.decide(_with_contexts(recorded, decider, contexts)) for contexts in (as_is, then))
        if is_other(before, after):
            found.append(Flip(decision=decision, before=before, after=after))
    return found


def flips_of_rules(*, change: Change, principal: Principal, now: datetime) -> list[Flip]:
    """What the edits of rule sets would turn."""
    found: list[Flip] = []
    for edit in change.edits.filter(record=RECORD.name):
        if edit.operation == Operation.RETIRE:
            continue
        decisions = recent_decisions(principal=principal, now=now, rule_set=edit.key)
        if decisions:
            draft = compiled(edit.payload, slug=edit.key, number=0, digest="")
            found += flips_under(draft, decisions)
    return found


def flips_under(draft: Decider, decisions: Sequence[Decision]) -> list[Flip]:
    """The decisions that a draft decides differently from the same recorded facts.

    Agents that the draft names and that were not asked about then are taken as they are now.
    """
    facts = {decision.pk: facts_from(decision.facts) for decision in decisions}
    wanted = {decision.pk: _routes(draft, facts[decision.pk]) for decision in decisions}
    new = list(
        dict.fromkeys(pair for key, pairs in wanted.items() for pair in pairs if pair not in facts[key].targets)
    )[:MOST_PAIRS]
    candidates = candidates_of([agent for agent, _ in new], load=True, budget=True) if new else {}
    present = targets_for(new, candidates, contexts_of(new, candidates))
    found = []
    for decision in decisions:
        recorded = facts[decision.pk]
        known = {pair: present[pair] for pair in wanted[decision.pk] if pair in present}
        made = decider_of(decision.rule_set_version, slug=decision.rule_set_version.rule_set.slug)
        before = made.decide(recorded)
        after = draft.decide(replace(recorded, targets={**known, **recorded.targets}))
        if is_other(before, after):
            found.append(Flip(decision=decision, before=before, after=after))
    return found


def _routes(decider: Decider, facts: Facts) -> tuple[Pair, ...]:
    stated = facts.values.get("task.type")
    task_type = stated if isinstance(stated, str) else None
    return (*decider.table.pairs_for(task_type), *decider.table.pairs_for(task_type, narrower=True))


def is_other(one: Verdict, other: Verdict) -> bool:
    """Whether the task goes elsewhere; a different rule or reason alone is not another outcome."""
    return _destination(one) != _destination(other)


def in_words(verdict: Verdict) -> str:
    """Where the task goes."""
    said = verdict.said
    if verdict.kind == "agent":
        return f"goes to {said['agent']}"
    if verdict.kind == "human":
        return "waits for the owner" if said["code"] == "wait" else f"goes to a person ({person_in_words(said['to'])})"
    return "is refused for want of context" if said["code"] == "context-incomplete" else "is refused"


def supposed_by(change: Change) -> dict[str, Supposed]:
    """The items of the change as they would stand once it is published. Two queries."""
    edits = change.edits.filter(record=ITEM).select_related("kind", "domain__parent")
    return {edit.key: _supposed(edit) for edit in edits if edit.kind is not None and edit.domain is not None}


def _supposed(edit: Edit) -> Supposed:
    payload: Mapping[str, Any] = edit.payload
    domain = edit.item_domain
    return Supposed(
        key=edit.key,
        kind=edit.item_kind.slug,
        domain_id=domain.pk,
        domains=frozenset(each.slug for each in ancestors(domain)),
        tags=frozenset(payload.get("tags") or ()),
        sensitivity=edit.sensitivity,
        audience_ids=frozenset(edit.audience_ids),
        owner_id=edit.owner_id,
        title=str(payload.get("title", "")),
        valid_from=_moment(payload.get("valid_from")),
        valid_to=_moment(payload.get("valid_to")),
        review_interval_days=payload.get("review_interval_days") or 0,
        conflicts=frozenset(each["key"] for each in payload.get("relations") or () if each["type"] == "conflicts_with"),
        retired=edit.operation == Operation.RETIRE,
    )


def _both(
    pairs: Sequence[Pair], candidates: Mapping[str, Candidate], supposed: Mapping[str, Supposed]
) -> tuple[dict[Pair, TargetContext], dict[Pair, TargetContext]]:
    """What each agent has now, and what it would have. Agents that read alike are asked for once."""
    as_is: dict[Pair, TargetContext] = {}
    then: dict[Pair, TargetContext] = {}
    shared: dict[Any, tuple[TargetContext, TargetContext]] = {}
    for agent, contract, requirements in held(pairs, candidates):
        principal = candidates[agent].principal
        key = (contract, principal.clearance, principal.groups, principal.domains)
        if key not in shared:
            with reading_as(principal):
                at, found = find(principal=principal, requirements=requirements)
                would = suppose(principal=principal, requirements=requirements, found=found, at=at, supposed=supposed)
                shared[key] = (
                    context_of(judge(at=at, requirements=requirements, found=found)),
                    context_of(judge(at=at, requirements=requirements, found=would)),
                )
        as_is[agent, contract], then[agent, contract] = shared[key]
    return as_is, then


def _with_contexts(recorded: Facts, decider: Decider, contexts: Mapping[Pair, TargetContext]) -> Facts:
    """The recorded facts with these contexts in place of those of then."""
    targets = {
        pair: replace(target, context=contexts[pair]) if pair in contexts else target
        for pair, target in recorded.targets.items()
    }
    stated = recorded.values.get("task.type")
    routes = decider.table.pairs_for(stated if isinstance(stated, str) else None)
    usual = [targets[pair] for pair in routes if pair in targets]
    return replace(recorded, targets=targets, values={**recorded.values, **context_values(usual)})


def _destination(verdict: Verdict) -> tuple[Any, ...]:
    said = verdict.said
    return (verdict.kind, said.get("agent"), said.get("contract"), said.get("to"), said["code"] == "wait")


def _told(flips: Sequence[Flip]) -> list[Touched]:
    """Decisions of one rule set and type that turn alike are told as one, by the newest."""
    groups: dict[tuple[str, str, str, str], list[Flip]] = {}
    for flip in flips:
        rule_set = flip.decision.rule_set_version.rule_set.name
        key = (rule_set, flip.decision.task_type, in_words(flip.before), in_words(flip.after))
        groups.setdefault(key, []).append(flip)
    told = []
    for (rule_set, task_type, before, after), members in list(groups.items())[:MOST_TOLD]:
        newest = members[0].decision
        many = f"{len(members)} decisions" if len(members) > 1 else "A decision"
        told.append(
            Touched(
                kind="decision",
                label=f"{many} by {rule_set}" + (f" on {task_type}" if task_type else ""),
                why=f"of the last 30 days: the task {before}, and {after} once this is published",
                url=f"/routes/decisions/{newest.pk}/",
            )
        )
    return told


def _moment(stated: Any) -> datetime | None:
    return moment_of(stated) if isinstance(stated, str) else None
