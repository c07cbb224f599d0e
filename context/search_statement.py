"""The one statement behind search, access and force judged inside; must not be built from what a user wrote."""

from __future__ import annotations

from context.visibility import visible

# A reader who may see at most this many passages gets them all compared; an index that filters after the fact would
# lose some of a small permitted set. Above it the vector index is used, and goes on until it has found enough.
EXACT_LIMIT = 5_000
CANDIDATES = 100  # of each branch
WORD_REACH = 3_000  # passages looked at for the rarest words of a question, before more common words stop counting

_PERMITTED = f"""
    {visible("item")}
    AND (%(kinds)s::bigint[] IS NULL OR item.kind_id = ANY (%(kinds)s::bigint[]))
    AND (%(domains)s::bigint[] IS NULL OR item.domain_id = ANY (%(domains)s::bigint[]))
    AND (%(keys)s::text[] IS NULL OR item.key = ANY (%(keys)s::text[]))
    AND passage.in_force_from <= %(at)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(at)s)
"""

_COUNTED_FOR_READER = """
    counted.sensitivity <= %(reader_clearance)s
    AND (%(reader_domains)s::bigint[] IS NULL OR counted.domain_id = ANY (%(reader_domains)s::bigint[]))
    AND (%(reader_is_system)s OR counted.audience_ids = '{}'
         OR counted.audience_ids && %(reader_groups)s::bigint[]::integer[])
"""

# `|` of the words, each as the lexeme it is; to_tsvector made them, so no part of the question is read as an operator.
_QUOTED = """ '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' """

DISTANCE = "passage.embedding <=> %(vector)s::halfvec(384)"
# Each word counts by its rarity, and more where it is said again: ts_rank of one word goes from 0.061 to 0.1, and of
# words joined by `|` it is their average, so words of like rarity are ranked in one call.
STRENGTH = "(SELECT sum(weight * ts_rank(passage.lexical, query)) FROM alike)"
STRONGEST = "0.1"


def _dense(*, gate: str, order: str) -> str:
    return f"""
    SELECT passage.id, {DISTANCE} AS distance
    FROM context_passage passage JOIN context_contextitem item ON item.id = passage.item_id
    WHERE {gate} AND passage.embedding_model = %(model)s AND passage.embedding IS NOT NULL AND {_PERMITTED}
    ORDER BY {order} LIMIT {CANDIDATES}"""


_EXACTLY = _dense(gate=f"(SELECT passages FROM size) <= {EXACT_LIMIT}", order=f"({DISTANCE}) + 0")
_BY_INDEX = _dense(gate=f"(SELECT passages FROM size) > {EXACT_LIMIT}", order=DISTANCE)

SEARCH = f"""
WITH size AS MATERIALIZED (
    SELECT coalesce(sum(counted.passages), 0)::bigint AS passages
    FROM context_lexemecount counted WHERE counted.lexeme = '' AND {_COUNTED_FOR_READER}
), word AS MATERIALIZED (
    SELECT found.lexeme, coalesce(sum(counted.passages), 0)::bigint AS passages
    FROM unnest(to_tsvector('english', %(query)s)) AS found
    LEFT JOIN context_lexemecount counted ON counted.lexeme = found.lexeme AND {_COUNTED_FOR_READER}
    GROUP BY 1
), weighted AS MATERIALIZED (
    SELECT ({_QUOTED})::tsquery AS query,
           ln(1 + (greatest(size.passages, word.passages) - word.passages + 0.5) / (word.passages + 0.5)) AS weight,
           row_number() OVER rarest AS place, sum(word.passages) OVER rarest AS reach
    FROM word, size WINDOW rarest AS (ORDER BY word.passages, word.lexeme)
), alike AS MATERIALIZED (
    SELECT string_agg(query::text, ' | ')::tsquery AS query, sum(weight) AS weight
    FROM weighted GROUP BY round(2 * weight)
), asked AS MATERIALIZED (
    SELECT string_agg(query::text, ' | ') FILTER (WHERE place <= 2 OR reach <= {WORD_REACH})::tsquery AS query
    FROM weighted
), meant AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS place FROM (
        ({_EXACTLY})
        UNION ALL
        ({_BY_INDEX})
    ) AS nearest
), said AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY strength DESC, id) AS place FROM (
        SELECT passage.id, {STRENGTH} AS strength
        FROM context_passage passage JOIN context_contextitem item ON item.id = passage.item_id
        WHERE passage.lexical @@ (SELECT query FROM asked) AND {_PERMITTED}
        ORDER BY strength DESC, passage.id LIMIT {CANDIDATES}
    ) AS strongest
), scored AS (
    SELECT passage.id, meant.place AS dense_place, said.place AS lexical_place,
           CASE WHEN passage.embedding_model = %(model)s THEN 1 - ({DISTANCE}) END AS likeness,
           coalesce({STRENGTH} / (SELECT nullif(sum(weight), 0) * {STRONGEST} FROM weighted), 0) AS strength
    FROM (SELECT id FROM meant UNION SELECT id FROM said) AS candidate
    JOIN context_passage passage ON passage.id = candidate.id
    LEFT JOIN meant ON meant.id = candidate.id
    LEFT JOIN said ON said.id = candidate.id
), best AS (
    -- A passage that is not embedded yet stands, by meaning, where the average candidate does.
    SELECT id, dense_place, lexical_place,
           %(meaning)s::float8 * coalesce(likeness, avg(likeness) OVER (), 0)
               + (1 - %(meaning)s::float8) * strength AS score
    FROM scored ORDER BY score DESC, id LIMIT %(limit)s
)
SELECT item.id, item.key, version.id, version.number, version.title, kind.slug, domain.slug, item.sensitivity,
       passage.id, passage.ordinal, passage.heading_path, passage.anchor, passage.text, passage.token_count,
       best.score, best.dense_place, best.lexical_place,
       (SELECT count(*) FROM context_passage passage JOIN context_contextitem item ON item.id = passage.item_id
        WHERE passage.embedding IS NULL AND {_PERMITTED})
FROM (SELECT 1) AS always LEFT JOIN best ON true
LEFT JOIN context_passage passage ON passage.id = best.id
LEFT JOIN context_contextitem item ON item.id = passage.item_id
LEFT JOIN context_contextversion version ON version.id = passage.version_id
LEFT JOIN context_kind kind ON kind.id = item.kind_id
LEFT JOIN context_domain domain ON domain.id = item.domain_id
ORDER BY best.score DESC, best.id
"""
