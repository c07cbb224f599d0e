"""Says which two typed claims cannot both hold; must not read texts."""

from __future__ import annotations

from dataclasses import dataclass

from context.claims.claim import Claim
from context.claims.figures import Figure, cannot_both_hold
from context.claims.grammar import PARTY_WORDS
from context.claims.lexicon import key_of
from context.claims.modality import Modality
from context.claims.substitution import clash as modal_clash
from context.claims.words import stem_of
from context.wordlists import words

FEWEST_SHARED_WORDS = 3
LEAST_SHARE = 0.6  # of the words of both sentences
FEWEST_OTHERS = 6  # words a definition must have besides what the restriction admits
_PARTIES = frozenset(key_of(stem_of(word)) for word in PARTY_WORDS)
_WIDE = frozenset(
    key_of(stem_of(word))
    for word in words(
        """anyone anybody everyone everybody person individual entity firm circumstances thereof
        received disclosed provided furnished obtained supplied"""
    )
)
_LEAVE = frozenset(key_of(stem_of(word)) for word in words("consent approval permission authorisation leave allow"))


@dataclass(frozen=True, slots=True)
class Clash:
    """By which rule two claims clash; the sentence has places for the words of each."""

    rule: str
    sentence: str


def clash_of(one: Claim, other: Claim, *, shared_scope: frozenset[str] = frozenset()) -> Clash | None:
    """Why two claims cannot both hold, or None. Says the same with the two exchanged."""
    kinds = {one.kind, other.kind}
    if kinds == {"quantity"}:
        return _quantities(one, other, shared_scope)
    if kinds == {"declared"}:
        return _declared(one, other)
    if kinds == {"rule"}:
        return _rules(one, other, shared_scope) or _rules(other, one, shared_scope)
    if kinds == {"restriction", "definition"}:
        return _only(one, other) if one.kind == "restriction" else _only(other, one)
    return None


def _quantities(one: Claim, other: Claim, shared_scope: frozenset[str]) -> Clash | None:
    if one.dimension != other.dimension or one.dimension == "ordinal" or one.excepted or other.excepted:
        return None  # a first and a second are mostly two things; where they are not, the sentences are the same
    if not cannot_both_hold(_figure(one), _figure(other)):
        return None
    if one.comparator and one.comparator == other.comparator and _counts_what_is_seen(one, other):
        return None
    if one.scope - shared_scope != other.scope - shared_scope:
        return None
    if one.subject - other.words - shared_scope or other.subject - one.words - shared_scope:
        return None  # what only one of them is about is a scope
    ours, theirs = one.words - shared_scope, other.words - shared_scope
    shared, all_words = ours & theirs, ours | theirs
    if len(shared) < FEWEST_SHARED_WORDS or len(shared) < LEAST_SHARE * len(all_words):
        return None
    if (one.measure | other.measure) and not one.measure & other.measure:
        return None
    return Clash("quantity", "The two give the same thing different figures: {a} against {b}.")


def _counts_what_is_seen(one: Claim, other: Claim) -> bool:
    """Whether nobody sets a limit here: at least two men are waiting, and so are at least three."""
    return one.dimension.startswith("count") and one.modality == other.modality == Modality.STATED


def _declared(one: Claim, other: Claim) -> Clash | None:
    """Declared claims say themselves what they are about, and are compared as said."""
    if (one.subject, one.measure, one.dimension) != (other.subject, other.measure, other.dimension):
        return None
    if (one.scope, one.role) != (other.scope, other.role) or not cannot_both_hold(_figure(one), _figure(other)):
        return None
    return Clash("quantity", "The two set different limits for the same thing: {a} against {b}.")


def _figure(claim: Claim) -> Figure:
    return Figure(claim.quantity, claim.comparator, claim.upper)


def _rules(one: Claim, other: Claim, shared_scope: frozenset[str]) -> Clash | None:
    """`one` permits or obliges, `other` forbids or releases."""
    if not modal_clash(one.modality, other.modality) or one.modality in (
        Modality.MUST_NOT, Modality.SHOULD_NOT, Modality.NEED_NOT,
    ):  # fmt: skip
        return None
    if one.acts.isdisjoint(other.acts) or one.excepted or one.leave or other.excepted:
        return None
    if not _same_things(one, other) or (other.leave and one.words & _LEAVE):
        return None  # not without consent, and with consent, say the same
    if not _same_role(one, other) or not _reaches(one, other, shared_scope):
        return None
    if one.conditions - other.words - shared_scope or other.conditions - one.words - shared_scope:
        return None
    if other.modality != Modality.NEED_NOT and not _reaches(other, one, shared_scope):
        return None
    words = {
        Modality.NEED_NOT: "One text obliges to what the other does not require: {a} against {b}.",
    }
    return Clash(
        "rule", words.get(other.modality, "One text allows or demands what the other forbids: {a} against {b}.")
    )


def _same_role(one: Claim, other: Claim) -> bool:
    """Whether both bind the same people. "The receiving party" is whoever the other contract calls by name."""
    ours, theirs = one.role - _WIDE, other.role - _WIDE
    return ours == theirs or ours <= _PARTIES or theirs <= _PARTIES


def _reaches(one: Claim, other: Claim, shared_scope: frozenset[str]) -> bool:
    """Whether some alternative of what narrows `one` (to whom, with what) is spoken of in `other`, too."""
    known = other.words | _PARTIES | _WIDE | shared_scope | one.acts
    return not one.reach or any(piece <= known for piece in one.reach)


def _same_things(one: Claim, other: Claim) -> bool:
    """Whether what `other` forbids is no narrower than what `one` speaks of."""
    heads = (one.head & other.head) - _PARTIES
    known = one.words | other.acts | _PARTIES | _WIDE
    return bool(heads) and (not other.objects or any(piece <= known and piece & heads for piece in other.objects))


def _only(restriction: Claim, definition: Claim) -> Clash | None:
    named = definition.subject - _PARTIES
    if (
        not named
        or not named <= restriction.subject
        or not restriction.subject <= definition.subject | definition.things
    ):
        return None
    more = definition.things - restriction.subject - restriction.things - restriction.head - _PARTIES
    if len(more) < FEWEST_OTHERS:
        return None
    return Clash("only", "One text admits nothing else, the other names more: {a} against {b}.")
