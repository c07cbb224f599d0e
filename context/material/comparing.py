"""Compares two passages that are one and the same, and says what their difference is; must not align texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from context.material.figures import bound_changes, compare_figures, figured
from context.material.hunks import Hunk, hunks_between
from context.material.model import SUBSTANTIVE, Aspect, Label, Move, PassageChange, Reason
from context.material.obligations import compare_negations, compare_obligations
from context.material.passages import Passage, Word
from context.material.wording import compare_wording

WORDS_OF_ANOTHER = 8
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
        wording = compare_wording(old, new, _wordy(hunks, old, new), terms=terms)
        reasons = [
            *figures.reasons,
            *obligations.reasons,
            *(() if obligations.replaced else negations.reasons),
            *bound_changes(old, new),
            *wording.reasons,
        ]
        if old.role != "heading" and _is_other(old, new, hunks):
            reasons.append(
                Reason(
                    aspect="statement",
                    old=old.place(old.start, old.end),
                    new=new.place(new.start, new.end),
                    why="Most of the words are others.",
                )
            )
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


def _is_other(old: Passage, new: Passage, hunks: Sequence[Hunk]) -> bool:
    """Whether so little stayed that the passage may say something else."""
    changed = sum(max(len(hunk.old), len(hunk.new)) for hunk in hunks)
    return changed >= WORDS_OF_ANOTHER and 2 * changed > max(len(old.words), len(new.words))


def _label(*, number: bool, modality: bool, term: bool) -> Label:
    if number:
        return "changed-number"
    if modality:
        return "changed-modality"
    return "changed-term" if term else "reworded"


def _wordy(hunks: list[Hunk], old: Passage, new: Passage) -> list[Hunk]:
    """The differences without their figures and units, which are judged as quantities."""
    in_old, in_new = figured(old), figured(new)
    plain = [replace(hunk, old=_without(hunk.old, in_old), new=_without(hunk.new, in_new)) for hunk in hunks]
    return [hunk for hunk in plain if hunk.old or hunk.new]


def _without(words: Sequence[Word], places: Collection[int]) -> tuple[Word, ...]:
    return tuple(word for word in words if word.norm[0].isalpha() and word.start not in places)
