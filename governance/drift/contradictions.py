"""Detector: which approved texts say what cannot both be true? Must not decide it (context/claims does), nor write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from governance.drift.contradictions_search import (
    DETECTOR_NAME,
    Conflict,
    Side,
    conflicts_in_claims,
    conflicts_in_texts,
    said_since,
)
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, Proposal, evidence

LEAST_LIKENESS = 0.7
_SIZES = {"quantity": 0.8, "ordinal": 0.6, "negation": 1.0, "rule": 1.0, "only": 0.7, "opposite": 0.7, "class": 0.6}


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    item_ids = None if subjects.everything else subjects.item_ids
    found = list(conflicts_in_claims(at=now, item_ids=item_ids))
    told = {_told(conflict) for conflict in found}
    texts = conflicts_in_texts(at=now, least=context.number("likeness"), item_ids=item_ids)
    found += [conflict for conflict in texts if _told(conflict) not in told]
    since = said_since(conflict_side for conflict in found for conflict_side in (conflict.a, conflict.b))
    for conflict in found:
        yield _draft(conflict, since)


def _told(conflict: Conflict) -> tuple[str, str, str, str]:
    """What a reader would take for the same finding: the same two items with the same two figures or words."""
    return conflict.a.key, _focus(conflict.a), conflict.b.key, _focus(conflict.b)


def _focus(side: Side) -> str:
    return " ".join(side.text[slice(*side.focus)].lower().split())


def _draft(conflict: Conflict, since: Mapping[Side, datetime]) -> FindingDraft:
    mend, keep = _whom(conflict, since)
    return FindingDraft(
        cause={
            "items": [conflict.a.key, conflict.b.key],
            "rule": conflict.rule,
            "places": [_place(conflict.a), _place(conflict.b)],
        },
        summary=f"“{conflict.a.title}” and “{conflict.b.title}” cannot both be right.",
        evidence=evidence(
            sentence=conflict.sentence,
            passages=[_excerpt(conflict.a), _excerpt(conflict.b)],
            rule=conflict.rule,
            declared=conflict.declared,
        ),
        basis={"said": [_sentence(conflict.a), _sentence(conflict.b)]},
        item_id=mend.item_id,
        other_item_ids=(keep.item_id,),
        size=_SIZES.get(conflict.rule, 0.7),
        proposal=_proposal(conflict, mend, keep),
    )


def _whom(conflict: Conflict, since: Mapping[Side, datetime]) -> tuple[Side, Side]:
    """What was said longer ago is likelier to be what has to follow."""
    a, b = conflict.a, conflict.b
    return (a, b) if (since[a], a.key) <= (since[b], b.key) else (b, a)


def _place(side: Side) -> str:
    return side.anchor or side.heading


def _sentence(side: Side) -> str:
    return " ".join(side.text[slice(*side.sentence)].split())


def _excerpt(side: Side) -> Excerpt:
    return Excerpt(
        key=side.key,
        title=side.title,
        version=side.version,
        text=side.text,
        marks=(side.focus,),
        heading=side.heading,
        anchor=side.anchor,
    )


def _proposal(conflict: Conflict, mend: Side, keep: Side) -> Proposal | None:
    """Where only a figure differs, the sentence with the other text's figure. Which is right, a person says."""
    if conflict.rule not in ("quantity", "ordinal"):
        return None
    sentence = mend.text[slice(*mend.sentence)]
    start, end = (place - mend.sentence[0] for place in mend.focus)
    figure = keep.text[slice(*keep.focus)]
    if not 0 <= start < end <= len(sentence) or sentence.count("\n\n") or len(figure) > 80:
        return None
    return Proposal(
        key=mend.key,
        reason=f"“{keep.title}” says {figure}.",
        replacements=((sentence, sentence[:start] + figure + sentence[end:]),),
        figures=((sentence[start:end], figure),),
    )


DETECTOR = Detector(
    name=DETECTOR_NAME,
    question="Which texts say what cannot both be true?",
    scope=Scope.PAIRS,
    detect=detect,
    options=(
        Option(
            name="likeness",
            default=LEAST_LIKENESS,
            help="How near in meaning two passages must be to be compared: lower finds more, and takes longer.",
            least=0.5,
            most=0.95,
        ),
    ),
    hold_code="contradicted",
)
