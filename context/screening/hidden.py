"""Finds characters that a reader does not see or takes for others; must not change a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from context.screening.model import Alarm
from context.screening.visible import visible
from context.wordlists import word_set

# Everything that is not plain: the pass over a text looks only at these.
_SUSPECT = re.compile(r"[^\t\n\r -~\u00a0-\u00ac\u00ae-\u02ff]")
_EMOJI_JOINER = "\u200d"
_PRESENTATION = "\ufe0e\ufe0f"
# Letters and signs without a shape, and one that holds others together: they hide or break words.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0")
_FLAGS = re.compile("\U0001f3f4\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|"
                    "\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINING = word_set(
    "ARABIC SYRIAC MONGOLIAN DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA KHMER "
    "MYANMAR TIBETAN NKO"
)
_SEEN = frozenset({"Ll", "Lu", "Lo", "Nd", "Po", "Pd", "Ps", "Pe", "Pi", "Pf", "So", "Sm", "Sc", "Zs"})
_RIGHT_TO_LEFT = frozenset({"R", "AL"})
MARKS_IN_A_ROW = 5
# Letters of other scripts that look like Latin ones.
_LOOKALIKES = frozenset("АВЕЅІЈКМНОРСТУХаеорсухіјѕԛԝһӏԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχϲϳՕՏԼՍօոսցԁᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃ")
_WORD = re.compile(r"[^\W\d_]{2,80}")
_STYLED = re.compile("(?:[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a\U0001f130-\U0001f149\u24b6-\u24e9] ?){4,200}")


def hidden_in(text: str) -> Iterator[Alarm]:
    """Invisible, directional and shapeless characters, tags, misused selectors, piles of marks, lookalike letters."""
    if text.isascii() and not _SUSPECT.search(text):
        return
    yield from _characters(text)
    yield from _lookalikes(text)
    for match in _STYLED.finditer(text):
        yield _alarm(text, "styled_letters", match.start(), match.end(), "Letters from another alphabet of Unicode.")


def unseen_in(text: str) -> Iterator[Alarm]:
    """Those of them that a page would not show, or would show in another order than they are stored, in their order."""
    return (alarm for alarm in _characters(text) if alarm.kind != "piled_marks")


def _characters(text: str) -> Iterator[Alarm]:
    flags = [match.span() for match in _FLAGS.finditer(text)]
    run: tuple[str, int, int] | None = None
    has_rtl: bool | None = None
    for match in _SUSPECT.finditer(text):
        at = match.start()
        if flags and any(start <= at < end for start, end in flags):
            continue
        if match.group() in "\u200e\u200f\u061c" and has_rtl is None:
            has_rtl = any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in text)
        kind = _kind(text, at, rtl=bool(has_rtl))
        if not kind:
            continue
        if run and run[0] == kind and run[2] == at:
            run = (kind, run[1], at + 1)
            continue
        if run:
            yield from _said(text, *run)
        run = (kind, at, at + 1)
    if run:
        yield from _said(text, *run)


def _kind(text: str, at: int, *, rtl: bool) -> str:
    c = text[at]
    category = unicodedata.category(c)
    if category in _SEEN and c not in _SHAPELESS:
        return ""
    if category in ("Mn", "Me") and not (_is_selector(c) or c in _SHAPELESS):
        return "piled_marks"
    if _is_selector(c):
        return "" if _selects(text, at) else "selector"
    if "\U000e0000" <= c <= "\U000e007f":
        return "tag"
    if c in _BIDI:
        return "" if rtl and c in "\u200e\u200f\u061c" else "direction"
    if c in ("\u200c", _EMOJI_JOINER) and _joins(text, at):
        return ""
    if c == "\ufeff" and at == 0:
        return ""
    if c in _SHAPELESS:
        return "shapeless"
    return _KINDS.get(category, "")


_KINDS = {
    "Cf": "invisible",
    "Cc": "control",
    "Zl": "separator",
    "Zp": "separator",
    "Co": "private",
    "Cn": "unassigned",
    "Cs": "surrogate",
}
_WHY = {
    "invisible": "Characters that nobody sees.",
    "tag": "Tag characters: nobody sees them, a model may read them as text.",
    "direction": "Characters that turn the direction of writing, so that a text reads otherwise than it is stored.",
    "selector": "Variation selectors where they select nothing; a run of them can carry a hidden message.",
    "shapeless": "Letters without a shape.",
    "control": "Control characters.",
    "separator": "A line separator that most editors do not show.",
    "private": "Characters without a public meaning.",
    "unassigned": "Characters that Unicode has not given a meaning.",
    "surrogate": "Half of a character; it cannot be stored.",
    "piled_marks": "Accents piled on one letter.",
}


def _said(text: str, kind: str, start: int, end: int) -> Iterator[Alarm]:
    if kind == "piled_marks" and end - start < MARKS_IN_A_ROW:
        return
    soft = kind == "invisible" and text[start:end] == "\u00ad"
    yield Alarm(
        check="hidden",
        kind=kind,
        start=start,
        end=end,
        shown=visible(text[start:end]),
        why=_WHY[kind],
        serious=not soft,
    )


def _is_selector(c: str) -> bool:
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef"


def _selects(text: str, at: int) -> bool:
    """Whether a selector stands behind what it can select a form of: a symbol, a digit of a keycap, an ideograph."""
    if at == 0:
        return False
    before, c = text[at - 1], text[at]
    category = unicodedata.category(before)
    if c in _PRESENTATION:
        keycap = before in "0123456789#*" and text[at + 1 : at + 2] == "\u20e3"
        return category in ("So", "Sm", "Sk") or before in "\u203c\u2049\u2139\u3030\u303d" or keycap
    return category == "Sm" or (category == "Lo" and script_of(before) in ("CJK", "MONGOLIAN", "MYANMAR"))


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands within an emoji, or between letters of a script that needs it."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if not before or not after:
        return False
    if text[at] == _EMOJI_JOINER and unicodedata.category(after) in ("So", "Sm"):
        return unicodedata.category(before) in ("So", "Sk", "Mn", "Sm")
    return _named_script(before) in _JOINING and _named_script(after) in _JOINING


def _lookalikes(text: str) -> Iterator[Alarm]:
    words = [match for match in _WORD.finditer(text) if not match.group().isascii()]
    others = sum(1 for m in words if _scripts(m.group()) == {"CYRILLIC"} and not _LOOKALIKES.issuperset(m.group()))
    for match in words:
        word = match.group()
        scripts = _scripts(word)
        mixed = "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}
        foreign = [c for c in word if script_of(c) not in ("LATIN", "")]
        if mixed and any(c in _LOOKALIKES for c in foreign):
            yield _alarm(text, "mixed_scripts", *match.span(), "A word of letters that only look alike.")
        elif scripts == {"CYRILLIC"} and len(word) > 2 and not others and _LOOKALIKES.issuperset(word):
            yield _alarm(text, "mixed_scripts", *match.span(), "A word that looks Latin in Cyrillic letters.")


def _alarm(text: str, kind: str, start: int, end: int, why: str) -> Alarm:
    return Alarm(check="hidden", kind=kind, start=start, end=end, shown=visible(text[start:end], named=True), why=why)


def _scripts(word: str) -> set[str]:
    return {script_of(c) for c in word} - {""}


def _named_script(c: str) -> str:
    """The script of a letter or of a mark on letters, by its name."""
    return unicodedata.name(c, "").split(" ")[0]


@cache
def script_of(c: str) -> str:
    """The script of a letter by its name; "" for what belongs to all."""
    if not unicodedata.category(c).startswith("L"):
        return ""
    return unicodedata.name(c, "").split(" ")[0].split("-")[0]
