"""Writes out what a reader would not see in a text; must not judge it."""

from __future__ import annotations

import unicodedata
from functools import cache

LONGEST_SHOWN = 400
NAMED_AT_MOST = 6


def visible(text: str, *, named: bool = False) -> str:
    """`text` with what has no shape as ‹U+200B ZERO WIDTH SPACE›, and tags as the letters they spell.

    With `named`, letters beyond ASCII are named too, as those are that only look like others.
    """
    shown: list[str] = []
    spelled = tags_spelled(text)
    names = 0
    for c in text[:LONGEST_SHOWN]:
        if c in "\t\n\r" or (c.isprintable() and not (named and ord(c) > 0x2FF) and not _has_no_shape(c)):
            shown.append(c)
        elif names < NAMED_AT_MOST:
            names += 1
            shown.append(
                f"{c}‹{_named(c)}›" if named and c.isprintable() and not _has_no_shape(c) else f"‹{_named(c)}›"
            )
        else:
            names += 1
    if names > NAMED_AT_MOST:
        shown.append(f" and {names - NAMED_AT_MOST} more")
    if len(text) > LONGEST_SHOWN:
        shown.append("…")
    return "".join(shown) + (f" (spells “{spelled}”)" if spelled else "")


def tags_spelled(text: str) -> str:
    """What tag characters, or selectors used as bytes, spell."""
    tags = "".join(chr(ord(c) - 0xE0000) for c in text if 0xE0020 <= ord(c) <= 0xE007E)
    if tags:
        return tags[:200]
    values = [_byte(c) for c in text]
    carried = bytes(value for value in values if value is not None)
    if len(carried) < 4:
        return ""
    decoded = carried.decode("utf-8", "ignore")
    return decoded[:200] if decoded.isprintable() else ""


def _byte(c: str) -> int | None:
    if "\ufe00" <= c <= "\ufe0f":
        return ord(c) - 0xFE00
    if "\U000e0100" <= c <= "\U000e01ef":
        return ord(c) - 0xE0100 + 16
    return None


def _has_no_shape(c: str) -> bool:
    return (
        unicodedata.category(c) in ("Cf", "Cc", "Co", "Cn", "Cs", "Zl", "Zp", "Mn", "Me")
        or c in "\u3164\uffa0\u2800\u115f\u1160"
    )


@cache
def _named(c: str) -> str:
    name = unicodedata.name(c, "")
    return f"U+{ord(c):04X}{' ' + name if name else ''}"
