"""Reads definitions ("X means …", "X includes …") out of one sentence; must not judge whether two of them agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from context.claims.claim import Claim
from context.claims.grammar import BREAKS, STOP, UNIVERSALS
from context.claims.phrases import content
from context.claims.sentences import Sentence
from context.claims.tokens import Token
from context.wordlists import word_set

_MEANS = (
    ("means",), ("mean",), ("shall", "mean"), ("is", "defined", "as"), ("are", "defined", "as"), ("refers", "to"),
    ("stands", "for"), ("is", "that"),
)  # fmt: skip
_INCLUDES = (
    ("includes",), ("include",), ("shall", "include"), ("may", "include"), ("consists", "of"), ("consist", "of"),
)  # fmt: skip
_BEFORE_TERM = word_set("the hereinafter hereafter collectively each a ,")
_OPENING = frozenset("\"“*‘'_")
_CLOSING = frozenset("\"”*’'_")
LONGEST_TERM = 8  # words
MOST_DEFINING = 40  # words before a term in brackets that may say what it is
_FINITE = word_set("is are was were has have had will shall may can must might would could should do does did")
_RELATIVE = word_set("that which who")


def definition_in(sentence: Sentence, tokens: Sequence[Token], text: str) -> Iterator[Claim]:
    """What the sentence defines: the subject is the term, the things what it is said to be or include."""
    yield from _in_brackets(sentence, tokens, text)
    for at in range(1, min(len(tokens), 40)):
        for comparator, phrases in (("means", _MEANS), ("includes", _INCLUDES)):
            for phrase in phrases:
                if tuple(token.lower for token in tokens[at : at + len(phrase)]) != phrase:
                    continue
                term = _term(tokens[:at], text)
                behind = tokens[at + len(phrase) :]
                if not term or not behind or tokens[at - 1].lower in ("not", "never"):
                    return
                yield Claim(
                    kind="definition",
                    start=sentence.start,
                    end=sentence.end,
                    focus=(term[0].start, behind[min(len(behind), 24) - 1].end),
                    subject=content(term),
                    comparator=comparator,
                    things=content(behind),
                    universal=any(token.lower in UNIVERSALS for token in behind[:12]),
                    words=content(tokens),
                )
                return


def _in_brackets(sentence: Sentence, tokens: Sequence[Token], text: str) -> Iterator[Claim]:
    """The drafter's way: technical and commercial information (the “Confidential Information”).

    The term stands for what is named right before it. What is done with that (before the last verb, or behind the
    bracket) says nothing of what it is.
    """
    for at, token in enumerate(tokens):
        if token.lower != "(" or token.start < sentence.start or at + 2 >= len(tokens):
            continue
        first = at + 1
        while first < len(tokens) and tokens[first].lower in _BEFORE_TERM:
            first += 1
        if first >= len(tokens) or text[tokens[first].start - 1] not in '"“':
            continue
        end = next((n for n in range(first, min(len(tokens), first + LONGEST_TERM)) if tokens[n].lower == ")"), None)
        if end is None:
            continue
        begin = _named_from(tokens, max(0, at - MOST_DEFINING), at)
        yield Claim(
            kind="definition",
            start=sentence.start,
            end=sentence.end,
            focus=(max(sentence.start, tokens[begin].start), tokens[end].end),
            subject=content(tokens[first:end]),
            comparator="means",
            things=content(tokens[begin:at]),
            words=content(tokens),
        )


def _named_from(tokens: Sequence[Token], first: int, at: int) -> int:
    """Where the words begin that name what a bracket at `at` gives a term to: behind the last verb of the sentence
    itself. A verb behind "which" or "that" is a part of the name.
    """
    for place in range(at - 1, first - 1, -1):
        if tokens[place].lower in _FINITE and tokens[place - 1].lower not in _RELATIVE:
            return place + 1
    return first


def _term(before: Sequence[Token], text: str) -> Sequence[Token]:
    """The words that are defined: those in quotation marks or bold, else all, where they are few."""
    for at, token in enumerate(before):
        if token.start and text[token.start - 1] in _OPENING:
            end = at
            while end < len(before) and text[before[end].end : before[end].end + 1] not in _CLOSING:
                end += 1
            return before[at : end + 1]
    kept = before
    for at in range(len(before) - 1, -1, -1):
        if before[at].lower in BREAKS or before[at].lower in (",", "that"):
            kept = before[at + 1 :]
            break
    meaning = [token for token in kept if token.lower not in STOP]
    return kept if 0 < len(meaning) <= LONGEST_TERM else ()
