"""Takes the phrases of a clause apart: its verbs, its object, to whom and by what means; must not read modal words."""

from __future__ import annotations

from collections.abc import Sequence

from context.claims.grammar import ADVERBS, DETERMINERS, JOINS, LIGHT_VERBS, PARTY_WORDS, PREPOSITIONS, STOP
from context.claims.lexicon import key_of
from context.claims.tokens import Token
from context.claims.words import Word

MOST_VERBS = 12
_MARKS = frozenset({",", "(", ")", ":"})


def content(tokens: Sequence[Token]) -> frozenset[str]:
    """The words that carry meaning, by the name of their meaning."""
    return frozenset(
        key_of(token.stem)
        for token in tokens
        if token.quantity is None and token.lower[:1].isalpha() and token.lower not in STOP and len(token.lower) > 1
    )


def content_of(words: Sequence[Word]) -> frozenset[str]:
    """The same of words among which no quantity was read."""
    return content([Token(word.start, word.end, word.lower, word.stem) for word in words])


def past_adverbs(tokens: Sequence[Token], at: int, end: int) -> int:
    """Past adverbs and what stands between commas right behind the modal word."""
    while at < end:
        lower = tokens[at].lower
        if lower == "," and at + 1 < end and tokens[at + 1].lower in PREPOSITIONS:
            at = next((n + 1 for n in range(at + 1, min(end, at + 30)) if tokens[n].lower == ","), end)
            continue
        if lower in _MARKS or lower in ADVERBS or (lower.endswith("ly") and len(lower) > 4):
            at += 1
        else:
            break
    return at


def verbs_at(tokens: Sequence[Token], at: int, end: int) -> tuple[list[str], int]:
    """The verbs that the modal word governs: the first, and those joined to it. "Make a copy of" is to copy."""
    verbs: list[str] = []
    while at < end and len(verbs) < MOST_VERBS:
        token = tokens[at]
        if token.is_mark or token.quantity is not None or token.lower in DETERMINERS or token.lower in PREPOSITIONS:
            break
        verbs.append(key_of(token.stem))
        if token.lower in LIGHT_VERBS:
            noun = at + 1
            while noun < end and (tokens[noun].lower in DETERMINERS or tokens[noun].lower in ("copies",)):
                if tokens[noun].lower == "copies":
                    break
                noun += 1
            if noun < end and noun > at:
                verbs.append(key_of(tokens[noun].stem))
                at = noun
        at += 1
        joined = at
        while joined < end and _joins(tokens[joined]):
            joined += 1
        if joined == at:
            break
        follows = tokens[joined].lower if joined < end else ""
        joins = any(tokens[n].lower in JOINS for n in range(at, joined))
        if not follows or follows in DETERMINERS or follows in PREPOSITIONS or tokens[joined].is_mark:
            at = joined if joins and follows not in DETERMINERS else at
            break
        if not joins:
            break
        at = joined
    return verbs, at


def _joins(token: Token) -> bool:
    return token.lower in JOINS or token.lower in ADVERBS or token.lower.endswith("ly")


def object_of(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """The words up to the first preposition that is not "of", and the rest."""
    for at, token in enumerate(tokens):
        if token.lower in PREPOSITIONS and token.lower != "of" and at:
            return tokens[:at], tokens[at:]
    return tokens, ()


def by_whom(tokens: Sequence[Token]) -> tuple[Sequence[Token], Sequence[Token]]:
    """Of what follows a passive verb: who does it, and the rest."""
    if not tokens or tokens[0].lower != "by":
        return (), tokens
    after = next((n for n, token in enumerate(tokens) if token.lower in PREPOSITIONS - {"by"}), len(tokens))
    return tokens[:after], tokens[after:]


def alternatives(tokens: Sequence[Token]) -> tuple[frozenset[str], ...]:
    """The alternatives of a phrase, as "or" and commas part them; () where it says nothing."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.lower in ("or", ",", "nor", "(", ")"):
            pieces.append([])
        else:
            pieces[-1].append(token)
    return tuple(said for piece in pieces if (said := content(piece)))


def noun_phrases(tokens: Sequence[Token]) -> tuple[frozenset[str], ...]:
    """Runs of words that carry meaning: a noun with what narrows it."""
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token.is_mark or token.lower in STOP or token.quantity is not None:
            runs.append([])
        else:
            runs[-1].append(token)
    return tuple(said for run in runs if (said := content(run)))


def nouns_of(tokens: Sequence[Token]) -> frozenset[str]:
    """The nouns that a phrase is about: the last word before a preposition, a mark or the end, of each of its parts."""
    heads: set[str] = set()
    last: Token | None = None
    for token in [*tokens, None]:
        if token is not None and token.lower.endswith("ed") and last is not None:
            token = None
        if (
            token is not None
            and not token.is_mark
            and token.lower not in PREPOSITIONS
            and token.lower not in ("or", "and")
        ):
            if token.lower not in STOP and token.lower not in PARTY_WORDS and token.quantity is None:
                last = token
        elif last is not None:
            heads.add(key_of(last.stem))
            last = None
    return frozenset(heads)
