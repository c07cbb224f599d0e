"""The key figures by their names, units and words, in the order in which they are told; must not compute them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.kpis.figures import Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One key figure. `unit` is empty for a count, else share, seconds, hours or money."""

    name: str
    label: str
    value: Callable[[Figures], Any]
    unit: str = ""
    note: str = ""
    short: str = ""

    @property
    def head(self) -> str:
        """What stands over a column of it."""
        return self.short or self.label

    def words(self, figures: Figures) -> str:
        """The figure as people read it; a dash where there is nothing to tell."""
        return told(self.value(figures), self.unit)


QUESTIONS: dict[str, tuple[str, tuple[Measure, ...]]] = {
    "throughput": (
        "How much gets done, and how fast?",
        (
            Measure(name="started", label="Runs started", value=lambda each: each.started),
            Measure(name="ended", label="Runs ended", short="Ended", value=lambda each: each.ended),
            Measure(name="succeeded", label="Succeeded", value=lambda each: each.succeeded),
            Measure(
                name="median_seconds", label="Time to resolution", short="Time", value=lambda each: each.median_seconds,
                unit="seconds", note="median of those that succeeded or failed",
            ),
            Measure(
                name="ninth_decile_seconds", label="Nine of ten within", unit="seconds",
                value=lambda each: each.ninth_decile_seconds,
            ),
        ),
    ),
    "cost": (
        "What does it cost?",
        (
            Measure(name="cost", label="Cost", value=lambda each: each.cost, unit="money"),
            Measure(
                name="cost_per_task", label="Cost per task",
                short="Cost a task", value=lambda each: each.cost_per_task, unit="money",
                note="over those that succeeded or failed",
            ),
            Measure(name="tokens", label="Tokens", value=lambda each: each.tokens),
        ),
    ),
    "failing": (
        "What goes wrong?",
        (
            Measure(name="failed", label="Failed", value=lambda each: each.failed),
            Measure(
                name="failure_share", label="Failure rate",
                short="Failure", value=lambda each: each.failure_share, unit="share",
                note="of those that succeeded or failed",
            ),
            Measure(name="refused", label="Refused", value=lambda each: each.refused),
            Measure(
                name="refusal_share", label="Refusal rate",
                short="Refusal", value=lambda each: each.refusal_share, unit="share",
                note="of those that ended",
            ),
            Measure(name="cancelled", label="Cancelled", value=lambda each: each.cancelled),
            Measure(
                name="guardrail_hits", label="Guardrail hits",
                short="Guardrail", value=lambda each: each.guardrail_hits,
                note="findings of output checks",
            ),
        ),
    ),
    "people": (
        "What is left to people?",
        (
            Measure(
                name="left_to_people", label="Runs left to people",
                short="To people", value=lambda each: each.left_to_people,
                note="escalated, or their output reviewed",
            ),
            Measure(
                name="people_share", label="Share of runs", value=lambda each: each.people_share, unit="share",
                note="of those that ended",
            ),
            Measure(
                name="times_left_to_people", label="Times left to people",
                value=lambda each: each.times_left_to_people,
            ),
            Measure(name="reviews", label="Decisions taken", value=lambda each: each.reviews),
            Measure(
                name="review_hours", label="Waited for a decision", value=lambda each: each.review_hours, unit="hours",
                note="median",
            ),
            Measure(name="sent_back", label="Sent back to agents", value=lambda each: each.sent_back),
            Measure(name="hand_offs", label="Hand-offs", value=lambda each: each.hand_offs, note="agent to agent"),
        ),
    ),
    "context": (
        "Do runs work on what is current, and how often does it change?",
        (
            Measure(
                name="current_share", label="On current context",
                short="Current", value=lambda each: each.current_share, unit="share",
                note="no text was superseded before the run ended",
            ),
            Measure(name="with_context", label="Runs with context", value=lambda each: each.with_context),
            Measure(name="texts_published", label="Texts published", value=lambda each: each.texts_published),
            Measure(
                name="rules_published", label="Rules published", value=lambda each: each.rules_published,
                note="contracts, routes and flows",
            ),
        ),
    ),
}  # fmt: skip
MEASURES: tuple[Measure, ...] = tuple(measure for _, measures in QUESTIONS.values() for measure in measures)


def plain(measure: Measure, figures: Figures) -> Any:
    """The figure as a machine reads it: whole numbers, fractions rounded to six places, None where there is none."""
    value = measure.value(figures)
    return round(float(value), 6) if isinstance(value, float | Decimal) else value


def told(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    match unit:
        case "share":
            return f"{100 * value:.1f}".removesuffix(".0") + " %"
        case "seconds":
            return lasting(float(value))
        case "hours":
            return lasting(float(value) * 3_600)
        case "money":
            return f"{float(value):,.2f}" if value >= 1 or not value else f"{float(value):.2g}"
    return f"{int(value):,}"


def lasting(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
