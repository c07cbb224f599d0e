"""Small charts as SVG, drawn on the server, each with its numbers in words; must not compute what they show."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
HEIGHT = 48
STEP = 10


@register.simple_tag
def bars(counts: Sequence[int], label: str) -> SafeString:
    """One bar for each count, the first on the left. `label` says what is counted and becomes the text alternative."""
    most = max(counts, default=0)
    width = max(len(counts), 1) * STEP
    drawn = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (place * STEP + 1, HEIGHT - _height(count, most), STEP - 2, _height(count, most), count)
            for place, count in enumerate(counts)
            if count
        ),
    )
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<path class="bars-base" d="M0 {}.5h{}"/>{}</svg>',
        width,
        HEIGHT + 1,
        f"{label}: {sum(counts):,} in all, at most {most:,} a day.",
        HEIGHT,
        width,
        drawn,
    )


def _height(count: int, most: int) -> int:
    """At least two, so that one is seen beside a thousand."""
    return max(2, round(HEIGHT * count / most)) if most and count else 0
