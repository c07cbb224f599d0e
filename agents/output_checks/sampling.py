"""Says which outputs a person must see although no check fails: every nth, or those above a figure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from agents.output_checks.model import Failing, Known, Output, at


def human_review(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Chosen by a hash of the run, so that the same run is chosen every time and nobody can choose another."""
    place = check.get("place")
    if place is not None and "at_least" in check:
        there, value = at(output.value, place)
        if not there or not isinstance(value, int | float) or isinstance(value, bool):
            yield _asked("There is no figure where the harm is told.", place)
        elif value >= check["at_least"]:
            yield _asked(f"{value} is at least {check['at_least']}: a person must see it.", place)
    every = check.get("every", 0 if place is not None else 1)
    if every and int.from_bytes(hashlib.sha256(known.run.encode()).digest()[:8], "big") % every == 0:
        yield _asked("A person sees each output." if every == 1 else f"A person sees one output in {every}.", "")


def _asked(detail: str, place: str) -> Failing:
    return Failing(check="human_review", detail=detail, place=place, if_failed="review")
