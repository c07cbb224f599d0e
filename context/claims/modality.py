"""Finds what a sentence obliges, forbids or permits, and where; must not judge to whom or to what it applies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from context.claims.tokens import Token


class Modality(StrEnum):
    """How strongly a rule binds. STATED is a plain statement."""

    STATED = ""
    MUST = "must"
    MUST_NOT = "must not"
    SHOULD = "should"
    SHOULD_NOT = "should not"
    MAY = "may"
    NEED_NOT = "need not"


@dataclass(frozen=True, slots=True)
class Marker:
    """A modal expression: its kind, and its tokens `[first, after)`; what it governs begins at `after`."""

    modality: Modality
    first: int
    after: int
    certain: bool = True  # "will" and "can" also say what simply happens


_PHRASES: dict[Modality, str] = {
    Modality.MUST_NOT: "must not|shall not|may not|may no longer|must no longer|shall no longer|"
    "is not to|are not to|is not permitted to|are not permitted to|"
    "is not allowed to|are not allowed to|not be permitted to|not be allowed to|not be entitled to|is not entitled to|"
    "are not entitled to|not authorised to|not authorized to|is prohibited from|are prohibited from|"
    "be prohibited from|is forbidden to|are forbidden to|forbidden from|refrain from|refrains from|agrees not to|"
    "agree not to|undertakes not to|undertake not to|covenants not to|further agrees not to|must never|shall never|"
    "may never|never|shall refrain from|must refrain from|under no circumstances|do not|does not|shall neither|"
    "will not|can not",
    Modality.NEED_NOT: "need not|is not required to|are not required to|not be required to|not be obliged to|"
    "is not obliged to|are not obliged to|not obligated to|does not have to|do not have to|does not need to|"
    "do not need to|no obligation to|without being required to|not required to",
    Modality.SHOULD_NOT: "should not|ought not to",
    Modality.SHOULD: "should|ought to|is expected to|are expected to",
    Modality.MAY: "may|can|is permitted to|are permitted to|is allowed to|are allowed to|be permitted to|be allowed to|"
    "is entitled to|are entitled to|be entitled to|is free to|are free to|be free to|has the right to|"
    "have the right to|is authorised to|is authorized to|are authorised to|are authorized to",
    Modality.MUST: "must|shall|is required to|are required to|be required to|is to|are to|has to|have to|needs to|"
    "need to|is obliged to|are obliged to|be obliged to|agrees to|agree to|undertakes to|undertake to|will|"
    "covenants to|is responsible for|are responsible for|ensure that|ensures that",
}
_BY_WORDS = {tuple(phrase.split()): modality for modality, phrases in _PHRASES.items() for phrase in phrases.split("|")}
_LONGEST = max(len(words) for words in _BY_WORDS)
_UNCERTAIN = {("will",), ("can",), ("will", "not"), ("can", "not"), ("do", "not"), ("does", "not"), ("never",)}
_OF_NONE = frozenset({"no", "neither", "none", "nobody", "nothing"})
_PROMISES = frozenset({"agrees", "agree", "undertakes", "undertake", "covenants", "promises", "shall"})
_OPENING = frozenset({":", ",", ";", ")", "and", "or"})
_AFTER_NO = frozenset({"longer", "later", "more", "less", "earlier", "fewer", "event", "matter", "doubt"})
_OPPOSED = {
    Modality.MAY: Modality.MUST_NOT,
    Modality.MUST: Modality.MUST_NOT,
    Modality.SHOULD: Modality.SHOULD_NOT,
}
_BREAKS = frozenset({";", ":", "(", ")"})
_MAY_BE_A_MONTH = frozenset({"in", "by", "on", "until", "since", "of", "before", "after"})


def markers_of(tokens: Sequence[Token]) -> list[Marker]:
    """The modal expressions of one sentence, in order. "No claim may be …" and "not required" are read as negated."""
    found: list[Marker] = []
    lowers = [token.lower for token in tokens]
    none_since = False
    at = 0
    promised = False
    while at < len(lowers):
        word = lowers[at]
        promised = promised or word in _PROMISES
        if word == "not" and promised and lowers[at + 1 : at + 2] == ["to"] and (not at or lowers[at - 1] in _OPENING):
            found.append(Marker(Modality.MUST_NOT, at, at + 2))
            at += 2
            continue
        if word in _BREAKS:
            none_since = False
        if word in _OF_NONE and not (word == "no" and lowers[at + 1 : at + 2] and lowers[at + 1] in _AFTER_NO):
            none_since = True
        length = _length_at(lowers, at)
        if not length or (word == "may" and _is_month(lowers, at, length)):
            at += 1
            continue
        words = tuple(lowers[at : at + length])
        modality = _BY_WORDS[words]
        if none_since and modality in _OPPOSED:
            modality, none_since = _OPPOSED[modality], False
        found.append(Marker(modality, at, at + length, certain=words not in _UNCERTAIN))
        at += length
    return found


def _length_at(lowers: Sequence[str], at: int) -> int:
    for length in range(min(_LONGEST, len(lowers) - at), 0, -1):
        if tuple(lowers[at : at + length]) in _BY_WORDS:
            return length
    return 0


def _is_month(lowers: Sequence[str], at: int, length: int) -> bool:
    before = lowers[at - 1] if at else ""
    after = lowers[at + length] if at + length < len(lowers) else ""
    return length == 1 and (before in _MAY_BE_A_MONTH or before.isdigit() or after.isdigit())
