"""Key figures of runs over a stretch of time, as far as the reader may know of them; must not hold a statement."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Min

from agents.kpis import counting
from agents.kpis.counting import SUMS, Asked
from agents.kpis.figures import Cause, Check, Figures, Group, Report, Waiting
from agents.models import Agent, Flow, Run, RunState
from agents.use import visible_agents
from context.access import Principal
from context.errors import InvalidInput, NotFound
from context.models import Domain

LONGEST_DAYS = 366
DAYS_SHOWN_SINGLY = 35
GROUPS_SHOWN = 200
BY = ("day", "week")
# Which column of the counting statements stands for which group, and its bit in grouping().
PERIOD, AGENT, DOMAIN, FLOW = range(4)
GIVEN = {7: PERIOD, 11: AGENT, 13: DOMAIN, 14: FLOW}


class _Table:
    """Figures by period, agent, domain and flow, and in all, made as they are first counted."""

    def __init__(self) -> None:
        self.total = Figures()
        self.groups: tuple[defaultdict[Any, Figures], ...] = tuple(defaultdict(Figures) for _ in range(4))

    def add(self, key: Iterable[Any], **counts: int) -> None:
        """Add counts to the total and to each of period, agent, domain and flow that the row names."""
        named = [self.groups[place][each] for place, each in enumerate(key) if each is not None]
        for figures in (self.total, *named):
            for name, count in counts.items():
                setattr(figures, name, getattr(figures, name) + count)


def report(
    *,
    principal: Principal,
    days: int,
    now: datetime,
    by: str = "",
    agent: str = "",
    domain: str = "",
    flow: str = "",
) -> Report:
    """The figures of the last so many days, today included, in UTC. Thirteen statements, none by the number of runs.

    `by` is day or week; unless given, weeks from more than 35 days on, and the first week is then whole. A domain
    stands for those below it too. Raises NotFound for an agent, domain or flow that one may not know.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidInput(
            f"days must be a whole number from 1 to {LONGEST_DAYS}.",
            field="days",
            limit=LONGEST_DAYS,
            fix="Ask for less.",
        )
    by = by or ("day" if days <= DAYS_SHOWN_SINGLY else "week")
    if by not in BY:
        raise InvalidInput("by is day or week.", field="by", limit=", ".join(BY), fix="Choose one.")
    first = now.astimezone(UTC).date() - timedelta(days=days - 1)
    if by == "week":
        first -= timedelta(days=first.weekday())
    asked = Asked(
        principal=principal,
        since=datetime.combine(first, time.min, tzinfo=UTC),
        until=now,
        by=by,
        agent=_agent_id(principal, agent),
        domains=_domain_ids(domain),
        flow=_flow_id(principal, flow),
    )
    table = _Table()
    for day in _periods(first, now.astimezone(UTC).date(), by):
        table.groups[PERIOD][day] = Figures()
    _count_runs(table, asked)
    checks = _count_around(table, asked)
    return Report(
        since=asked.since,
        until=now,
        by=by,
        total=table.total,
        periods=dict(sorted(table.groups[PERIOD].items())),
        agents=_named(table.groups[AGENT], Agent.objects.in_bulk(list(table.groups[AGENT]))),
        domains=_named(table.groups[DOMAIN], Domain.objects.in_bulk(list(table.groups[DOMAIN]))),
        flows=_named(table.groups[FLOW], Flow.objects.visible_to(principal).in_bulk(list(table.groups[FLOW]))),
        causes=tuple(Cause(state=state, cause=cause, runs=runs) for state, cause, runs in counting.causes(asked)),
        checks=checks,
        waiting=_waiting(asked),
    )


def _count_runs(table: _Table, asked: Asked) -> None:
    for grouping, *row in counting.runs_ended(asked):
        key, span, sums = row[:4], row[4], row[5:]
        place = GIVEN.get(grouping)
        if place is not None and key[place] is None:
            continue  # runs without an agent, a domain or a flow stand in the total alone
        figures = table.total if place is None else table.groups[place][key[place]]
        for name, value in zip(SUMS, sums, strict=True):
            setattr(figures, name, getattr(figures, name) + (value if name == "cost" else int(value)))
        if span is not None:
            figures.spans[span] += int(sums[0])
    for *key, count in counting.runs_started(asked):
        table.add(key, started=count)


def _count_around(table: _Table, asked: Asked) -> tuple[Check, ...]:
    """What stands beside runs: hand-offs, reviews, checks, context, publications. The checks that were hit."""
    for *key, count in counting.hand_offs(asked):
        table.add(key, hand_offs=count)
    for *key, count in counting.reviews(asked):
        table.add(key, reviews=count)
    for period, hours in counting.review_hours(asked):
        figures = table.total if period is None else table.groups[PERIOD][period]
        figures.review_hours = float(hours) if hours is not None else None
    hits: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for *key, check, found, stopped in counting.checks_hit(asked):
        table.add(key, guardrail_hits=found)
        hits[check] += found
        runs[check] += stopped
    for *key, knew, current in counting.on_current_context(asked):
        table.add(key, with_context=knew, on_current=current)
    if asked.agent is None and asked.flow is None:
        for period, place, count in counting.texts_published(asked):
            table.add((period, None, place, None), texts_published=count)
        for period, place, count in counting.rules_published(asked):
            table.add((period, None, place, None), rules_published=count)
    return tuple(Check(check=check, hits=count, runs=runs[check]) for check, count in hits.most_common())


def _waiting(asked: Asked) -> Waiting:
    found = asked.runs().filter(state__in=[RunState.WAITS_FOR_PERSON, RunState.IN_REVIEW])
    since = found.aggregate(since=Min("changed_at"))["since"]
    return Waiting(runs=found.count() if since is not None else 0, since=since)


def _named(groups: dict[Any, Figures], known: dict[Any, Any]) -> tuple[Group, ...]:
    """Those that one may know, most runs first."""
    found = [
        Group(slug=known[key].slug, name=known[key].name, figures=figures)
        for key, figures in groups.items()
        if key in known
    ]
    found.sort(key=lambda group: (-group.figures.ended, -group.figures.started, group.name))
    return tuple(found[:GROUPS_SHOWN])


def _periods(first: date, last: date, by: str) -> Iterator[date]:
    step = timedelta(days=7 if by == "week" else 1)
    while first <= last:
        yield first
        first += step


def _agent_id(principal: Principal, slug: str) -> int | None:
    if not slug:
        return None
    found = Agent.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if found is None or not (
        visible_agents(principal).filter(pk=found).exists()
        or Run.objects.visible_to(principal).filter(agent=found).exists()
    ):
        raise NotFound("There is no such agent.", field="agent")
    return found


def _flow_id(principal: Principal, slug: str) -> int | None:
    if not slug:
        return None
    found = Flow.objects.visible_to(principal).filter(slug=slug).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound("There is no such flow.", field="flow")
    return found


def _domain_ids(slug: str) -> list[int] | None:
    """The domain and all below it. One query."""
    if not slug:
        return None
    parents = dict(Domain.objects.values_list("pk", "parent_id"))
    first = Domain.objects.filter(slug=slug).values_list("pk", flat=True).first()
    if first is None:
        raise NotFound("There is no such domain.", field="domain")
    found = {first}
    while more := {pk for pk, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)
