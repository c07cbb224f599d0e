"""Finds the term that goes by a name, of what a reader may read; must not guess (suggestions.py does)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from context.access import Principal
from context.models import ContextVersion
from context.search import clean_query
from context.statements import rows
from context.visibility import reader, visible

LONGEST_NAME = 200
MOST_TERMS = 20
NameKind = Literal["title", "abbreviation", "alias", "deprecated_alias"]

_STATEMENT = f"""
SELECT version.id, min(called.rank)
FROM context_contextversion version
JOIN context_contextitem item ON item.id = version.item_id
JOIN context_kind kind ON kind.id = item.kind_id AND kind.slug = 'term'
CROSS JOIN LATERAL (
    SELECT version.title AS name, 0 AS rank
    UNION ALL SELECT version.data ->> 'abbreviation', 1
    UNION ALL SELECT value #>> '{{}}', 2 FROM jsonb_path_query(version.data, 'lax $.aliases[*]') AS value
    UNION ALL SELECT value #>> '{{}}', 3 FROM jsonb_path_query(version.data, 'lax $.deprecated_aliases[*]') AS value
) AS called
WHERE lower(called.name) = lower(%(name)s) AND {visible("item")}
AND version.published_at <= %(at)s AND version.valid_from <= %(at)s
AND (version.valid_to IS NULL OR %(at)s < version.valid_to)
AND (version.superseded_at IS NULL OR %(at)s < version.superseded_at)
GROUP BY version.id
"""  # noqa: S608  our own constants
# Names of terms that whoever may read a text as sensitive as they are may know, in every group.
_OPEN = """
SELECT DISTINCT called.name, item.sensitivity
FROM context_contextversion version
JOIN context_contextitem item ON item.id = version.item_id AND item.retired_at IS NULL
JOIN context_kind kind ON kind.id = item.kind_id AND kind.slug = 'term'
CROSS JOIN LATERAL (
    SELECT version.title AS name
    UNION ALL SELECT version.data ->> 'abbreviation'
    UNION ALL SELECT value #>> '{}' FROM jsonb_path_query(version.data, 'lax $.aliases[*]') AS value
) AS called
WHERE called.name <> ''
AND version.published_at <= statement_timestamp() AND version.valid_from <= statement_timestamp()
AND (version.valid_to IS NULL OR statement_timestamp() < version.valid_to)
AND (version.superseded_at IS NULL OR statement_timestamp() < version.superseded_at)
AND NOT EXISTS (SELECT FROM context_contextitem_audiences WHERE contextitem_id = item.id)
"""
_KINDS: tuple[NameKind, ...] = ("title", "abbreviation", "alias", "deprecated_alias")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTerm:
    """A term in force, and which of its names was given."""

    version: ContextVersion
    by: NameKind


def find_terms(*, principal: Principal, name: str, at: datetime) -> list[FoundTerm]:
    """The terms of that name, whatever its case; those whose own title it is first. Two statements."""
    stated = clean_query(name)[:LONGEST_NAME]
    if not stated:
        return []
    ranks = {row[0]: row[1] for row in rows(_STATEMENT, {**reader(principal), "name": stated, "at": at})}
    versions = ContextVersion.objects.visible_to(principal).in_force(at).filter(pk__in=ranks).select_related("item")
    found = sorted(versions, key=lambda version: (ranks[version.pk], version.item.key))
    return [FoundTerm(version=version, by=_KINDS[ranks[version.pk]]) for version in found[:MOST_TERMS]]


@dataclass(frozen=True, slots=True)
class OpenTerms:
    """Names of terms that are open to every group, with the sensitivity of each."""

    names: tuple[tuple[str, int], ...] = ()

    def standing_in(self, *texts: str, sensitivity: int) -> frozenset[str]:
        """Those that one of the texts has, and that everybody knows who may read texts of that sensitivity.

        What a comparison says must not differ by who asks, nor tell anybody of a term they may not know.
        """
        said = "\n".join(texts).casefold()
        return frozenset(name for name, level in self.names if level <= sensitivity and name.casefold() in said)


def open_terms() -> OpenTerms:
    """The right names of the terms in force: titles, aliases, abbreviations. One statement."""
    return OpenTerms(tuple((name, level) for name, level in rows(_OPEN, {})))
