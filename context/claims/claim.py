"""What a claim is: a typed statement of a text, comparable with those of other texts; must not read or judge texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from context.claims.modality import Modality

ClaimKind = Literal["quantity", "rule", "restriction", "definition", "declared"]
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One statement. Sets of words hold stems, with words of one meaning under one name.

    quantity: `subject` has a measure, told by `dimension` and the words beside the figure, which `comparator` bounds;
    `quantity` is in the base unit, `magnitude` in `unit`. rule: `role` must, must not or may do `acts` to `things`,
    whose nouns are `head` and whose noun phrases `objects`; `reach` (to whom, by what means) is one set for each
    alternative; `excepted` says that it holds but for some cases, `leave` that somebody may allow otherwise.
    restriction: `subject` is only `things` of `head`. definition: `subject` means `things`.
    declared: an item's own data.

    `start:end` is the sentence and `focus` the words in it that decide.
    """

    kind: ClaimKind
    start: int
    end: int
    focus: tuple[int, int]
    subject: frozenset[str] = NOTHING
    measure: frozenset[str] = NOTHING
    dimension: str = ""
    comparator: str = ""
    quantity: Decimal | date | None = None
    upper: Decimal | date | None = None
    magnitude: Decimal | date | None = None
    unit: str = ""
    scope: frozenset[str] = NOTHING
    conditions: frozenset[str] = NOTHING
    role: frozenset[str] = NOTHING
    modality: Modality = Modality.STATED
    polarity: bool = True
    acts: frozenset[str] = NOTHING
    things: frozenset[str] = NOTHING
    objects: tuple[frozenset[str], ...] = ()
    head: frozenset[str] = NOTHING
    reach: tuple[frozenset[str], ...] = ()
    universal: bool = False
    excepted: bool = False
    leave: bool = False
    words: frozenset[str] = field(default=NOTHING, repr=False)
