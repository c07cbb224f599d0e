"""Reads rules (who must, must not, may or need not do what) out of one sentence; must not compare them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from context.claims.claim import Claim
from context.claims.grammar import (
    BE,
    BREAKS,
    CONDITIONS,
    EXCEPTIONS,
    JOINS,
    LEAVE_WORDS,
    SCOPE_OPENERS,
    STOP,
    UNIVERSALS,
)
from context.claims.lexicon import key_of
from context.claims.modality import Marker, Modality
from context.claims.phrases import (
    alternatives,
    by_whom,
    content,
    noun_phrases,
    nouns_of,
    object_of,
    past_adverbs,
    verbs_at,
)
from context.claims.sentences import Sentence
from context.claims.tokens import Token

_ENDS_LEAVE = frozenset({"and", "or", "but"})
_MORE_THAN = frozenset({"more", "less", "later", "earlier", "fewer"})


def rules_in(sentence: Sentence, tokens: Sequence[Token], markers: Sequence[Marker]) -> Iterator[Claim]:
    """The rules of one sentence; `tokens` begin with those of the words that lead into it."""
    yield from _waived(sentence, tokens)
    subject = (0, 0)
    for number, marker in enumerate(markers):
        subject = _subject(tokens, marker, subject, markers[number - 1].after if number else 0)
        after = markers[number + 1].first if number + 1 < len(markers) else len(tokens)
        clause_end = next(
            (at for at in range(marker.after, after) if tokens[at].lower in BREAKS and at > marker.after), after
        )
        if marker is markers[-1] or tokens[clause_end - 1].start >= sentence.start:
            claim = _rule(sentence, tokens, marker, clause_end, subject)
            if claim is not None:
                yield claim


def _subject(tokens: Sequence[Token], marker: Marker, before: tuple[int, int], begin: int) -> tuple[int, int]:
    """What the modal word is said of: the words before it; of those it is joined to by "and", where it has none."""
    if begin and marker.first > begin and tokens[marker.first - 1].lower in JOINS:
        return before
    return begin, marker.first


def _rule(
    sentence: Sentence, tokens: Sequence[Token], marker: Marker, end: int, subject: tuple[int, int]
) -> Claim | None:
    at = past_adverbs(tokens, marker.after, end)
    passive = at < end and tokens[at].lower in BE
    if passive:
        at = past_adverbs(tokens, at + 1, end)
    verbs, at = verbs_at(tokens, at, end)
    if not verbs:
        return None
    before = list(tokens[slice(*subject)])
    reserved = _without_leave(tokens[marker.after : at])[0]
    leave, behind = _without_leave(tokens[at:end])
    object_tokens, rest = object_of(behind)
    if passive:
        by, behind = by_whom(behind)
        things, head, role, reach = content(before), nouns_of(before), content(by), alternatives(behind)
        universal = any(token.lower in UNIVERSALS for token in before)
    else:
        things, head, role, reach = content(object_tokens), nouns_of(object_tokens), content(before), alternatives(rest)
        universal = any(token.lower in UNIVERSALS for token in object_tokens)
    everything = [*before, *behind]
    focus_from = next(
        (token.start for token in tokens[marker.first :] if token.start >= sentence.start), sentence.start
    )
    focus_to = max(tokens[at - 1].end, tokens[min(end, at + 8) - 1].end)
    return Claim(
        kind="rule",
        start=sentence.start,
        end=sentence.end,
        focus=(min(focus_from, sentence.end), max(focus_from, min(focus_to, sentence.end))),
        role=role,
        modality=marker.modality,
        polarity=marker.modality not in (Modality.MUST_NOT, Modality.SHOULD_NOT),
        acts=frozenset(verbs),
        things=things,
        objects=noun_phrases(before if passive else object_tokens),
        head=head,
        reach=tuple(piece - things for piece in reach),
        scope=_scope(everything),
        conditions=_conditions([*tokens[: marker.first], *behind]),
        universal=universal,
        excepted=_is_excepted([*tokens[: marker.first], *tokens[marker.after : at], *behind])
        or _is_excepted_at_last(tokens[end:]),
        leave=leave or reserved or _without_leave(tokens[: marker.first])[0],
        words=content(tokens),
    )


def _waived(sentence: Sentence, tokens: Sequence[Token]) -> Iterator[Claim]:
    """ "… whether or not it is marked as confidential": what is spoken of before need not be marked."""
    for at in range(2, len(tokens) - 3):
        if (tokens[at].lower, tokens[at + 1].lower, tokens[at + 2].lower) != ("whether", "or", "not"):
            continue
        done = next((token for token in tokens[at + 3 : at + 9] if token.lower.endswith("ed")), None)
        if done is None or tokens[at].start < sentence.start:
            continue
        before = tokens[:at]
        yield Claim(
            kind="rule",
            start=sentence.start,
            end=sentence.end,
            focus=(tokens[at].start, done.end),
            modality=Modality.NEED_NOT,
            acts=frozenset({key_of(done.stem)}),
            things=content(before),
            head=content(before),
            words=content(tokens),
        )


def _without_leave(tokens: Sequence[Token]) -> tuple[bool, Sequence[Token]]:
    """Whether somebody's consent is reserved ("without the prior written consent of"), and the words without that."""
    for at, token in enumerate(tokens):
        if token.lower not in ("without", "unless"):
            continue
        for end in range(at + 1, min(len(tokens), at + 12)):
            if tokens[end].lower in LEAVE_WORDS and tokens[end].lower not in ("written", "writing"):
                after = end + 1
                while (
                    after < len(tokens)
                    and not tokens[after].is_mark
                    and tokens[after].lower not in ("and", "or", "but")
                ):
                    after += 1
                return True, [*tokens[:at], *tokens[after:]]
    return False, tokens


def _scope(tokens: Sequence[Token]) -> frozenset[str]:
    inside: list[Token] = []
    opened = False
    for token in tokens:
        if token.lower in SCOPE_OPENERS:
            opened = True
        elif token.is_mark:
            opened = False
        elif opened:
            inside.append(token)
    return content(inside)


def _is_excepted_at_last(tokens: Sequence[Token]) -> bool:
    """Whether an exception stands apart at the end, and so narrows all that was said before it."""
    return any(token.lower == "," and _is_excepted(tokens[at + 1 : at + 3]) for at, token in enumerate(tokens[:-1]))


def _opens_clause(tokens: Sequence[Token], at: int) -> bool:
    """Whether a "that" narrows the noun before it: information that is public."""
    return at + 1 >= len(tokens) or tokens[at + 1].lower in BE or tokens[at + 1].lower in BREAKS


def _conditions(tokens: Sequence[Token]) -> frozenset[str]:
    """The words behind "if", "where" and the like, up to the next comma."""
    inside: list[Token] = []
    opened = False
    for token in tokens:
        if token.lower in CONDITIONS:
            opened = True
        elif token.is_mark:
            opened = False
        elif opened:
            inside.append(token)
    return content(inside)


def _is_excepted(tokens: Sequence[Token]) -> bool:
    for at, token in enumerate(tokens):
        if token.lower in EXCEPTIONS and not (
            token.lower == "than" and at and tokens[at - 1].lower in ("more", "less", "later")
        ):
            return True
        if (
            token.lower in ("that", "which", "who")
            and at
            and tokens[at - 1].lower not in STOP
            and _opens_clause(tokens, at)
        ):
            return True
    return False
