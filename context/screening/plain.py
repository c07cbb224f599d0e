"""A text as a model would read it, with the place of each character in the original; must not judge it."""

from __future__ import annotations

import unicodedata
from array import array
from dataclasses import dataclass

_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеорсухіјѕԛԝһӏԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορυχ’‘“”–—",
    "ABESIJKMHOPCTYXaeopcyxijsqwhldABEZHIKMNOPTYXaivopux''\"\"--",
)


@dataclass(frozen=True, slots=True)
class Plain:
    """`text` without invisible characters, lookalikes and runs of white space; `places[i]` is where its i-th stood."""

    text: str
    places: array[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> Plain:
    if text.isascii() and "  " not in text and "\t" not in text:
        return Plain(text, array("q", range(len(text))))
    kept: list[str] = []
    places: array[int] = array("q")
    for at, c in enumerate(text):
        if not c.isascii():
            if "\U000e0020" <= c <= "\U000e007e":
                opens = at == 0 or not "\U000e0020" <= text[at - 1] <= "\U000e007e"
                c = (" " if opens else "") + chr(ord(c) - 0xE0000)
            elif unicodedata.category(c) in ("Cf", "Mn", "Cs", "Cn", "Co"):
                continue
            c = unicodedata.normalize("NFKC", c).translate(_LATIN)
        for each in c:
            if each in " \t\u00a0" and kept and kept[-1] in " \n":
                continue
            kept.append(" " if each == "\t" else each)
            places.append(at)
    return Plain("".join(kept), places)
