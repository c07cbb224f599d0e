"""Tells changes of substance from changes of form between two versions of a text; must not read rows or ask a model."""

from __future__ import annotations

from context.material.classifying import Weight, changes_of, classify, judge, weigh
from context.material.model import LABELS, Aspect, Label, Move, PassageChange, Place, Reason

__all__ = [
    "LABELS",
    "Aspect",
    "Label",
    "Move",
    "PassageChange",
    "Place",
    "Reason",
    "Weight",
    "changes_of",
    "classify",
    "judge",
    "weigh",
]
