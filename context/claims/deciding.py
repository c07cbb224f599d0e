"""Decides whether two texts contradict each other, and shows where; must not decide what it cannot show.

Pure and deterministic: no model, no clock, no database. The order of the two texts changes nothing but the sides.
"""

from __future__ import annotations

from dataclasses import dataclass

from context.claims.claim import Claim
from context.claims.conflicts import clash_of
from context.claims.grammar import STOP
from context.claims.reading import Read, read
from context.claims.substitution import FEWEST_SHARED, only_difference, original
from context.claims.tokens import Token
from context.wordlists import word_set

MOST_PAIRS = 5_000  # of sentences compared word by word
MOST_CLAIM_PAIRS = 40_000
FEWEST_TELLING = 2  # words of meaning in a sentence that is compared with one of another item
LONGEST_VALUE = 4  # words behind the colon of a label
_POINTING = word_set("this that these those it they he she here there such both so then")


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """Where in a text the sentence stands, and in it the words that decide."""

    start: int
    end: int
    focus: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradiction:
    """Two passages that cannot both hold, by which rule, and the reason in one plain sentence."""

    rule: str
    a: Passage
    b: Passage
    sentence: str


def contradiction(
    a: str, b: str, *, one_situation: bool = False, shared_scope: frozenset[str] = frozenset()
) -> Contradiction | None:
    """The first contradiction between two texts, or None.

    `one_situation`: both are known to tell of the same event, so that a colour or country shuts out another.
    `shared_scope`: stems of words that hold for both texts anyway, and so tell no scopes apart.
    """
    if a == b:
        return None
    turn = b < a
    first, second = (b, a) if turn else (a, b)
    found = _by_sentence(first, second, one_situation) or _by_claim(first, second, shared_scope)
    if found is None:
        return None
    ours, theirs = (found.second, found.first) if turn else (found.first, found.second)
    sentence = found.sentence.format(a=_quoted(a, ours.focus), b=_quoted(b, theirs.focus))
    return Contradiction(rule=found.rule, a=ours, b=theirs, sentence=sentence)


@dataclass(frozen=True, slots=True)
class _Found:
    rule: str
    first: Passage
    second: Passage
    sentence: str


def _by_sentence(a: str, b: str, one_situation: bool) -> _Found | None:
    ours, theirs = read(a), read(b)
    words = [frozenset(_plain(each.tokens)) for each in theirs.sentences]
    left = MOST_PAIRS
    for one in ours.sentences:
        own = frozenset(_plain(one.tokens))
        for other, there in zip(theirs.sentences, words, strict=True):
            shared = len(own & there)
            if shared < FEWEST_SHARED or 2 * shared < max(len(own), len(there)):
                continue
            left -= 1
            if left < 0:
                return None
            if one.sentence.row or other.sentence.row:
                continue
            if not one_situation and not (_stands_alone(one) and _stands_alone(other)):
                continue
            difference = only_difference(one.tokens, other.tokens, one_situation=one_situation)
            if difference is not None:
                return _Found(
                    difference.nature,
                    _passage(one, original(one.tokens, difference.ours)),
                    _passage(other, original(other.tokens, difference.theirs)),
                    _SENTENCES[difference.nature],
                )
    return None


def _by_claim(a: str, b: str, shared_scope: frozenset[str]) -> _Found | None:
    left = MOST_CLAIM_PAIRS
    theirs = read(b).claims
    for one in read(a).claims:
        for other in theirs:
            left -= 1
            if left < 0:
                return None
            clash = clash_of(one, other, shared_scope=shared_scope)
            if clash is not None:
                return _Found(
                    clash.rule,
                    Passage(start=one.start, end=one.end, focus=one.focus),
                    Passage(start=other.start, end=other.end, focus=other.focus),
                    clash.sentence,
                )
    return None


_SENTENCES = {
    "quantity": "The two say the same but for the figure: one has {a}, the other {b}.",
    "ordinal": "The two say the same but for the order: one has {a}, the other {b}.",
    "negation": "The two say the same, but one of them denies it: {a} against {b}.",
    "opposite": "The two say the same but for one word and its opposite: {a} against {b}.",
    "class": "The two say the same of one thing, but one has {a} and the other {b}.",
}


def _stands_alone(said: Read) -> bool:
    """Whether a sentence says by itself what it is about: enough words, and none that points to what came before."""
    words = [token for token in said.tokens if token.quantity is None and not token.is_mark]
    telling = {token.stem for token in words if token.lower not in STOP and len(token.lower) > 1}
    # "Last updated: 8 June" is a label of its own text, not a statement about another.
    labelled = any(token.lower == ":" for token in said.tokens[-1 - LONGEST_VALUE :])
    return len(telling) >= FEWEST_TELLING and words[0].lower not in _POINTING and not labelled


def _plain(tokens: tuple[Token, ...]) -> list[str]:
    return [token.lower for token in tokens if not token.is_mark and token.quantity is None]


def _passage(said: Read, focus: tuple[int, int]) -> Passage:
    return Passage(start=said.sentence.start, end=said.sentence.end, focus=focus)


def _quoted(text: str, focus: tuple[int, int]) -> str:
    words = " ".join(text[focus[0] : focus[1]].split())
    return f"“{words if len(words) <= 90 else words[:89].rstrip() + '…'}”"


__all__ = ["Claim", "Contradiction", "Passage", "contradiction"]
