"""Finds items by the beginning of what they are called, as somebody types; must not look into their texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from context.access import Principal
from context.search import clean_query
from context.statements import rows
from context.visibility import reader, visible

LONGEST: Final = 100  # characters of what was typed that count

_STATEMENT: Final = f"""
WITH named AS (
    SELECT item.id,
           CASE WHEN upper(item.title) = upper(%(typed)s) THEN 6
                WHEN upper(item.title) LIKE upper(%(begins)s) THEN 4
                WHEN upper(item.title) LIKE upper(%(word_begins)s) THEN 3
                WHEN upper(item.title) LIKE upper(%(contains)s) THEN 2
                ELSE word_similarity(upper(%(typed)s), upper(item.title)) END AS score
    FROM context_contextitem item
    WHERE upper(item.title) LIKE upper(%(contains)s) OR upper(%(typed)s) <%% upper(item.title)
    UNION ALL
    SELECT item.id, 3.5 FROM context_contextitem item
    WHERE item.key LIKE lower(%(begins)s) OR item.key LIKE lower(%(slug_begins)s)
    UNION ALL
    SELECT item.id, CASE WHEN upper(alias) = upper(%(typed)s) THEN 5 ELSE 3 END
    FROM context_contextitem item
    JOIN context_kind kind ON kind.id = item.kind_id AND kind.slug = 'term'
    JOIN context_contextversion version ON version.id = item.current_version_id
    CROSS JOIN LATERAL (
        SELECT value #>> '{{}}' AS alias FROM jsonb_path_query(version.data, 'lax $.aliases[*]') AS value
        UNION ALL
        SELECT value #>> '{{}}' FROM jsonb_path_query(version.data, 'lax $.deprecated_aliases[*]') AS value
        UNION ALL
        SELECT version.data ->> 'abbreviation'
    ) AS called
    WHERE upper(alias) LIKE upper(%(begins)s)
)
SELECT item.id, item.key, item.title, kind.slug, domain.slug, max(named.score)
FROM named
JOIN context_contextitem item ON item.id = named.id
JOIN context_kind kind ON kind.id = item.kind_id
JOIN context_domain domain ON domain.id = item.domain_id
WHERE item.retired_at IS NULL AND {visible("item")}
GROUP BY item.id, item.key, item.title, kind.slug, domain.slug
ORDER BY max(named.score) DESC, length(item.title), item.key
LIMIT %(limit)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """An item whose title, key or alias fits what was typed."""

    item_id: int
    key: str
    title: str
    kind: str
    domain: str


def suggest(*, principal: Principal, typed: str, limit: int = 10) -> list[Suggestion]:
    """Items called so, best first: exact names, then beginnings, then parts, then what is spelt much like it."""
    words = clean_query(typed)[:LONGEST]
    if not words:
        return []
    literal = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = rows(
        _STATEMENT,
        {
            **reader(principal),
            "typed": words,
            "begins": f"{literal}%",
            "word_begins": f"% {literal}%",
            "contains": f"%{literal}%",
            "slug_begins": f"%/{literal.replace(' ', '-')}%",
            "limit": limit,
        },
    )
    return [
        Suggestion(item_id=item_id, key=key, title=title, kind=kind, domain=domain)
        for item_id, key, title, kind, domain, _ in found
    ]
