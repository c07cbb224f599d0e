"""How runs are shown: their state in one chip and their steps as a waterfall; must not read rows."""

from __future__ import annotations

from collections.abc import Sequence
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


@register.simple_tag
def waterfall(steps: Sequence[RunStep], now: datetime) -> SafeString:
    """The steps on one line of time, in order; the table beside it says the same in words."""
    if not steps:
        return SafeString("")
    begins = min(step.started_at for step in steps)
    ends = max(step.ended_at or now for step in steps)
    whole = max((ends - begins).total_seconds(), 0.001)
    scale = (WIDTH - LABELS) / whole

    def bar(place: int, step: RunStep) -> tuple[object, ...]:
        start = LABELS + (step.started_at - begins).total_seconds() * scale
        lasted = ((step.ended_at or now) - step.started_at).total_seconds()
        return (
            place * ROW + 18,
            f"{step.key[:28]}{'…' if len(step.key) > 28 else ''}",
            step.state,
            f"{start:.1f}",
            place * ROW + 6,
            f"{max(lasted * scale, 3):.1f}",
            ROW - 12,
            f"{step.key}: {step.get_operation_display()} {step.name}, {seconds(lasted)}",
        )

    drawn = format_html_join(
        "",
        '<g><text x="0" y="{}">{}</text><rect class="step step-{}" x="{}" y="{}" width="{}" height="{}" rx="2">'
        "<title>{}</title></rect></g>",
        (bar(place, step) for place, step in enumerate(steps)),
    )
    return format_html(
        '<svg class="waterfall" viewBox="0 0 {} {}" role="img" aria-label="{} steps in {}">{}</svg>',
        WIDTH,
        len(steps) * ROW + 8,
        len(steps),
        seconds(whole),
        drawn,
    )


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
