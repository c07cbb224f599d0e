"""The one statement behind search, access and force judged inside; must not be built from what a user wrote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from context.visibility import visible, was_permitted

# A reader who may see at most this many passages gets them all compared; an index that filters after the fact would
# lose some of a small permitted set. Above it the vector index is used, and goes on until it has found enough.
EXACT_LIMIT = 4_000
PAST_EXACT_LIMIT = 200  # and of a past moment so many more, of texts that are no longer in force
CANDIDATES = 100  # of each branch
FEW_CANDIDATES = 60  # where few hits are wanted: looking for a hundred by meaning takes twice as long
FEW_HITS = 40
WORD_REACH = 3_000  # passages looked at for the rarest words of a question, before more common words stop counting
MOST_KEYS = 240  # words times compartments that are looked up one by one; above, words alone, judged afterwards

# What follows was chosen on five collections, each setting by the other four (docs/decisions/how-search-ranks.md).
RARITY = 1.3  # a word counts by its inverse document frequency to this power
LEADERS = 2  # passages that the best candidates are compared with once more
FEEDBACK_MEANING = 0.95
FEEDBACK_WORDS = 0.26
OF_THE_USUAL = 0.5  # how much of what all candidates have in common the leaders are stripped of
OF_THE_ITEM = 0.1  # how much the other good passages of the same item count
PASSAGES_OF_ITEM = 4


def _mine(who: str) -> str:
    return f"""
    mine.sensitivity <= %({who}_clearance)s
    AND (%({who}_domains)s::bigint[] IS NULL OR mine.domain_id = ANY (%({who}_domains)s::bigint[]))
    AND (%({who}_is_system)s OR mine.audience_ids = '{{}}'
         OR mine.audience_ids && %({who}_groups)s::bigint[]::integer[])
"""


MINE = _mine("reader")
_CHOSEN = """
    (%(kinds)s::bigint[] IS NULL OR {table}.kind_id = ANY (%(kinds)s::bigint[]))
    AND (%(domains)s::bigint[] IS NULL OR {table}.domain_id = ANY (%(domains)s::bigint[]))
"""
_PERMITTED_ANY = """
    ({placed} OR passage.item_id = ANY ((SELECT items FROM own)::bigint[]))
    AND (%(keys)s::text[] IS NULL OR passage.item_id = ANY ((SELECT items FROM named)::bigint[]))
    AND passage.in_force_from <= %(at)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(at)s)
"""
_PERMITTED = _PERMITTED_ANY.format(placed="passage.compartment_id = ANY ((SELECT compartments FROM reach)::bigint[])")

# The same, where another index is to find the rows. As CASE the planner can neither use the index of compartments,
# reading all that is permitted, nor take it for so rare that it would.
_JUDGED = f"CASE WHEN {_PERMITTED} THEN true ELSE false END"

# Of a past moment, besides: a text that is no longer in force, on an item that is the reader's to know now, and
# approved for them as they are and as they were.
_PERMITTED_PAST = _PERMITTED_ANY.format(
    placed="""(passage.compartment_id = ANY ((SELECT compartments FROM known_now)::bigint[])
     AND passage.approved_compartment_id = ANY ((SELECT compartments FROM reach)::bigint[]))"""
)
_JUDGED_PAST = f"CASE WHEN {_PERMITTED_PAST} THEN true ELSE false END"

_NUMBERED = "('{{' || coalesce(string_agg(number || ':' || {weight}, ','), '') || '}}/268435456')::sparsevec"
# `|` of the words, each as the lexeme it is; to_tsvector made them, so no part of the question is read as an operator.
_QUOTED = """'''' || replace(replace({lexeme}, '\\', '\\\\'), '''', '''''') || ''''"""

DISTANCE = "passage.embedding <=> %(vector)s::halfvec(384)"
MATCH = "passage.words <#> (SELECT words FROM asked)"  # negative: the more alike, the lower
_EMBEDDED = "passage.embedding_model = %(model)s AND passage.embedding IS NOT NULL"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Past:
    """What the statement holds besides where it is about a past moment."""

    and_then: str = ""
    tables: str = ""
    compared: str = ""
    nearest: str = ""
    strongest: str = ""
    every: str = "context_passage"
    unembedded: str = f"(SELECT count(*) FROM context_passage passage WHERE passage.embedding IS NULL AND {_JUDGED})"
    held_then: str = ""


_PRESENT = _Past()


def _past(candidates: int) -> _Past:
    """Few texts were in force shortly before now, or at the very beginning: those are compared one and all.

    Between the two the indexes are used, which filter after the fact: there, what was in force is no rare thing.
    """
    columns = (
        "id, item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding, embedding_model, words"
    )
    return _Past(
        and_then=f"AND {_mine('then')}",
        tables=f"""known_now AS MATERIALIZED (
    SELECT coalesce(array_agg(mine.id), '{{}}') AS compartments FROM context_compartment mine WHERE {MINE}
), rare AS MATERIALIZED (
    SELECT plumbline_rare_past(%(at)s, {PAST_EXACT_LIMIT}) AS ids
),""",
        compared=f"""UNION ALL
    SELECT passage.id, CASE WHEN {_EMBEDDED} THEN {DISTANCE} END AS distance, {MATCH} AS match
    FROM rare, unnest(rare.ids) AS few JOIN context_pastpassage passage ON passage.id = few WHERE {_JUDGED_PAST}""",
        nearest=f"""UNION ALL
        (SELECT passage.id, {DISTANCE} AS distance FROM context_pastpassage passage
         WHERE (SELECT ids IS NULL FROM rare) AND {_EMBEDDED} AND {_JUDGED_PAST}
         ORDER BY {DISTANCE} LIMIT {candidates})""",
        strongest=f"""UNION ALL
        (SELECT passage.id, {MATCH} AS match FROM context_pastpassage passage
         WHERE (SELECT ids IS NULL FROM rare) AND {_JUDGED_PAST} AND passage.filed @@ (
            SELECT string_agg({_QUOTED.format(lexeme="lexeme")}, ' | ')::tsquery FROM looked_up)
         ORDER BY match, passage.id LIMIT {candidates})""",
        every=f"(SELECT {columns} FROM context_passage UNION ALL SELECT {columns} FROM context_pastpassage)",
        unembedded="0",  # nobody asks
        held_then=f"""
    AND version.published_at <= %(at)s AND version.valid_from <= %(at)s
    AND (version.valid_to IS NULL OR version.valid_to > %(at)s)
    AND (version.superseded_at IS NULL OR version.superseded_at > %(at)s)
    AND {was_permitted("item", "version")}""",
    )


def statement(*, limit: int, past: bool = False, exact_limit: int = EXACT_LIMIT) -> str:
    """The statement for so many hits, of the present or of a past moment. Takes what `context.search.parameters` gives.

    Of the past, besides the texts still in force, those that were replaced or retired since are searched, and each
    text must have been approved for the reader as they are now and as they were then.
    """
    candidates = CANDIDATES if limit > FEW_HITS else FEW_CANDIDATES
    # Of the past, half from what is still in force and half from what is not: both together cost what the present does.
    return _statement(candidates // 2 if past else candidates, exact_limit, past)


@lru_cache(maxsize=8)
def _statement(candidates: int, exact_limit: int, past: bool) -> str:
    old = _past(candidates) if past else _PRESENT
    return f"""
WITH reach AS MATERIALIZED (
    SELECT coalesce(array_agg(mine.id), '{{}}') AS compartments, coalesce(sum(mine.passages), 0) AS passages
    FROM context_compartment mine WHERE {MINE} {old.and_then} AND {_CHOSEN.format(table="mine")}
), {old.tables} own AS MATERIALIZED (
    SELECT coalesce(array_agg(item.id), '{{}}') AS items FROM context_contextitem item
    WHERE %(reader_person)s::bigint IS NOT NULL AND item.id IN (
        SELECT id FROM context_contextitem WHERE owner_id = %(reader_person)s::bigint
        UNION ALL SELECT contextitem_id FROM context_contextitem_stewards WHERE user_id = %(reader_person)s::bigint
    ) AND {visible("item")} AND {_CHOSEN.format(table="item")}
), named AS MATERIALIZED (
    SELECT coalesce(array_agg(item.id), '{{}}') AS items FROM context_contextitem item
    WHERE item.key = ANY (%(keys)s::text[])
), left_out AS MATERIALIZED (
    SELECT coalesce(array_agg(item.id), '{{}}') AS items FROM context_contextitem item
    WHERE item.key = ANY (%(without)s::text[])
), known AS MATERIALIZED (
    SELECT coalesce(sum(mine.passages), 0)::bigint AS passages
    FROM context_lexemecount mine WHERE mine.lexeme = '' AND {MINE}
), word AS MATERIALIZED (
    SELECT found.lexeme, plumbline_number(found.lexeme) AS number, coalesce(sum(mine.passages), 0)::bigint AS passages
    FROM plumbline_lexemes(%(query)s) AS found
    LEFT JOIN context_lexemecount mine ON mine.lexeme = found.lexeme AND {MINE}
    GROUP BY 1
), weighted AS MATERIALIZED (
    SELECT lexeme, number, word.passages,
           power(ln(1 + (greatest(known.passages, word.passages) - word.passages + 0.5) / (word.passages + 0.5)),
                 {RARITY})::float8 AS weight,
           row_number() OVER rarest AS place, sum(word.passages) OVER rarest AS reach
    FROM word, known WINDOW rarest AS (ORDER BY word.passages, word.lexeme)
), looked_up AS MATERIALIZED (
    SELECT lexeme FROM weighted WHERE place <= 2 OR reach <= {WORD_REACH}
), asked AS MATERIALIZED (
    -- The most that any passage could say of the question: words that nobody uses do not count against all.
    SELECT {_NUMBERED.format(weight="weight::real")} AS words,
           coalesce(sum(weight) FILTER (WHERE passages > 0), sum(weight)) AS most
    FROM (SELECT number, max(weight) AS weight, max(passages) AS passages FROM weighted GROUP BY number) AS apart
), keyed AS MATERIALIZED (
    SELECT CASE
        WHEN cardinality(own.items) = 0
            AND cardinality(reach.compartments) * (SELECT count(*) FROM looked_up) BETWEEN 1 AND {MOST_KEYS}
        THEN (SELECT string_agg({_QUOTED.format(lexeme="'C' || place || ':' || lexeme")}, ' | ')
              FROM looked_up, unnest(reach.compartments) AS place)
        ELSE (SELECT string_agg({_QUOTED.format(lexeme="lexeme")}, ' | ') FROM looked_up)
    END::tsquery AS query
    FROM reach, own
), compared AS MATERIALIZED (
    SELECT passage.id, CASE WHEN {_EMBEDDED} THEN {DISTANCE} END AS distance, {MATCH} AS match
    FROM context_passage passage WHERE (SELECT passages FROM reach) <= {exact_limit} AND {_PERMITTED}
    {old.compared}
), meant AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY distance, id) AS place FROM (
        (SELECT id, distance FROM compared WHERE distance IS NOT NULL ORDER BY distance, id LIMIT {candidates})
        UNION ALL
        (SELECT passage.id, {DISTANCE} AS distance FROM context_passage passage
         WHERE (SELECT passages FROM reach) > {exact_limit} AND {_EMBEDDED} AND {_JUDGED}
         ORDER BY {DISTANCE} LIMIT {candidates})
        {old.nearest}
    ) AS nearest
), said AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY match, id) AS place FROM (
        (SELECT id, match FROM compared WHERE match < 0 ORDER BY match, id LIMIT {candidates})
        UNION ALL
        (SELECT passage.id, {MATCH} AS match FROM context_passage passage
         WHERE (SELECT passages FROM reach) > {exact_limit} AND passage.filed @@ (SELECT query FROM keyed) AND {_JUDGED}
         ORDER BY match, passage.id LIMIT {candidates})
        {old.strongest}
    ) AS strongest
), candidate AS MATERIALIZED (
    SELECT passage.id, passage.item_id, passage.version_id, passage.ordinal, passage.heading_path, passage.anchor,
           passage.text, passage.token_count, passage.words, meant.place AS dense_place, said.place AS lexical_place,
           CASE WHEN {_EMBEDDED} THEN passage.embedding END AS embedding,
           coalesce(-({MATCH}) / nullif((SELECT most FROM asked), 0), 0) AS strength
    FROM (SELECT id FROM meant UNION SELECT id FROM said) AS either
    JOIN {old.every} passage ON passage.id = either.id
    LEFT JOIN meant ON meant.id = either.id
    LEFT JOIN said ON said.id = either.id
), scored AS MATERIALIZED (
    -- A passage that is not embedded yet stands, by meaning, where the average candidate does.
    SELECT *, row_number() OVER (ORDER BY score DESC, id) AS place FROM (
        SELECT *, %(meaning)s::float8 * coalesce(likeness, avg(likeness) OVER (), 0)
                  + (1 - %(meaning)s::float8) * strength AS score
        FROM (SELECT *, 1 - (embedding <=> %(vector)s::halfvec(384)) AS likeness FROM candidate) AS alike
    ) AS mixed
), leader AS MATERIALIZED (
    SELECT words, embedding, 4 * greatest(score, 0) ^ 2 / least({LEADERS}, count(*) OVER ()) AS weight
    FROM scored WHERE place <= {LEADERS}
), usual AS MATERIALIZED (
    SELECT avg(embedding) AS embedding, (SELECT sum(weight) FROM leader) * {OF_THE_USUAL} AS weight
    FROM scored WHERE place <= {candidates}
), compared_again AS MATERIALIZED (
    SELECT id, item_id, dense_place, lexical_place, score
        + {FEEDBACK_MEANING} * %(meaning)s::float8 * coalesce(
            (SELECT sum(leader.weight * -(leader.embedding <#> scored.embedding)) FROM leader)
            + (SELECT usual.weight * (usual.embedding <#> scored.embedding) FROM usual), 0)
        + {FEEDBACK_WORDS} * (1 - %(meaning)s::float8) * coalesce(
            (SELECT sum(leader.weight * (1 - nullif(leader.words <=> scored.words, 'NaN'))) FROM leader), 0) AS score
    FROM scored
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY item_id ORDER BY score DESC, id) AS place_in_item,
           (SELECT coalesce(min(score), 0) FROM (
               SELECT score FROM compared_again ORDER BY score DESC LIMIT {candidates}) AS best_of_all) AS floor
    FROM compared_again
), best AS (
    SELECT id, item_id, place_in_item, dense_place, lexical_place,
           (1 - {OF_THE_ITEM}) * score + {OF_THE_ITEM} * sum(greatest(score - floor, 0))
               FILTER (WHERE place_in_item <= {PASSAGES_OF_ITEM}) OVER (PARTITION BY item_id) AS score
    FROM placed
), first AS (
    SELECT best.* FROM best
    WHERE best.item_id <> ALL ((SELECT items FROM left_out)::bigint[]) AND best.place_in_item <= %(each)s
    ORDER BY score DESC, id LIMIT %(limit)s
)
SELECT item.id, item.key, version.id, version.number, version.digest, version.title,
       version.published_at, least(version.valid_to, version.superseded_at), kind.slug, domain.slug, item.sensitivity,
       passage.id, passage.ordinal, passage.heading_path, passage.anchor, passage.text, passage.token_count,
       first.score, first.dense_place, first.lexical_place,
       {old.unembedded}
FROM (SELECT 1) AS always LEFT JOIN first ON true
LEFT JOIN LATERAL (SELECT * FROM candidate WHERE candidate.id = first.id LIMIT 1) AS passage ON true
LEFT JOIN context_contextversion version ON version.id = passage.version_id {old.held_then}
LEFT JOIN context_contextitem item ON item.id = version.item_id AND {visible("item")}
LEFT JOIN context_kind kind ON kind.id = item.kind_id
LEFT JOIN context_domain domain ON domain.id = item.domain_id
ORDER BY first.score DESC, first.id
"""
