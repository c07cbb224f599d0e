"""The check against contradiction: nothing in an output says otherwise than the given texts; must not read rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agents.output_checks.model import Failing, Known, Output
from context.claims.deciding import contradiction
from context.markdown import plain_text


def no_contradiction(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Each text of the output that a given text (`with`: domain: any text known here) contradicts."""
    against = known.given if check.get("with", "entries") == "entries" else [*known.in_force.values(), *known.given]
    seen: set[tuple[str, str]] = set()
    for version in against:
        text = plain_text(version.body)
        for said in output.texts:
            if (said.place, version.item.key) in seen:
                continue
            found = contradiction(said.text, text)
            if found is not None:
                seen.add((said.place, version.item.key))
                yield Failing(
                    check="no_contradiction",
                    detail=f"It contradicts {version.item.key} (version {version.number}). {found.sentence}",
                    place=said.place,
                    key=version.item.key,
                )
