"""Reads what a sentence measures: each quantity with the words that say of what; must not compare quantities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from context.claims.claim import Claim
from context.claims.grammar import BE, BREAKS, SCOPE_OPENERS
from context.claims.modality import Marker, Modality
from context.claims.phrases import content
from context.claims.sentences import Sentence
from context.claims.tokens import Token
from context.claims.words import stem_of
from context.quantities import Quantity
from context.wordlists import word_set

NEAR = 4  # words on each side of a figure that say what it counts
_VERBS = BE | word_set("must shall may will should can need")  # where one stands, the phrase before it is over
MOST_QUANTITIES = 12  # of one sentence


def measures_in(sentence: Sentence, tokens: Sequence[Token], markers: Sequence[Marker]) -> Iterator[Claim]:
    """One claim for each quantity of the sentence, or of the row of a table."""
    found = [(at, token) for at, token in enumerate(tokens) if token.quantity is not None]
    for at, token in found[:MOST_QUANTITIES]:
        quantity = token.quantity
        assert quantity is not None
        first, after = _clause(tokens, at)
        clause = tokens[first:after]
        marker = next((each for each in reversed(markers) if each.first < at), None)
        subject_end = max(first, min((each.first for each in markers if each.first >= first), default=at))
        yield Claim(
            kind="quantity",
            start=sentence.start,
            end=sentence.end,
            focus=(token.start, token.end),
            subject=content(tokens[first : min(subject_end, at)]),
            measure=content([*tokens[max(first, at - NEAR) : at], *tokens[at + 1 : min(after, at + 1 + NEAR)]]),
            dimension=f"{quantity.dimension} {stem_of(quantity.of.lower())}"
            if quantity.kind == "number"
            else quantity.dimension,
            comparator=quantity.comparator,
            quantity=quantity.base,
            magnitude=quantity.magnitude,
            upper=quantity.base_upper,
            unit=quantity.unit,
            scope=_scope(tokens, first, after),
            modality=marker.modality if marker is not None else Modality.STATED,
            words=content(clause),
            excepted=sentence.row or len(found) > 1,
        )


def _dimension(quantity: Quantity) -> str:
    """What it counts in: of a plain number, the word it counts."""
    return f"{quantity.dimension} {stem_of(quantity.of.lower())}" if quantity.kind == "number" else quantity.dimension


def _clause(tokens: Sequence[Token], at: int) -> tuple[int, int]:
    first, after = at, at
    while first > 0 and tokens[first - 1].lower not in BREAKS:
        first -= 1
    while after < len(tokens) and tokens[after].lower not in BREAKS:
        after += 1
    return first, after


def _scope(tokens: Sequence[Token], first: int, after: int) -> frozenset[str]:
    """What stands behind "for", "in", "if" and the like, up to a comma or a figure."""
    inside: list[Token] = []
    opened = False
    for token in tokens[first:after]:
        if token.lower in SCOPE_OPENERS:
            opened = True
        elif token.is_mark or token.quantity is not None or token.lower in _VERBS:
            opened = False
        elif opened:
            inside.append(token)
    return content(inside)
