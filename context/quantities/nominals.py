"""Digits that measure nothing: sections, versions, identifiers, phone numbers, list entries; must not read values."""

from __future__ import annotations

import re

from context.quantities.model import NominalKind
from context.quantities.tokens import Tokens
from context.quantities.units import unit_named
from context.quantities.words import MONEY_SCALES, SCALES, SMALL
from context.wordlists import word_set

_REFERENCES = word_set(
    "section sections sec subsection article articles art clause clauses paragraph paragraphs para chapter chapters "
    "appendix appendices annex schedule exhibit figure fig table step item rule regulation page pages pp part title "
    "footnote note question line lines row issue ticket form"
)
_VERSIONS = word_set("version versions v ver release revision rev edition")
_YEAR_PREPOSITIONS = word_set("in since by before after until from during year fy through till of")
_CHAIN = frozenset({",", "and", "or", "to", "through", "-", "–", "—", "&"})
_CURRENCY_CODES = word_set("USD EUR GBP CHF JPY CAD AUD NZD INR CNY SEK NOK DKK PLN BRL ZAR SGD HKD MXN")
_GLUE = frozenset("#/@=_&\\^")
_TITLED = re.compile(r"[A-Z][a-z]+\Z")
_PHONE_REACH = 12

Found = tuple[NominalKind, int]


def nominal_at(tokens: Tokens, i: int, *, after_reference: bool, after_name: bool) -> Found | None:
    """What the figure at token `i` names and the token behind it, or None where it counts or measures.

    `after_reference` says that the figure before it was a section, so that "Sections 3, 4 and 5" are three;
    `after_name` that the figure two tokens before it names something, too (800-53).
    """
    if phone := _phone(tokens, i):
        return "phone", phone
    if after_reference and tokens.lower(i - 1) in _CHAIN and not _has_unit(tokens, i + 1):
        return "section", i + 1
    if _is_folder(tokens, i):
        return "section", i + 1
    if _glued(tokens, i, after_name=after_name):
        return "identifier", i + 1
    word = tokens.words[i]
    if word.count(".") > 1 and not _thousands(word):
        return ("version" if not tokens.opens_line(i) else "section"), i + 1
    before = tokens.lower(i - 2 if tokens.word(i - 1) == "." and tokens.touches(i - 1) else i - 1)
    sign = tokens.word(i - 1)
    if before in _REFERENCES and tokens.close(i) and not _has_unit(tokens, i + 1):
        return "section", i + 1
    if sign == "§" or (before == "no" and sign == "." and tokens.close(i)):
        return "section", i + 1
    if before in _VERSIONS and tokens.close(i):
        return "version", i + 1
    if _enumerates(tokens, i):
        return "enumerator", i + 1
    if _is_year(tokens, i):
        return "year", i + 1
    if _titled(tokens, i):
        return "identifier", i + 1
    return None


def is_dated_year(tokens: Tokens, i: int) -> bool:
    """Whether the year at `i` says when ("since 2019"), and is not part of a name."""
    return _is_year(tokens, i) and tokens.lower(i - 1) in _YEAR_PREPOSITIONS and tokens.close(i)


def _thousands(word: str) -> bool:
    groups = re.split(r"[.,'’\u00a0\u202f\u2009]", word)
    return len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:-1])


def _has_unit(tokens: Tokens, i: int) -> bool:
    i = i + 1 if tokens.word(i) == "-" else i
    return tokens.word(i) == "%" or unit_named(tokens.word(i), touching=tokens.touches(i)) is not None


def _glued(tokens: Tokens, i: int, *, after_name: bool) -> bool:
    """Part of a longer sign: AC-2, 2FA, #12, path/3, 27001:2013, 800-53."""
    left, before = tokens.word(i - 1), tokens.kind(i - 1)
    if tokens.touches(i):
        if before == "word" and left.upper() not in _CURRENCY_CODES:
            return True
        if left in _GLUE:
            return True
        if left in "-:." and tokens.touches(i - 1):
            if tokens.kind(i - 2) == "word" and tokens.lower(i - 2) not in SMALL:
                return True
            if tokens.kind(i - 2) == "figure" and (left == ":" or after_name):
                return True
    if not tokens.touches(i + 1):
        return False
    right = tokens.word(i + 1)
    if tokens.kind(i + 1) == "word":
        known = right in MONEY_SCALES or right.lower() in SCALES or right.lower() in ("st", "nd", "rd", "th", "x")
        code = right.upper() in _CURRENCY_CODES
        return not (known or code or unit_named(right, touching=True))
    if right in "-:/" and tokens.kind(i + 2) == "figure" and tokens.touches(i + 2):
        return right != "-" or not _ascending(tokens, i, i + 2)
    return right == "_" or (right == "-" and _joins_name(tokens, i + 2))


def _is_folder(tokens: Tokens, i: int) -> bool:
    """01-welcome: a number that only keeps names in order."""
    return (
        tokens.words[i].startswith("0")
        and tokens.is_integer(i)
        and len(tokens.words[i]) > 1
        and tokens.word(i + 1) == "-"
        and tokens.touches(i + 1)
        and tokens.kind(i + 2) == "word"
        and tokens.touches(i + 2)
        and not _has_unit(tokens, i + 1)
    )


def _ascending(tokens: Tokens, i: int, j: int) -> bool:
    if tokens.word(j + 1) == "-" and tokens.touches(j + 1) and tokens.kind(j + 2) == "figure":
        return False
    try:
        low, high = float(tokens.words[i].replace(",", "")), float(tokens.words[j].replace(",", ""))
    except ValueError:
        return False
    return low < high and (tokens.words[i] == "0" or not tokens.words[i].startswith("0"))


def _joins_name(tokens: Tokens, i: int) -> bool:
    """2-A, 9-K: a figure tied to capitals that are no unit."""
    word = tokens.word(i)
    return tokens.touches(i) and word.isupper() and unit_named(word, touching=True) is None


def _enumerates(tokens: Tokens, i: int) -> bool:
    """The number of a list entry or heading: "3. Leave", "## 3.2 Leave", "(4)"."""
    left, right = tokens.word(i - 1), tokens.word(i + 1)
    if left == "(" and right == ")" and tokens.touches(i) and tokens.touches(i + 1):
        return True
    if not tokens.opens_line(i):
        return False
    if right == "\\" and tokens.word(i + 2) in (".", ")"):
        return True
    if right in (".", ")") and tokens.touches(i + 1) and not tokens.touches(i + 2):
        return True
    j = i + 1
    while j < i + 5 and tokens.word(j) in ("*", "_"):
        j += 1
    bold = left in ("*", "_") and j > i + 1
    if bold and "." in tokens.words[i]:
        return True
    heading = left == "#" or "." in tokens.words[i] or bold
    return heading and tokens.close(j) and tokens.word(j)[:1].isupper() and not _has_unit(tokens, j)


def _titled(tokens: Tokens, i: int) -> bool:
    """ISO 27001, RFC 7231, Python 3: a name before it, and nothing counted behind it."""
    name = tokens.word(i - 1)
    if tokens.kind(i - 1) != "word" or not tokens.close(i) or _has_unit(tokens, i + 1):
        return False
    if name.isupper() and len(name) > 1 and name not in _CURRENCY_CODES:
        shouting = tokens.kind(i + 1) == "word" and tokens.word(i + 1).isupper() and len(tokens.word(i + 1)) > 1
        return not shouting
    following = tokens.word(i + 1)
    counted = tokens.kind(i + 1) == "word" and tokens.close(i + 1) and following.islower()
    mid_sentence = i >= 2 and tokens.kind(i - 2) == "word" and not tokens.opens_line(i - 1)
    return mid_sentence and bool(_TITLED.match(name)) and not counted and following not in ("%", "(", "-")


def _is_year(tokens: Tokens, i: int) -> bool:
    word = tokens.word(i)
    if not (tokens.is_integer(i) and len(word) == 4 and 1900 <= int(word) <= 2099) or _has_unit(tokens, i + 1):
        return False
    counted = tokens.kind(i + 1) == "word" and tokens.close(i + 1) and tokens.word(i + 1).islower()
    return not (counted and word.endswith("00"))


def _phone(tokens: Tokens, i: int) -> int:
    """The token behind a phone number that begins at `i` (its + or bracket may stand before); 0 where there is none."""
    opened = tokens.word(i - 1) if tokens.touches(i) else ""
    groups: list[str] = []
    joints: list[str] = []
    j = i
    while j < i + _PHONE_REACH and tokens.is_integer(j) and len(tokens.words[j]) <= 5:
        groups.append(tokens.words[j])
        j += 1
        joint = ""
        while tokens.word(j) in ("-", ")", "(", "."):
            if not tokens.close(j) or len(joint) == 3:
                break
            joint, j = joint + tokens.word(j), j + 1
        if not tokens.close(j):
            break
        joints.append(joint)
    end = i + 1 + 2 * (len(groups) - 1)
    digits = sum(len(group) for group in groups)
    if not 7 <= digits <= 15 or len(groups) < 2:
        return 0
    while end < j and sum(map(tokens.is_integer, range(i, end))) < len(groups):
        end += 1
    if opened == "+":
        return end
    joined = joints[: len(groups) - 1]
    bracketed = opened == "(" and joined[:1] in ([")"], [")-"])
    dashed = all(joint in ("-", ")", ")-") for joint in joined) and len(groups[-1]) == 4 and len(groups[-2]) == 3
    return end if bracketed or dashed else 0
