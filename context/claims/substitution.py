"""Decides two sentences that are the same but for one thing: a number, an ordinal, a "not", one word for its opposite.

Must not decide where anything else differs: an added word is a scope, and a scope is no contradiction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from context.claims.figures import Figure, cannot_both_hold
from context.claims.lexicon import LONGEST_PHRASE, are_opposite, exclusive_class, say_the_same
from context.claims.modality import Modality, markers_of
from context.claims.tokens import ARTICLES, Token
from context.wordlists import word_set

MOST_TOKENS = 120  # of one sentence; aligning costs its square
MOST_DIFFERENCES = 8
FEWEST_SHARED = 2
_FILLERS = ARTICLES | word_set("very also own please just hereby therefore both that then all any every each")
_RELATIVES = frozenset({"that", "which", "who", "whose", "whom", "where", "when", "if"})
_SAYING = frozenset({"negation", "opposite", "class"})
_NOT = frozenset({"not", "never", "no", "non"})
_AUXILIARIES = word_set("do does did is are was be has have to a an any")
_BOUNDING = word_set(
    "at least most no not more less than within up to over under above below by later earlier fewer exceed"
)
_MEASURES = frozenset({"percent", "money", "duration", "date"})
_BE = frozenset({"is", "are", "was", "were", "be", "been", "being", "'s"})

Nature = Literal["quantity", "ordinal", "negation", "opposite", "class"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two sentences differ so that not both can hold. Ranges are of tokens."""

    nature: Nature
    ours: tuple[int, int]
    theirs: tuple[int, int]
    detail: str = ""


def only_difference(one: Sequence[Token], other: Sequence[Token], *, one_situation: bool) -> Difference | None:
    """The one thing in which two sentences differ, if it shuts both from being true; None where there is no such thing.

    `one_situation` says that both are known to speak of the same event: then countries, colours and the like shut each
    other out, which in rules are scopes.
    """
    described = one_situation and _describes(one) and _describes(other)
    one, other = _telling(one), _telling(other)
    if not one or not other or max(len(one), len(other)) > MOST_TOKENS:
        return None
    if abs(len(one) - len(other)) > 2 * LONGEST_PHRASE:
        return None
    found: list[Difference] = []
    shared = 0
    matcher = SequenceMatcher(None, [_key(each) for each in one], [_key(each) for each in other], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            shared += sum(not token.is_mark for token in one[i:j])
            continue
        judged = _judge(one, (i, j), other, (k, m), described=described)
        if judged is None:
            return None
        found += judged
        if len(found) > MOST_DIFFERENCES:
            return None
    said = [each for each in found if each.nature in _SAYING and not described]
    if any(_narrows(one, each.ours) or _narrows(other, each.theirs) for each in said):
        return None
    if not found or shared < FEWEST_SHARED or len({_what(each, one, other) for each in found}) > 1:
        return None
    return found[0]


def original(tokens: Sequence[Token], span: tuple[int, int]) -> tuple[int, int]:
    """Where in the text the tokens of a Difference stand. An empty range is the place behind the token before it."""
    telling = _telling(tokens)
    first, after = span
    if first < after:
        return telling[first].start, telling[after - 1].end
    near = telling[min(first, len(telling) - 1)]
    return near.start, near.end


def _telling(tokens: Sequence[Token]) -> list[Token]:
    """The tokens without articles and marks, and without the words that bound a quantity: it knows its bound."""
    telling: list[Token] = []
    for token in tokens:
        if token.lower in ARTICLES or token.is_mark:
            continue
        if token.quantity is not None and token.quantity.comparator:
            while telling and telling[-1].quantity is None and telling[-1].lower in _BOUNDING:
                telling.pop()
        telling.append(token)
    return telling


def _key(token: Token) -> object:
    return token.key if token.quantity is not None else token.lower


def _what(difference: Difference, one: Sequence[Token], other: Sequence[Token]) -> object:
    ours, theirs = one[slice(*difference.ours)], other[slice(*difference.theirs)]
    if difference.nature == "opposite":
        return (difference.nature, difference.detail)
    return (difference.nature, *(_key(token) for token in (*ours, *theirs)))


def _judge(
    one: Sequence[Token], ours: tuple[int, int], other: Sequence[Token], theirs: tuple[int, int], *, described: bool
) -> list[Difference] | None:
    """The differences of one place: [] where it says the same, None where it may be anything."""
    i, j = ours
    k, m = theirs
    mine, its = one[i:j], other[k:m]
    if not mine or not its:
        return _judge_added(one, ours, other, theirs)
    if len(mine) == len(its):
        judged = [_judge_pair(one, (i + n, i + n + 1), other, (k + n, k + n + 1), described) for n in range(len(mine))]
        if all(each is not None for each in judged):
            return [difference for each in judged if each is not None for difference in each]
    if len(mine) <= LONGEST_PHRASE and len(its) <= LONGEST_PHRASE:
        return _judge_pair(one, ours, other, theirs, described)
    return None


def _judge_added(
    one: Sequence[Token], ours: tuple[int, int], other: Sequence[Token], theirs: tuple[int, int]
) -> list[Difference] | None:
    added = [token for token in (*one[slice(*ours)], *other[slice(*theirs)]) if token.lower not in _FILLERS]
    if not added:
        return []
    negating = [token for token in added if token.lower in _NOT]
    if len(negating) == 1 and all(token.lower in _AUXILIARIES for token in added if token not in negating):
        return [Difference("negation", ours, theirs)]
    return None


def _judge_pair(
    one: Sequence[Token], ours: tuple[int, int], other: Sequence[Token], theirs: tuple[int, int], described: bool
) -> list[Difference] | None:
    mine, its = one[slice(*ours)], other[slice(*theirs)]
    if len(mine) == len(its) == 1 and mine[0].quantity is not None and its[0].quantity is not None:
        return _judge_quantities(mine[0], its[0], ours, theirs, described)
    if any(token.quantity is not None for token in (*mine, *its)):
        return None
    for wider_ours, wider_theirs in _windows(one, ours, other, theirs):
        here = " ".join(token.lower for token in one[slice(*wider_ours)])
        there = " ".join(token.lower for token in other[slice(*wider_theirs)])
        name = exclusive_class(here, there)
        if name:
            return [Difference("class", wider_ours, wider_theirs, name)] if described else None
        if are_opposite(here, there):
            allowed = described or (_is_said_of_it(one, wider_ours) and _is_said_of_it(other, wider_theirs))
            return [Difference("opposite", wider_ours, wider_theirs, _pair(here, there))] if allowed else None
        if say_the_same(here, there):
            return []
    return _judge_modality(one, ours, other, theirs)


def _judge_quantities(
    mine: Token, its: Token, ours: tuple[int, int], theirs: tuple[int, int], described: bool
) -> list[Difference] | None:
    here, there = mine.quantity, its.quantity
    assert here is not None
    assert there is not None
    if here.dimension != there.dimension or (here.kind == "ordinal") != (there.kind == "ordinal"):
        return None
    if here.comparator != there.comparator:
        ours_figure = Figure(here.base, here.comparator, here.base_upper)
        shut_out = cannot_both_hold(ours_figure, Figure(there.base, there.comparator, there.base_upper))
        return [Difference("quantity", ours, theirs)] if shut_out else None
    if here.kind == "ordinal":
        return [Difference("ordinal", ours, theirs)] if described or ours[0] >= 3 else None
    if described and here.comparator in (">=", "<=", ">", "<", "~"):
        return None  # at least two and at least three can both be seen
    return [Difference("quantity", ours, theirs)]


def _judge_modality(
    one: Sequence[Token], ours: tuple[int, int], other: Sequence[Token], theirs: tuple[int, int]
) -> list[Difference] | None:
    """Whether the places hold modal expressions of which one forbids what the other obliges to or permits."""
    here, there = markers_of(one[slice(*ours)]), markers_of(other[slice(*theirs)])
    if len(here) != 1 or len(there) != 1:
        return None
    if (here[0].after - here[0].first, there[0].after - there[0].first) != (ours[1] - ours[0], theirs[1] - theirs[0]):
        return None
    if here[0].modality == there[0].modality:
        return []
    if clash(here[0].modality, there[0].modality):
        return [Difference("negation", ours, theirs)]
    return None


def clash(one: Modality, other: Modality) -> bool:
    """Whether the same act cannot stand under both."""
    pair = {one, other}
    return pair in (
        {Modality.MUST, Modality.MUST_NOT},
        {Modality.MAY, Modality.MUST_NOT},
        {Modality.MUST, Modality.NEED_NOT},
        {Modality.SHOULD, Modality.SHOULD_NOT},
        {Modality.SHOULD, Modality.MUST_NOT},
        {Modality.MUST, Modality.SHOULD_NOT},
    )


def _windows(
    one: Sequence[Token], ours: tuple[int, int], other: Sequence[Token], theirs: tuple[int, int]
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The two places, and each with the word they share before or behind: living | dining *room*."""
    (i, j), (k, m) = ours, theirs
    found = [(ours, theirs)]
    if j < len(one) and m < len(other) and one[j].lower == other[m].lower:
        found.append(((i, j + 1), (k, m + 1)))
    if i and k and one[i - 1].lower == other[k - 1].lower:
        found.append(((i - 1, j), (k - 1, m)))
    return found


def _narrows(tokens: Sequence[Token], span: tuple[int, int]) -> bool:
    """Whether the place is in words that narrow a noun ("trips that are not for work"): a scope, and no statement."""
    return any(token.lower in _RELATIVES for token in tokens[max(0, span[0] - 3) : span[0]])


def _pair(here: str, there: str) -> str:
    return " | ".join(sorted((here, there)))


def _is_said_of_it(tokens: Sequence[Token], span: tuple[int, int]) -> bool:
    """Whether the words are what a sentence says of its subject ("fees are refundable"), and no part of its scope."""
    first, after = span
    return first >= 1 and tokens[first - 1].lower in _BE and after == len(tokens)


def _describes(tokens: Sequence[Token]) -> bool:
    """Whether the sentence tells of one event or thing, and sets no rule: no modal word, no amount with a unit, no
    bare plural that stands for all of its kind.
    """
    if any(_measures(token) for token in tokens):
        return False
    if any(marker.certain for marker in markers_of(tokens)):
        return False
    return not _is_generic(tokens)


def _measures(token: Token) -> bool:
    """Whether it is an amount as rules have them: 30 days, and not "a day" in the sun."""
    quantity = token.quantity
    return (
        quantity is not None and quantity.kind in _MEASURES and (quantity.magnitude != 1 or quantity.text[:1].isdigit())
    )


def _is_generic(tokens: Sequence[Token]) -> bool:
    if not tokens:
        return False
    first = tokens[0].lower
    continues = any(token.lower.endswith("ing") for token in tokens)
    return len(first) > 3 and first.endswith("s") and not first.endswith("ss") and not continues
