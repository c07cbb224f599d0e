"""Small charts as SVG, drawn on the server, each with its numbers in words; must not compute what they show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
HEIGHT = 48
STEP = 10
LINE_WIDTH = 240


@register.simple_tag
def bars(counts: Sequence[int], label: str, each: str = "day", days: Sequence[date] = ()) -> SafeString:
    """One bar for each count, the first on the left. `label` says what is counted and becomes the text alternative.

    `each` is what a bar stands for, `days` when each of them begins.
    """
    most = max(counts, default=0)
    width = max(len(counts), 1) * STEP
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (place * STEP + 1, HEIGHT - _height(count, most), STEP - 2, _height(count, most), _said(count, days, place))
            for place, count in enumerate(counts)
            if count
        ),
    )
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<path class="bars-base" d="M0 {}.5h{}"/>{}</svg>',
        width,
        HEIGHT + 1,
        f"{label}: {sum(counts):,} in all, at most {most:,} a {each}.",
        HEIGHT,
        width,
        drawn,
    )


@register.simple_tag
def line(days: Sequence[date], values: Sequence[float], label: str, unit: str = "") -> SafeString:
    """A line through the values of those days, to scale in time. `label` becomes the text alternative, with the first
    and the last value in words. One value is a point.
    """
    if not values:
        return SafeString()
    least, most = min(values), max(values)
    reach = max((days[-1] - days[0]).days, 1)
    span = most - least or 1.0
    points = [
        (
            round(LINE_WIDTH * (day - days[0]).days / reach, 1) if len(days) > 1 else LINE_WIDTH / 2,
            round(2 + (HEIGHT - 4) * (1 - (value - least) / span), 1) if most != least else HEIGHT / 2,
        )
        for day, value in zip(days, values, strict=True)
    ]
    said = f"{label}: {_number(values[-1])}{unit} on {days[-1]:%d %B %Y}"
    if len(values) > 1:
        said += f", {_number(values[0])}{unit} on {days[0]:%d %B %Y}, from {_number(least)} to {_number(most)}"
    return format_html(
        '<svg class="line-chart" viewBox="-4 0 {} {}" role="img" aria-label="{}">'
        '<path class="bars-base" d="M-4 {}.5h{}"/><polyline points="{}"/>'
        '<circle cx="{}" cy="{}" r="2.5"><title>{}</title></circle></svg>',
        LINE_WIDTH + 8,
        HEIGHT + 1,
        f"{said}.",
        HEIGHT,
        LINE_WIDTH + 8,
        " ".join(f"{across},{down}" for across, down in points),
        *points[-1],
        f"{_number(values[-1])}{unit}",
    )


@register.filter
def whole(count: int) -> str:
    """A count as it stands in a sentence: 12,500."""
    return f"{count:,}"


@register.filter
def most(counts: Sequence[int]) -> str:
    """The largest of the counts of a chart, for its caption: bars are drawn to scale, without an axis."""
    return whole(max(counts, default=0))


def _said(count: int, days: Sequence[date], place: int) -> str:
    return f"{days[place]:%d %B %Y}: {count:,}" if place < len(days) else str(count)


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _height(count: int, most: int) -> int:
    """At least two, so that one is seen beside a thousand."""
    return max(2, round(HEIGHT * count / most)) if most and count else 0
