"""Counts in how many passages each word occurs, apart for each audience; must not be needed for search to be right."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Max

from context.models import LexemeCensus, Passage

SMALL = 20_000  # passages that are counted again, in well under a second, whenever any changed
CHANGED_SHARE = 0.02
LONGEST_WAIT = timedelta(minutes=10)
_LOCK = 5_318_008_201  # one census at a time

# Materialised, so that who may read an item is looked up once an item, and not once a word.
_COUNT = """
WITH item AS MATERIALIZED (
    SELECT id, sensitivity, domain_id, ARRAY(
        SELECT group_id FROM context_contextitem_audiences WHERE contextitem_id = item.id ORDER BY group_id
    ) AS audience_ids
    FROM context_contextitem item
), placed AS (
    SELECT item.sensitivity, item.domain_id, item.audience_ids, passage.filed
    FROM context_passage passage JOIN item ON item.id = passage.item_id
)
INSERT INTO context_lexemecount (sensitivity, domain_id, audience_ids, lexeme, passages)
SELECT sensitivity, domain_id, audience_ids, word.lexeme, count(*)
FROM placed, unnest(placed.filed) AS word WHERE word.lexeme !~ '^C' GROUP BY 1, 2, 3, 4
UNION ALL
SELECT sensitivity, domain_id, audience_ids, '', count(*) FROM placed GROUP BY 1, 2, 3
"""

_COUNT_COMPARTMENTS = """
UPDATE context_compartment place SET passages = present.passages
FROM (
    SELECT known.id, count(passage.id) AS passages
    FROM context_compartment known LEFT JOIN context_passage passage ON passage.compartment_id = known.id GROUP BY 1
) AS present
WHERE present.id = place.id AND present.passages <> place.passages
"""


def refresh_counts(*, now: datetime) -> bool:
    """Count the words again where passages changed enough since the last count; True if it was done.

    Search weighs words by these counts and finds the same passages without them.
    """
    present = Passage.objects.aggregate(passages=Count("pk"), newest=Max("pk"))
    passages, newest = present["passages"], present["newest"] or 0
    last = LexemeCensus.objects.filter(pk=1).first()
    if last is not None:
        unchanged = (last.passages, last.newest_passage) == (passages, newest)
        few = passages > SMALL and abs(passages - last.passages) < CHANGED_SHARE * passages
        if unchanged or (few and now - last.taken_at < LONGEST_WAIT):
            return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("SET LOCAL work_mem = '64MB'")  # the words of one vocabulary, counted in memory
        cursor.execute("DELETE FROM context_lexemecount")
        cursor.execute(_COUNT)
        cursor.execute(_COUNT_COMPARTMENTS)
        LexemeCensus.objects.update_or_create(
            pk=1, defaults={"taken_at": now, "passages": passages, "newest_passage": newest}
        )
    return True
