"""Words of a text with their exact places and stems; must not know what any word means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from snowballstemmer import stemmer

LONGEST_WORD = 40  # what is longer is noise, and its stem is itself
_WORD = re.compile(r"[^\W_]+(?:['’](?=[^\W_])[^\W_]+)*|[,;:()/]")
_SNOWBALL = stemmer("english")
_SHORTENED_NOT = {"can": "can", "ca": "can", "wo": "will", "sha": "shall"}


@dataclass(frozen=True, slots=True)
class Word:
    """One word, or one mark of punctuation that joins or parts words. `stem` is what its other forms share."""

    start: int
    end: int
    lower: str
    stem: str

    @property
    def is_mark(self) -> bool:
        return not self.lower[:1].isalnum()


def words_of(text: str, *, start: int = 0, end: int | None = None) -> list[Word]:
    """The words of `text[start:end]`, in order, with places in `text`. "cannot" and "isn't" are two words each."""
    found: list[Word] = []
    for match in _WORD.finditer(text, start, len(text) if end is None else end):
        lower = match[0].lower().replace("’", "'")
        if lower == "cannot":
            found += [_word(match, "can"), _word(match, "not")]
        elif lower.endswith("n't"):
            stump = lower[:-3]
            found += [_word(match, _SHORTENED_NOT.get(stump, stump)), _word(match, "not")]
        else:
            found.append(_word(match, lower.removesuffix("'s")))
    return found


@lru_cache(maxsize=65_536)
def stem_of(word: str) -> str:
    """The stem of one word in lower case."""
    if len(word) > LONGEST_WORD or not word.isascii() or not word.isalpha():
        return word
    return str(_SNOWBALL.stemWord(word))


def _word(match: re.Match[str], lower: str) -> Word:
    return Word(match.start(), match.end(), lower, stem_of(lower))
