"""How far a text may travel: four ordered words; must not decide who may read it."""

from __future__ import annotations

from django.db import models


class Sensitivity(models.IntegerChoices):
    """Ordered: a clearance permits its own level and every lower one."""

    PUBLIC = 0, "public"
    INTERNAL = 1, "internal"
    CONFIDENTIAL = 2, "confidential"
    RESTRICTED = 3, "restricted"

    @classmethod
    def from_word(cls, word: str) -> Sensitivity:
        """The level that `word` names; KeyError where there is none."""
        return cls[word.upper()]

    @property
    def word(self) -> str:
        return str(self.label)
