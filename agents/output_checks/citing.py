"""The check of citations: an output names the texts it rests on, and none that was not given; must not read rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.output_checks.figures import uncited_numbers
from agents.output_checks.model import Failing, Known, Output

# `domain/slug`, alone or with the version that a bundle's citation carries: [legal/liability-cap@3].
_CITED = re.compile(r"(?<![\w/.:-])([a-z0-9]+(?:-[a-z0-9]+)*/[a-z0-9]+(?:-[a-z0-9]+)*)(?:@(\d{1,6}))?(?![\w/-])")
MOST_CITATIONS = 1_000


def citations_required(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """At least `minimum` given texts are cited (`of`: required: each required one), and every figure is borne out."""
    cited: dict[str, str] = {}
    for said in output.texts:
        for match in _CITED.finditer(said.text):
            if len(cited) < MOST_CITATIONS:
                cited.setdefault(match[1], said.place)
    given = {version.item.key for version in known.given}
    if check.get("of") == "required":
        for key in sorted((known.required & given) - set(cited)):
            yield Failing(check="citations_required", detail=f"{key} is not cited.", key=key)
    least = int(check.get("minimum", 1))
    if len(given & set(cited)) < least:
        said_how = "no given text" if not given & set(cited) else f"{len(given & set(cited))}"
        yield Failing(check="citations_required", detail=f"The output cites {said_how}; it must cite at least {least}.")
    for key, place in cited.items():
        if key not in given and key.split("/")[0] in {each.split("/")[0] for each in given}:
            yield Failing(
                check="citations_required", detail=f"{key} is cited, but was not given.", place=place, key=key
            )
    yield from uncited_numbers(output, known)
