"""What is counted of runs, and what follows from the counts; must not read rows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

# Times are counted in classes that are five per cent wide each, so that a median of a million needs no sorting.
CLASSES_A_STEP = 20


@dataclass(kw_only=True, slots=True)
class Figures:
    """Counts of one day, agent, domain, flow, or of all. Derived figures are None where there is nothing to divide by.

    `ended` are runs by the day of their end. `spans` counts those that succeeded or failed by the class of how long
    they took. `on_current` are those of `with_context` of whose texts none was superseded before the run ended.
    """

    started: int = 0
    ended: int = 0
    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    cancelled: int = 0
    cost: Decimal = Decimal(0)
    input_tokens: int = 0
    output_tokens: int = 0
    left_to_people: int = 0
    times_left_to_people: int = 0
    sent_back: int = 0
    hand_offs: int = 0
    reviews: int = 0
    review_hours: float | None = None
    guardrail_hits: int = 0
    with_context: int = 0
    on_current: int = 0
    texts_published: int = 0
    rules_published: int = 0
    spans: Counter[int] = field(default_factory=Counter)

    @property
    def carried_out(self) -> int:
        """Those that an agent worked on to an end."""
        return self.succeeded + self.failed

    @property
    def cost_per_task(self) -> float | None:
        return float(self.cost) / self.carried_out if self.carried_out else None

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def failure_share(self) -> float | None:
        return _share(self.failed, self.carried_out)

    @property
    def refusal_share(self) -> float | None:
        return _share(self.refused, self.ended)

    @property
    def people_share(self) -> float | None:
        return _share(self.left_to_people, self.ended)

    @property
    def current_share(self) -> float | None:
        return _share(self.on_current, self.with_context)

    @property
    def median_seconds(self) -> float | None:
        return quantile(self.spans, 0.5)

    @property
    def ninth_decile_seconds(self) -> float | None:
        return quantile(self.spans, 0.9)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """Why runs failed or were refused, by the last reason on them. `state` is failed or refused."""

    state: str
    cause: str
    runs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """An output check that was not kept: how many findings, in how many runs."""

    check: str
    hits: int
    runs: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """An agent, domain or flow with its figures."""

    slug: str
    name: str
    figures: Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """Runs that wait for a person now, and since when the first of them does."""

    runs: int
    since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The figures of a stretch of time: in all, by day or week (every one of them, the oldest first), and by group."""

    since: datetime
    until: datetime
    by: str
    total: Figures
    periods: Mapping[date, Figures]
    agents: tuple[Group, ...]
    domains: tuple[Group, ...]
    flows: tuple[Group, ...]
    causes: tuple[Cause, ...]
    checks: tuple[Check, ...]
    waiting: Waiting


def class_of(seconds: float) -> int:
    """The class of a time, as the statement of `agents/kpis/counting.py` has it."""
    return math.floor(math.log(max(seconds, 0.001)) * CLASSES_A_STEP)


def quantile(spans: Mapping[int, int], share: float) -> float | None:
    """The time below which that share of the counted lies, from the middle of its class: right to 2.6 per cent."""
    wanted = share * sum(spans.values())
    counted = 0
    for each in sorted(spans):
        counted += spans[each]
        if counted >= wanted and spans[each]:
            return math.exp((each + 0.5) / CLASSES_A_STEP)
    return None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
