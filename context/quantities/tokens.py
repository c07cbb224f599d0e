"""Cuts a text into figures, words and signs in one linear pass; must not judge what they mean."""

from __future__ import annotations

import re
from typing import Literal

TokenKind = Literal["link", "isodate", "isoduration", "figure", "word", "sign", ""]

# Every branch is unambiguous and bounded, so that no text makes matching slower than linear.
_TOKEN = re.compile(
    r"(?P<link>(?:https?|ftp|file)://[^\s<>()\[\]]*|(?:mailto|tel):[^\s<>()\[\]]+|www\.[^\s<>()\[\]]+)"
    r"|(?P<isodate>[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?(?![0-9A-Za-z_-]))"
    r"|(?P<isoduration>\bP(?=[0-9]|T[0-9])(?:[0-9]{1,6}Y)?(?:[0-9]{1,6}M)?(?:[0-9]{1,6}W)?(?:[0-9]{1,6}D)?"
    r"(?:T(?:[0-9]{1,6}H)?(?:[0-9]{1,6}M)?(?:[0-9]{1,6}S)?)?(?!\w))"
    r"|(?P<figure>[0-9]+(?:[.,'’\u00a0\u202f\u2009][0-9]+)*)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)"
    r"|(?P<sign>[^\s\w]|_)"
)


class Tokens:
    """The tokens of a text, in parallel lists; any place outside reads as an empty token of kind ""."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.kinds: list[TokenKind] = []
        self.words: list[str] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        for match in _TOKEN.finditer(text):
            self.kinds.append(match.lastgroup)  # type: ignore[arg-type]
            self.words.append(match.group())
            self.starts.append(match.start())
            self.ends.append(match.end())
        self.lowered = [word.lower() for word in self.words]

    def __len__(self) -> int:
        return len(self.kinds)

    def kind(self, i: int) -> TokenKind:
        return self.kinds[i] if 0 <= i < len(self.kinds) else ""

    def word(self, i: int) -> str:
        return self.words[i] if 0 <= i < len(self.kinds) else ""

    def lower(self, i: int) -> str:
        return self.lowered[i] if 0 <= i < len(self.kinds) else ""

    def touches(self, i: int) -> bool:
        """Whether token `i` follows token `i - 1` with nothing between."""
        return 0 < i < len(self.kinds) and self.ends[i - 1] == self.starts[i]

    def close(self, i: int) -> bool:
        """Whether token `i` follows token `i - 1` in the same paragraph: only white space between, no blank line."""
        if not 0 < i < len(self.kinds):
            return False
        gap = self.starts[i] - self.ends[i - 1]
        return gap <= 1 or (gap < 8 and self.text.count("\n", self.ends[i - 1], self.starts[i]) < 2)

    def opens_line(self, i: int) -> bool:
        """Whether only white space and the signs of headings, quotes and lists stand before token `i` on its line."""
        steps = 0
        while i > 0 and steps < 8:
            if self.text.find("\n", self.ends[i - 1], self.starts[i]) >= 0:
                return True
            if self.words[i - 1] not in "#>*-+":
                return False
            i, steps = i - 1, steps + 1
        return i == 0

    def is_integer(self, i: int) -> bool:
        return self.kind(i) == "figure" and self.words[i].isdigit()
