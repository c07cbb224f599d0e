"""Files the passages of a text away when it is replaced or retired; must not decide when that is (governance does)."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from context.models import Passage

# The vector and the weights of words go along as they are. Where they stand is set by triggers.
_FILE = """
INSERT INTO context_pastpassage (
    id, item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding, embedding_model, words, filed,
    in_force_from, in_force_until
)
SELECT id, item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding, embedding_model, words,
       plumbline_words_alone(filed), in_force_from, least(in_force_until, %(until)s)
FROM context_passage WHERE item_id = %(item)s AND in_force_from < %(until)s
ON CONFLICT DO NOTHING
"""


def file_passages(*, item_id: int, until: datetime) -> None:
    """Keep what was in force of this item before `until`, and take all its passages out of the present. Two statements.

    Only inside a publication, as a reader of everything: what is not seen would be lost to questions about the past.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FILE, {"item": item_id, "until": until})
    Passage.objects.filter(item_id=item_id).delete()
