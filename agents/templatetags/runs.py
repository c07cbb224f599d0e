"""How runs are shown: their state in one chip and their steps as a waterfall; must not read rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from agents.models import RunState, RunStep
from context.templatetags.ui import chip, span

register = template.Library()

LABELS, WIDTH, ROW = 220, 780, 26
SOON = 86_400  # seconds
STATES = {
    RunState.QUEUED: ("info", "clock", "Waits for its agent"),
    RunState.RUNNING: ("info", "right", "Running"),
    RunState.PAUSED: ("mute", "clock", "Paused"),
    RunState.WAITS_FOR_CONTEXT: ("warn", "clock", "Waits for context"),
    RunState.WAITS_FOR_PERSON: ("warn", "people", "Waits for a person"),
    RunState.IN_REVIEW: ("warn", "eye", "Output in review"),
    RunState.SUCCEEDED: ("ok", "ok", "Succeeded"),
    RunState.FAILED: ("bad", "no", "Failed"),
    RunState.REFUSED: ("bad", "no", "Refused"),
    RunState.CANCELLED: ("mute", "undo", "Cancelled"),
}

FLOW_STATES = {
    "waiting": ("mute", "clock", "Waits for earlier steps"),
    "running": ("info", "right", "Running"),
    "succeeded": ("ok", "ok", "Succeeded"),
    "failed": ("bad", "no", "Failed"),
    "cancelled": ("mute", "undo", "Cancelled"),
}


@register.simple_tag
def run_state(state: str) -> SafeString:
    """The state of a run, as a word with an icon."""
    return chip(*STATES[RunState(state)])


@register.simple_tag
def due(at: datetime | None, now: datetime) -> SafeString:
    """When a decision is due, in a chip that says how late or how soon; nothing where there is no date."""
    if at is None:
        return SafeString("")
    left = (at - now).total_seconds()
    if left < 0:
        return chip("bad", "late", f"Overdue {span(-left)}")
    return chip("warn" if left < SOON else "mute", "clock", f"Due in {span(left)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """Something on a line of time. `state` is that of a step: started, done or failed; `said` adds to its title."""

    label: str
    begun: datetime
    ended: datetime | None
    state: str
    said: str = ""


@register.simple_tag
def waterfall(steps: Sequence[RunStep], now: datetime) -> SafeString:
    """The steps of a run on one line of time, in order; the table beside it says the same in words."""
    return time_line(
        [
            Bar(
                label=step.key,
                begun=step.started_at,
                ended=step.ended_at,
                state=step.state,
                said=f" {step.get_operation_display()} {step.name},",
            )
            for step in steps
        ],
        now,
    )


@register.simple_tag
def time_line(bars: Sequence[Bar], now: datetime) -> SafeString:
    """Bars on one line of time, in order; the table beside it says the same in words."""
    if not bars:
        return SafeString("")
    begins = min(each.begun for each in bars)
    ends = max(each.ended or now for each in bars)
    whole = max((ends - begins).total_seconds(), 0.001)
    scale = (WIDTH - LABELS) / whole

    def drawn(place: int, each: Bar) -> tuple[object, ...]:
        start = LABELS + (each.begun - begins).total_seconds() * scale
        took = ((each.ended or now) - each.begun).total_seconds()
        width = max(took * scale, 3)
        return (
            place * ROW + 18,
            f"{each.label[:28]}{'…' if len(each.label) > 28 else ''}",
            each.state,
            f"{min(start, WIDTH - width):.1f}",
            place * ROW + 6,
            f"{width:.1f}",
            ROW - 12,
            f"{each.label}:{each.said} {seconds(took)}",
        )

    rows = format_html_join(
        "",
        '<g><text x="0" y="{}">{}</text><rect class="step step-{}" x="{}" y="{}" width="{}" height="{}" rx="2">'
        "<title>{}</title></rect></g>",
        (drawn(place, each) for place, each in enumerate(bars)),
    )
    return format_html(
        '<svg class="waterfall" viewBox="0 0 {} {}" role="img" aria-label="{} steps in {}">{}</svg>',
        WIDTH,
        len(bars) * ROW + 8,
        len(bars),
        seconds(whole),
        rows,
    )


@register.simple_tag
def flow_run_state(state: str, waits: bool = False) -> SafeString:
    """Where a started flow, or a step of it, stands: that it waits for a person is the more telling."""
    if waits:
        return chip("warn", "people", "Waits for a person")
    return chip(*FLOW_STATES[state])


@register.filter
def lasted(step: RunStep) -> str:
    """How long a step took; nothing while it goes on."""
    return seconds((step.ended_at - step.started_at).total_seconds()) if step.ended_at else "goes on"


def seconds(length: float) -> str:
    """A length of time as people compare it: milliseconds below a second, then seconds, then minutes."""
    if length < 1:
        return f"{length * 1000:.0f} ms"
    if length < 120:
        return f"{length:.1f} s"
    return f"{timedelta(seconds=round(length))}"
