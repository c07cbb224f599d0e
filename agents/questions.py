"""Keeps what agents ask in words for a while, to see what nothing answers; must not keep it for anything else."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.models import Question
from agents.models.coverage import LONGEST_QUESTION

KEPT = timedelta(days=60)


def note_question(*, agent_id: int, contract_version_id: int, text: str, now: datetime) -> None:
    """One insert, where there is a question."""
    words = " ".join(text.split())[:LONGEST_QUESTION]
    if words:
        Question.objects.create(agent_id=agent_id, contract_version_id=contract_version_id, text=words, asked_at=now)


def forget_questions(*, now: datetime) -> int:
    """Delete those that were kept long enough."""
    return Question.objects.filter(asked_at__lt=now - KEPT).delete()[0]
