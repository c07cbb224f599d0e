"""Keeps what agents ask in words for a while, to see what nothing answers; must not keep it for anything else."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from agents.models import Question
from agents.models.coverage import LONGEST_QUESTION
from context.statements import rows

KEPT = timedelta(days=60)
_NOTE = """
INSERT INTO agents_question (agent_id, contract_version_id, text, asked_at)
SELECT %(agent)s, %(version)s, %(words)s, %(now)s FROM set_config(
    'synchronous_commit', CASE WHEN %(alone)s THEN 'off' ELSE current_setting('synchronous_commit') END, true
) RETURNING id
"""


def note_question(*, agent_id: int, contract_version_id: int, text: str, now: datetime) -> None:
    """One insert, where there is a question. It waits for no disk: a crash of the server loses those of a second."""
    words = " ".join(text.split())[:LONGEST_QUESTION]
    if words:
        # Of a transaction of the caller's, nothing may be lost.
        alone = not connection.in_atomic_block
        rows(_NOTE, {"agent": agent_id, "version": contract_version_id, "words": words, "now": now, "alone": alone})


def forget_questions(*, now: datetime) -> int:
    """Delete those that were kept long enough."""
    return Question.objects.filter(asked_at__lt=now - KEPT).delete()[0]
