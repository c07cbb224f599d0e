"""Shows one side of a compared line, as it is stored; must not compare."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from context.screening.hidden import unseen_in
from context.screening.model import Alarm

register = template.Library()


@register.simple_tag
def spans(row_side: Any, mark: str) -> SafeString:
    """One side of a compared line: the words that differ inside <ins> or <del>, and what nobody would see written out.

    Whoever approves agrees to what is there, not to how a browser would turn or hide it.
    """
    parts = list(row_side or ())
    unseen = list(unseen_in("".join(part.text for part in parts)))
    shown, at = [], 0
    for part in parts:
        text = _written_out(part.text, at, unseen)
        shown.append((format_html("<{}>{}</{}>", SafeString(mark), text, SafeString(mark)) if part.changed else text,))
        at += len(part.text)
    return format_html_join("", "{}", shown)


def _written_out(text: str, at: int, unseen: list[Alarm]) -> str:
    """`text`, which stands at `at` of what was looked through, with the unseen runs that begin in it by their names."""
    end, pieces, done = at + len(text), [], at
    for alarm in unseen:
        if at <= alarm.start < end:
            pieces.append((text[done - at : alarm.start - at], format_html('<b class="unseen">{}</b>', alarm.shown)))
        if alarm.start < end and alarm.end > done:
            done = min(alarm.end, end)
    return format_html_join("", "{}{}", [*pieces, (text[done - at :], "")]) if pieces or done > at else text
