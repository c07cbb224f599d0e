"""Values that a step, an output or a trigger takes, as lines of text and back; must not judge where they come from.

A line is `/to <- step /at`, or `/to = JSON`; `whole` stands for all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

WHOLE = "whole"
_PART = r'"(?:[^"\\]|\\.)*"|\S+'
_TAKEN = re.compile(rf"({_PART})\s*<-\s*([a-z0-9-]+)(?:\s+({_PART}))?")
_GIVEN = re.compile(rf"({_PART})\s*=\s*(.+)")


def moves_as_text(moves: Sequence[Mapping[str, Any]]) -> str:
    """Values that are taken, one a line, as `moves_in` reads them."""
    lines = []
    for each in moves:
        to = _spoken(str(each.get("to", "")))
        if "value" in each:
            lines.append(f"{to} = {json.dumps(each['value'], ensure_ascii=False)}")
        else:
            lines.append(f"{to} <- {each.get('from', '')} {_spoken(str(each.get('at', '')))}")
    return "\n".join(lines)


def moves_in(text: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The values that the lines name, and what of the lines cannot be read."""
    found: list[dict[str, Any]] = []
    faults: list[str] = []
    for line in filter(None, (each.strip() for each in text.splitlines())):
        taken, given = _TAKEN.fullmatch(line), _GIVEN.fullmatch(line)
        if taken is not None:
            move = {"to": _pointer(taken[1]), "from": taken[2]}
            at = _pointer(taken[3] or WHOLE)
            found.append({**move, "at": at} if at else move)
        elif given is not None:
            try:
                found.append({"to": _pointer(given[1]), "value": json.loads(given[2])})
            except ValueError:
                faults.append(f'After “=” stands JSON, such as 3 or "text", not “{given[2][:60]}”.')
        else:
            faults.append(f"“{line[:80]}” is none of “/to <- step /at” and “/to = value”.")
    return found, faults


def _pointer(text: str) -> str:
    if text == WHOLE:
        return ""
    if text.startswith('"'):
        try:
            read = json.loads(text)
        except ValueError:
            return text
        return str(read)
    return text


def _spoken(pointer: str) -> str:
    if not pointer:
        return WHOLE
    return json.dumps(pointer, ensure_ascii=False) if re.search(r'[\s"]', pointer) else pointer
