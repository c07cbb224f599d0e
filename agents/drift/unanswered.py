"""Finds what agents ask in words and no text comes near, by domain; must not answer.

Each question of the last weeks is compared with all passages in force, whoever may read them. A text that answers one
takes it from the finding, and the last one resolves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from agents.models import Agent, Question
from agents.questions import forget_questions
from context.embeddings import encode_query, model_name, vector_text
from context.models import Domain, Sensitivity
from context.statements import rows
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, Place, evidence
from governance.models import Severity

MOST_QUESTIONS = 300
SHOWN = 20
GRAVE = 10

_NEAREST = """
SELECT asked.place, best.similarity, best.domain_id
FROM unnest(%(vectors)s::text[]) WITH ORDINALITY asked (vector, place)
LEFT JOIN LATERAL (
    SELECT 1 - (passage.embedding <=> asked.vector::halfvec(384)) AS similarity, item.domain_id
    FROM context_passage passage JOIN context_contextitem item ON item.id = passage.item_id
    WHERE passage.embedding_model = %(model)s AND passage.embedding IS NOT NULL
    AND passage.in_force_from <= %(now)s AND (passage.in_force_until IS NULL OR passage.in_force_until > %(now)s)
    ORDER BY passage.embedding <=> asked.vector::halfvec(384) LIMIT 1
) best ON true
ORDER BY asked.place
"""


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Four statements, and the embedding of the questions asked most (at most 300, some milliseconds each)."""
    forget_questions(now=now)
    since = now - timedelta(days=context.number("recent_days"))
    times: Counter[str] = Counter()
    askers: dict[str, tuple[int, int | None]] = {}
    asked = Question.objects.filter(asked_at__gte=since).order_by("-asked_at")
    for text, agent_id, domain_id in asked.values_list("text", "agent_id", "contract_version__contract__domain_id"):
        times[text] += 1
        askers.setdefault(text, (agent_id, domain_id))
    questions = [text for text, _ in times.most_common(MOST_QUESTIONS)]
    if not questions:
        return
    agents = Agent.objects.in_bulk({agent_id for agent_id, _ in askers.values()})
    vectors = [vector_text(encode_query(text)) for text in questions]
    domains = Domain.objects.in_bulk()
    poor: dict[int, list[tuple[str, float]]] = {}
    for place, similarity, nearest in rows(_NEAREST, {"vectors": vectors, "model": model_name(), "now": now}):
        text = questions[place - 1]
        domain_id = askers[text][1] or nearest
        best = float(similarity or 0.0)
        if domain_id is not None and best < context.number("least_similarity", domain_id):
            poor.setdefault(domain_id, []).append((text, best))
    for domain_id, unanswered in sorted(poor.items()):
        domain = domains[domain_id]
        unanswered.sort(key=lambda pair: (-times[pair[0]], pair[0]))
        level = max(agents[askers[text][0]].clearance for text, _ in unanswered)
        yield FindingDraft(
            cause={"domain": domain.slug},
            summary=f"Agents ask what no text of {domain.name} answers: “{unanswered[0][0][:120]}”.",
            evidence=evidence(
                sentence=f"{len(unanswered)} different questions of the last weeks found nothing close.",
                figures={
                    "Questions nothing answers": len(unanswered),
                    "Asked, times": sum(times[text] for text, _ in unanswered),
                    "Close enough from a similarity of": context.number("least_similarity", domain_id),
                },
                questions=[
                    f"{text} (asked {times[text]} times, nearest text {best:.2f})" for text, best in unanswered[:SHOWN]
                ],
            ),
            basis={"questions": sorted(text for text, _ in unanswered)},
            domain_id=domain_id,
            place=Place(
                type="domain",
                id=domain.slug,
                label=domain.name,
                sensitivity=max(int(level), int(Sensitivity.INTERNAL)),
            ),
            severity=Severity.HIGH if len(unanswered) >= GRAVE else Severity.MEDIUM,
        )


DETECTOR = Detector(
    name="unanswered",
    question="What do agents ask that nothing answers?",
    scope=Scope.ORGANISATION,
    detect=detect,
    options=(
        Option(name="recent_days", default=30, least=1, most=60, help="Asked within so many days."),
        Option(
            name="least_similarity",
            default=0.35,
            least=0.0,
            most=1.0,
            help="A question counts as answered from this similarity (0 to 1) of its nearest passage.",
        ),
    ),
)
