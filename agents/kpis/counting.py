"""The statements that count runs, hand-offs, reviews, checks and publications in the database; must not add them up.

Each begins from what the reader may know (`visible_to`), as one subquery of the statement: what is hidden counts for
nothing. Runs are read from an index that holds all that is summed, so that their tasks and outputs are not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from agents.kpis.figures import CLASSES_A_STEP
from agents.models import (
    ContextContract,
    ContractVersion,
    Flow,
    FlowVersion,
    HandOff,
    RuleSet,
    RuleSetVersion,
    Run,
    RunReview,
)
from context.access import Principal
from context.models import ContextVersion

WORKING_MEMORY = "96MB"
Rows = list[tuple[Any, ...]]
# A run belongs to the domain it was started in, else to that of its contract.
PLACE = Coalesce("domain_id", "contract_version__contract__domain_id")
FLOW = F("flow_try__step__flow_run__flow_version__flow_id")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Whose figures, of which time, by day or week; ids of an agent, of domains and of a flow narrow them."""

    principal: Principal
    since: datetime
    until: datetime
    by: str
    agent: int | None = None
    domains: Sequence[int] | None = None
    flow: int | None = None

    def runs(self) -> QuerySet[Run]:
        """The runs one may know of, of whatever time, with `place` and `flow`."""
        found = Run.objects.visible_to(self.principal).order_by().annotate(place=PLACE, flow=FLOW)
        if self.agent is not None:
            found = found.filter(agent=self.agent)
        if self.domains is not None:
            found = found.filter(place__in=list(self.domains))
        if self.flow is not None:
            found = found.filter(flow=self.flow)
        return found

    def ended(self) -> QuerySet[Run]:
        return self.runs().filter(ended_at__gte=self.since, ended_at__lt=self.until)


def runs_ended(asked: Asked) -> Rows:
    """Grouping, period, agent, domain, flow, class of time; then the sums of `SUMS`.

    `grouping` says which of the four is given: 7 the period, 11 the agent, 13 the domain, 14 the flow, 15 none.
    """
    base, given = _sql(
        asked.ended(), "ended_at", "created_at", "agent_id", "place", "flow", "state", "cost", "input_tokens",
        "output_tokens", "times_to_person", "times_sent_back",
    )  # fmt: skip
    statement = f"""
WITH ended AS MATERIALIZED (
    SELECT {_period("ended_at", asked)} AS period, agent_id, place, flow,
           CASE WHEN state IN ('succeeded', 'failed') THEN
               floor(ln(greatest(extract(epoch FROM ended_at - created_at)::float8, 0.001)) * {CLASSES_A_STEP})::int
           END AS class,
           count(*) AS ended, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE state = 'failed') AS failed, count(*) FILTER (WHERE state = 'refused') AS refused,
           count(*) FILTER (WHERE state = 'cancelled') AS cancelled, sum(cost) AS cost,
           sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
           count(*) FILTER (WHERE times_to_person > 0) AS left_to_people,
           sum(times_to_person) AS times_left_to_people, sum(times_sent_back) AS sent_back
    FROM ({base}) run GROUP BY 1, 2, 3, 4, 5
)
SELECT grouping(period, agent_id, place, flow), period, agent_id, place, flow, class,
       sum(ended), sum(succeeded), sum(failed), sum(refused), sum(cancelled), sum(cost), sum(input_tokens),
       sum(output_tokens), sum(left_to_people), sum(times_left_to_people), sum(sent_back)
FROM ended
GROUP BY GROUPING SETS ((class), (period, class), (agent_id, class), (place, class), (flow, class))
"""
    return _rows(statement, given)


SUMS = (
    *("ended", "succeeded", "failed", "refused", "cancelled", "cost", "input_tokens", "output_tokens"),
    *("left_to_people", "times_left_to_people", "sent_back"),
)


def runs_started(asked: Asked) -> Rows:
    """Period, agent, domain, flow, how many."""
    started = asked.runs().filter(created_at__gte=asked.since, created_at__lt=asked.until)
    base, given = _sql(started, "created_at", "agent_id", "place", "flow")
    return _rows(
        f"SELECT {_period('created_at', asked)}, agent_id, place, flow, count(*) FROM ({base}) run GROUP BY 1, 2, 3, 4",
        given,
    )


def causes(asked: Asked) -> Rows:
    """State, cause, how many: of a refusal for lack of context, what was the matter with it."""
    base, given = _sql(asked.ended().filter(state__in=["failed", "refused"]), "state", "reasons")
    statement = f"""
SELECT state, coalesce(reasons -> -1 -> 'gaps' -> 0 ->> 'code', reasons -> -1 ->> 'cause', 'unknown'), count(*)
FROM ({base}) run GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50
"""
    return _rows(statement, given)


def checks_hit(asked: Asked) -> Rows:
    """Period, agent, domain, flow, check, findings, runs. What people sent back is not among them."""
    stopped = asked.ended().filter(Q(reasons__contains=[{"cause": "output_check"}]))
    base, given = _sql(stopped, "id", "ended_at", "agent_id", "place", "flow", "reasons")
    statement = f"""
SELECT {_period("ended_at", asked)}, agent_id, place, flow, reason ->> 'check', count(*), count(DISTINCT run.id)
FROM ({base}) run CROSS JOIN LATERAL jsonb_array_elements(reasons) reason
WHERE reason ->> 'cause' = 'output_check' AND reason ? 'check'
GROUP BY 1, 2, 3, 4, 5
"""
    return _rows(statement, given)


def hand_offs(asked: Asked) -> Rows:
    """Period, agent that handed on, domain, flow, how many."""
    found = HandOff.objects.filter(handed_at__gte=asked.since, handed_at__lt=asked.until).order_by()
    return _of_runs(asked, found, "handed_at", agent="from_agent_id")


def reviews(asked: Asked) -> Rows:
    """Period, agent, domain, flow, how many. The time they waited: `review_hours`."""
    found = RunReview.objects.filter(reviewed_at__gte=asked.since, reviewed_at__lt=asked.until).order_by()
    return _of_runs(asked, found, "reviewed_at")


def review_hours(asked: Asked) -> Rows:
    """Period (None: all), the median of hours from when a run came to wait to a person's decision."""
    found = RunReview.objects.filter(
        reviewed_at__gte=asked.since, reviewed_at__lt=asked.until, waited_since__isnull=False
    ).order_by()
    base, given = _sql(found, "run_id", "reviewed_at", "waited_since")
    runs, bounds = _sql(asked.runs(), "id")
    statement = f"""
SELECT {_period("reviewed_at", asked)} AS period,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM reviewed_at - waited_since)) / 3600.0
FROM ({base}) review WHERE run_id IN ({runs}) GROUP BY GROUPING SETS ((), (period))
"""
    return _rows(statement, (*given, *bounds))


def on_current_context(asked: Asked) -> Rows:
    """Period, agent, domain, flow, runs that were given context, those of whose texts none ended before they did.

    A text that the reader may not know counts for nothing here, too.
    """
    base, given = _sql(asked.ended(), "id", "ended_at", "agent_id", "place", "flow")
    statement = f"""
WITH bundle AS MATERIALIZED (
    SELECT each.digest, min(version.superseded_at) AS ends_at
    FROM agents_bundle each
    CROSS JOIN LATERAL jsonb_array_elements_text(each.version_ids) text(id)
    JOIN context_contextversion version ON version.id = text.id::bigint AND version.superseded_at IS NOT NULL
    GROUP BY 1
),
knew AS (
    SELECT run.id, run.ended_at, run.agent_id, run.place, run.flow, min(bundle.ends_at) AS ends_at
    FROM ({base}) run
    JOIN agents_runbundle given ON given.run_id = run.id
    LEFT JOIN bundle ON bundle.digest = given.bundle_id
    GROUP BY 1, 2, 3, 4, 5
)
SELECT {_period("ended_at", asked)}, agent_id, place, flow, count(*),
       count(*) FILTER (WHERE ends_at IS NULL OR ends_at > ended_at)
FROM knew GROUP BY 1, 2, 3, 4
"""
    return _rows(statement, given)


def texts_published(asked: Asked) -> Rows:
    """Period, domain, how many versions of texts that one may know."""
    found = ContextVersion.objects.visible_to(asked.principal).order_by()
    found = found.filter(published_at__gte=asked.since, published_at__lt=asked.until)
    if asked.domains is not None:
        found = found.filter(item__domain__in=list(asked.domains))
    base, given = _sql(found.annotate(place=F("item__domain_id")), "published_at", "place")
    return _rows(f"SELECT {_period('published_at', asked)}, place, count(*) FROM ({base}) text GROUP BY 1, 2", given)


def rules_published(asked: Asked) -> Rows:
    """Period, domain, how many versions of contracts, rule sets and flows that one may know."""
    principal = asked.principal
    contracts = ContractVersion.objects.filter(contract__in=ContextContract.objects.visible_to(principal).values("pk"))
    rule_sets = RuleSetVersion.objects.filter(rule_set__in=RuleSet.objects.visible_to(principal).values("pk"))
    flows = FlowVersion.objects.filter(flow__in=Flow.objects.visible_to(principal).values("pk"))
    versions: list[QuerySet[Any]] = [
        contracts.annotate(at=F("created_at"), place=F("contract__domain_id")),
        rule_sets.annotate(at=F("published_at"), place=F("rule_set__domain_id")),
        flows.annotate(at=F("published_at"), place=F("flow__domain_id")),
    ]
    found: Rows = []
    for each in versions:
        within = each.order_by().filter(at__gte=asked.since, at__lt=asked.until)
        if asked.domains is not None:
            within = within.filter(place__in=list(asked.domains))
        base, given = _sql(within, "at", "place")
        found += _rows(f"SELECT {_period('at', asked)}, place, count(*) FROM ({base}) rule GROUP BY 1, 2", given)
    return found


def _of_runs(asked: Asked, found: QuerySet[Any], at: str, *, agent: str = "") -> Rows:
    """Rows that belong to runs one may know of, counted by when they were made."""
    base, given = _sql(found, "run_id", at, *([agent] if agent else []))
    runs, bounds = _sql(asked.runs(), "id", "agent_id", "place", "flow")
    whose = f"made.{agent}" if agent else "run.agent_id"
    statement = f"""
SELECT {_period(at, asked)}, {whose}, place, flow, count(*)
FROM ({base}) made JOIN ({runs}) run ON run.id = made.run_id GROUP BY 1, 2, 3, 4
"""
    return _rows(statement, (*given, *bounds))


def _period(column: str, asked: Asked) -> str:
    """The day, or the Monday, in UTC."""
    return f"date_trunc('{'week' if asked.by == 'week' else 'day'}', {column} AT TIME ZONE 'UTC')::date"


def _sql(found: QuerySet[Any], *columns: str) -> tuple[str, tuple[Any, ...]]:
    """The queryset as a statement of those columns, in that order, with its parameters."""
    statement, given = found.values_list(*columns).query.sql_with_params()
    return statement, tuple(given)


def _rows(statement: str, given: tuple[Any, ...]) -> Rows:
    with transaction.atomic(), connection.cursor() as cursor:
        # What is joined and grouped fits there, rather than on disk.
        cursor.execute(f"SET LOCAL work_mem = '{WORKING_MEMORY}'")
        cursor.execute(statement, given)
        return list(cursor.fetchall())
