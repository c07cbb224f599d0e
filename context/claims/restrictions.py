"""Reads out of one sentence that something is only this and nothing else; must not compare it with what others say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from context.claims.claim import Claim
from context.claims.grammar import BREAKS, PREPOSITIONS
from context.claims.phrases import content
from context.claims.sentences import Sentence
from context.claims.tokens import Token

_ONLY = frozenset({"only", "solely", "exclusively"})
_INCLUDES = frozenset({"includ", "consist", "compris", "contain", "cover", "mean", "refer", "extend"})
_JOINING = frozenset({"of", "to", "the"})
MOST_WORDS = 12
MOST_RESTRICTIONS = 4  # of one sentence


def restrictions_in(sentence: Sentence, tokens: Sequence[Token]) -> Iterator[Claim]:
    """X shall only include technical information: X is the subject, information the head, technical what narrows it."""
    onlys = [at for at, token in enumerate(tokens) if token.lower in _ONLY]
    for at in onlys[:MOST_RESTRICTIONS]:
        verb = _verb_beside(tokens, at)
        if verb is None or at == 0:
            continue
        start = max(at, verb) + 1
        while start < len(tokens) and tokens[start].lower in _JOINING:
            start += 1
        end = start
        while end < min(len(tokens), start + MOST_WORDS):
            lower = tokens[end].lower
            if lower in BREAKS or lower == "," or lower in PREPOSITIONS:
                break
            end += 1
        said = tokens[start:end]
        if not said or any(each.lower in ("or", "and", ",") for each in said):
            continue
        head = content(said[-1:])
        yield Claim(
            kind="restriction",
            start=sentence.start,
            end=sentence.end,
            focus=(max(sentence.start, tokens[min(at, verb)].start), max(sentence.start, said[-1].end)),
            subject=content(tokens[: min(at, verb)]),
            things=content(said[:-1]),
            head=head,
            words=content(tokens),
        )


def _verb_beside(tokens: Sequence[Token], at: int) -> int | None:
    for near in (at + 1, at - 1):
        if 0 <= near < len(tokens) and tokens[near].stem in _INCLUDES:
            return near
    return None
