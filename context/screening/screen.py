"""Runs every check over a text and keeps what it found lately; must not check by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from context.material.keeping import Kept
from context.screening.hidden import hidden_in
from context.screening.instructions import instructions_in
from context.screening.model import Alarm
from context.screening.secrets import secrets_in
from context.screening.visible import visible

# A text that alarms in more places is alarming as a whole; the first of each check are told.
MOST_OF_A_CHECK = 100
# Only the alarms are kept, not the texts they are about.
CHARACTERS_KEPT = 50_000_000
_KEPT: Kept[tuple[Alarm, ...]] = Kept(characters=CHARACTERS_KEPT)


def screen(text: str) -> tuple[Alarm, ...]:
    """What of `text` a reviewer has to have seen, in order of place. A pure function; milliseconds for a page."""
    return _KEPT.get((text,), lambda: _screened(text))


def _screened(text: str) -> tuple[Alarm, ...]:
    found: list[Alarm] = []
    for check in (secrets_in, instructions_in, hidden_in):
        found += list(check(text))[:MOST_OF_A_CHECK]
    hidden = shielded(text, found)
    if hidden != text:
        found = [_without_secrets(alarm, text, hidden) for alarm in found]
    return tuple(sorted(found, key=lambda alarm: (alarm.start, alarm.end)))


def shielded(text: str, alarms: Iterable[Alarm]) -> str:
    """The text, as long as it was, with dots for every secret in it: what may be shown around a place."""
    for alarm in alarms:
        if alarm.check == "secret" and alarm.kind != "private_key":
            text = text[: alarm.start] + "•" * (alarm.end - alarm.start) + text[alarm.end :]
    return text


def _without_secrets(alarm: Alarm, text: str, hidden: str) -> Alarm:
    run = slice(alarm.start, alarm.end)
    if alarm.check == "secret" or text[run] == hidden[run]:
        return alarm
    return replace(alarm, shown=visible(" ".join(hidden[run].split())))
