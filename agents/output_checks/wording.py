"""Checks of words: terms that must not stand in an output, and clauses that must; must not read rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from agents.output_checks.model import Failing, Known, Output
from context.markdown import plain_text

_SPACE = re.compile(r"\s+")
_QUOTES = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "‑": "-", "–": "-", "\u00a0": " "})


def forbidden_terms(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Each forbidden word or phrase that stands in the output, whole words only, whatever their case."""
    for said in output.texts:
        text = _plain(said.text)
        for term in check["terms"]:
            if _whole(_plain(term)).search(text):
                yield Failing(check="forbidden_terms", detail=f"“{term}” is not to be used.", place=said.place)


def deprecated_terms(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Each alias that a term in force deprecates, with the word to use instead."""
    domain = check.get("domain")
    for version in known.terms:
        if domain and not version.item.key.startswith(f"{domain}/"):
            continue
        right = {_plain(version.title), *(_plain(alias) for alias in version.data.get("aliases", ()))}
        for alias in version.data.get("deprecated_aliases", ()):
            if not alias.strip() or _plain(alias) in right:
                continue
            for said in output.texts:
                if _whole(_plain(alias)).search(_plain(said.text)):
                    yield Failing(
                        check="deprecated_terms",
                        detail=f"“{alias}” is deprecated: the term is “{version.title}”.",
                        place=said.place,
                        key=version.item.key,
                    )


def required_clauses(check: Mapping[str, Any], output: Output, known: Known) -> Iterator[Failing]:
    """Each clause that does not stand in the output, word for word but for spaces, quotes, case and Markdown."""
    whole = _plain(output.whole)
    for clause in check["clauses"]:
        key = clause.get("key", "")
        if key:
            version = known.in_force.get(key)
            if version is None:
                # What the agent may not read, or nobody any more, cannot be demanded of it; a person must look.
                yield Failing(
                    check="required_clauses",
                    detail=f"The required clause {key} is not available.",
                    if_failed="review",
                    key=key,
                )
                continue
            text, called = plain_text(version.body), version.title
        else:
            text = clause["text"]
            called = text if len(text) <= 60 else text[:59].rstrip() + "…"
        if _plain(text) not in whole:
            yield Failing(check="required_clauses", detail=f"The clause “{called}” is missing.", key=key)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    return _SPACE.sub(" ", folded).strip()


@lru_cache(maxsize=4_096)
def _whole(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)")
