"""Finds passages by meaning and by words among what a reader may see; must not rank by what is hidden."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from context.access import Principal
from context.embeddings import model_name, query_vector_text
from context.errors import InvalidInput
from context.models import Domain, Kind
from context.search_statement import statement
from context.statements import rows
from context.visibility import reader

LONGEST_QUERY = 2_000
MOST_HITS = 200
MEANING = 0.42  # how much meaning counts against words (docs/decisions/how-search-ranks.md)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A passage in force that the reader may see. `score` orders; the ranks (from 1) say which way it was found."""

    key: str
    item_id: int
    version_id: int
    version: int
    digest: str
    title: str
    published_at: datetime
    valid_until: datetime | None
    kind: str
    domain: str
    sensitivity: int
    passage_id: int
    ordinal: int
    heading_path: str
    anchor: str
    text: str
    token_count: int
    score: float
    dense_rank: int | None
    lexical_rank: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchAnswer:
    """The hits, best first, and how many passages in reach wait for their embedding (found by words alone)."""

    hits: tuple[Hit, ...] = ()
    unembedded: int = 0


def search(
    *,
    principal: Principal,
    query: str,
    limit: int = 10,
    at: datetime,
    past: bool = False,
    kinds: Collection[str] | None = None,
    domains: Collection[str] | None = None,
    keys: Collection[str] | None = None,
    without: Collection[str] = (),
    each: int = MOST_HITS,
    meaning: float = MEANING,
) -> SearchAnswer:
    """The passages in force at `at` that answer `query` best: now or soon, or, where it is `past`, at any moment.

    One statement, and the embedding of the question (2 to 3 ms, nothing the second time). `kinds` and `domains`
    are slugs, `keys` item keys; unknown ones match nothing. Items `without` are passed over, and no more than `each`
    passages of an item are returned. `meaning` shifts the weight from words (0) to meaning (1). An empty question
    has no hits; InvalidInput for one that is too long. Of the past, only what was the reader's to read then and is now.
    """
    words = _words(query)
    if not 1 <= limit <= MOST_HITS:
        raise InvalidInput(
            f"{limit} hits cannot be asked for.", field="limit", limit=MOST_HITS, fix=f"Ask for 1 to {MOST_HITS}."
        )
    if not words:
        return SearchAnswer()
    found = rows(
        statement(limit=limit, past=past),
        {
            **parameters(principal=principal, words=words, limit=limit, at=at),
            "meaning": meaning,
            "kinds": None if kinds is None else _ids(Kind, kinds),
            "domains": None if domains is None else _ids(Domain, domains),
            "keys": None if keys is None else sorted(keys),
            "without": sorted(without),
            "each": each,
        },
    )
    return SearchAnswer(hits=tuple(_hit(row) for row in found if row[0] is not None), unembedded=found[0][-1])


def parameters(*, principal: Principal, words: str, limit: int, at: datetime) -> dict[str, Any]:
    """What the statement takes, with no filter set."""
    return {
        **reader(principal),
        "query": words,
        "vector": query_vector_text(words),
        "model": model_name(),
        "meaning": MEANING,
        "kinds": None,
        "domains": None,
        "keys": None,
        "without": [],
        "each": MOST_HITS,
        "at": at,
        "limit": limit,
    }


def search_items(
    *,
    principal: Principal,
    query: str,
    limit: int = 50,
    at: datetime,
    kinds: Collection[str] | None = None,
    domains: Collection[str] | None = None,
) -> list[Hit]:
    """The best passage of each item found, best first; at most `limit` items."""
    limit = min(limit, MOST_HITS)
    answer = search(principal=principal, query=query, limit=limit, at=at, kinds=kinds, domains=domains, each=1)
    return list(answer.hits)


def clean_query(query: str) -> str:
    """The question as it can be stored and compared; InvalidInput where it is too long or no text."""
    return _words(query)


def _words(query: str) -> str:
    if not isinstance(query, str):
        raise InvalidInput("A question must be text.", field="q", fix="Send a string.")
    if len(query) > LONGEST_QUERY:
        raise InvalidInput(
            f"The question has {len(query):,} characters.",
            field="q",
            limit=LONGEST_QUERY,
            fix=f"Ask in at most {LONGEST_QUERY:,} characters.",
        )
    return " ".join(_UNSTORABLE.sub(" ", query).split())


def _ids(model: type[Kind] | type[Domain], slugs: Collection[str]) -> list[int]:
    known = [slug for slug in slugs if not _UNSTORABLE.search(slug)]
    return sorted(model._default_manager.filter(slug__in=known).values_list("pk", flat=True))


def _hit(row: tuple[object, ...]) -> Hit:
    names = Hit.__slots__
    values = (row[1], row[0], *row[2:-1])
    return Hit(**dict(zip(names, values, strict=True)))  # type: ignore[arg-type]
