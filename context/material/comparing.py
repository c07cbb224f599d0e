"""Compares two passages that are one and the same, and says what their difference is; must not align texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from context.material.figures import bound_changes, compare_figures
from context.material.hunks import Hunk, hunks_between
from context.material.model import SUBSTANTIVE, Aspect, Label, Move, PassageChange, Reason
from context.material.obligations import compare_negations, compare_obligations
from context.material.passages import Passage, Word
from context.material.wording import compare_wording

# The weightiest first.
_WEIGHT: tuple[Aspect, ...] = (
    "obligation", "negation", "quantity", "date", "scope", "term", "identifier", "statement", "numbering", "reference",
    "stamp", "wording", "typo", "format",
)  # fmt: skip


def compare(old: Passage, new: Passage, *, move: Move = "same", terms: Collection[str] = frozenset()) -> PassageChange:
    """The change from `old` to `new`: its label, whether it is one of substance, and each reason with its evidence."""
    hunks = hunks_between(old, new)
    reasons: list[Reason] = []
    label: Label = "unchanged"
    if hunks:
        figures = compare_figures(old, new)
        obligations = compare_obligations(old, new, hunks)
        negations = compare_negations(old, new, hunks)
        wording = compare_wording(old, new, _wordy(hunks), terms=terms)
        reasons = [
            *figures.reasons,
            *obligations.reasons,
            *(() if obligations.replaced else negations.reasons),
            *bound_changes(old, new),
            *wording.reasons,
        ]
        label = _label(
            number=figures.replaced,
            modality=obligations.replaced or negations.replaced,
            term=wording.term_replaced,
        )
    elif old.text != new.text:
        reasons = [
            Reason(
                aspect="format",
                old=old.place(old.start, old.end),
                new=new.place(new.start, new.end),
                why="Only form: layout, punctuation, capitals or the target of a link.",
            )
        ]
    reasons.sort(key=lambda reason: _WEIGHT.index(reason.aspect))
    return PassageChange(
        label=label,
        material=any(reason.aspect in SUBSTANTIVE for reason in reasons),
        move=move,
        old=old.place(old.start, old.end),
        new=new.place(new.start, new.end),
        reasons=tuple(reasons),
    )


def _label(*, number: bool, modality: bool, term: bool) -> Label:
    if number:
        return "changed-number"
    if modality:
        return "changed-modality"
    return "changed-term" if term else "reworded"


def _wordy(hunks: list[Hunk]) -> list[Hunk]:
    """The differences without their figures, which are judged as quantities."""
    plain = [replace(hunk, old=_without_figures(hunk.old), new=_without_figures(hunk.new)) for hunk in hunks]
    return [hunk for hunk in plain if hunk.old or hunk.new]


def _without_figures(words: Sequence[Word]) -> tuple[Word, ...]:
    return tuple(word for word in words if word.norm[0].isalpha())
