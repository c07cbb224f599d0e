"""Finds thousands of names in texts in one pass over their words; must not know which names are right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

_WORD = re.compile(r"\w+(?:['’&]\w+)*")
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`|\]\([^()\s]*\)|<?https?://[^\s>)]*>?", re.S)
LONGEST_NAME = 12  # words
REMEMBERED_WORDS = 200_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Name(Generic[T]):
    """A name as it may be written, and what it stands for. `exact` ones are told apart by their capitals."""

    text: str
    means: T
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """`text[start:end]` is written as this name."""

    start: int
    end: int
    name: Name[T]


@dataclass(slots=True)
class _Node(Generic[T]):
    after: dict[str, _Node[T]] = field(default_factory=dict)
    names: list[Name[T]] = field(default_factory=list)


class Matcher(Generic[T]):
    """All names by their words: the time to read a text does not depend on how many names there are."""

    def __init__(self, names: Iterable[Name[T]]) -> None:
        self._root: _Node[T] = _Node()
        for name in names:
            node = self._root
            words = [word.lower() for word in _WORD.findall(name.text)][:LONGEST_NAME]
            for word in words:
                node = node.after.setdefault(_singular(word), _Node())
            if words:
                node.names.append(name)
        self._openers: dict[str, _Node[T] | None] = {}

    def matches(self, text: str) -> Iterator[Match[T]]:
        """The names in a text, from left to right, the longest at each place; none in code or in addresses of links."""
        if not self._root.after:
            return
        read = (
            _CODE.sub(lambda found: " " * len(found[0]), text) if "`" in text or "](" in text or "://" in text else text
        )
        words = list(_WORD.finditer(read))
        at = 0
        while at < len(words):
            node = self._opened_by(words[at][0])
            if node is None:
                at += 1
                continue
            found, after = self._longest(node, words, at, text)
            yield from found
            at = after

    def _opened_by(self, word: str) -> _Node[T] | None:
        """Where names that begin with this word lie. Remembered as it is written: most words of most texts recur."""
        try:
            return self._openers[word]
        except KeyError:
            node = self._root.after.get(_singular(word.lower()))
            if len(self._openers) < REMEMBERED_WORDS:
                self._openers[word] = node
            return node

    def _longest(
        self, node: _Node[T] | None, words: list[re.Match[str]], at: int, text: str
    ) -> tuple[list[Match[T]], int]:
        best: list[Match[T]] = []
        after = place = at + 1
        while node is not None:
            start, end = words[at].start(), words[place - 1].end()
            fitting = [name for name in node.names if not name.exact or _is_written(name.text, text[start:end])]
            if fitting:
                best, after = [Match(start, end, name) for name in fitting], place
            if place >= len(words) or not _joined(text, words[place - 1].end(), words[place].start()):
                break
            node = node.after.get(_singular(words[place][0].lower()))
            place += 1
        return best, after


def _without_code(text: str) -> str:
    """The text with code and addresses blanked out: places stay the same."""
    if "`" not in text and "](" not in text and "://" not in text and "~~~" not in text:
        return text
    return _CODE.sub(lambda found: " " * len(found[0]), text)


def stems(name: str) -> list[str]:
    """How the words of a name begin wherever a matcher finds it, in small letters: letters, digits and `'’&_` alone."""
    words = [_singular(word.lower()) for word in _WORD.findall(name)][:LONGEST_NAME]
    return [word.removesuffix("y") if len(word) > 2 else word for word in words]


def is_distinctive(name: str) -> bool:
    """Whether capitals inside the name tell it from other words: StoreSafe, SLA."""
    return any(letter.isupper() for word in name.split() for letter in word[1:])


def _singular(word: str) -> str:
    """One form for singular and plural, good enough to find both: premiums, policies, losses."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _is_written(name: str, found: str) -> bool:
    return found in (name, f"{name}s", f"{name}'s", f"{name}’s")


def _joined(text: str, end: int, start: int) -> bool:
    """Whether only blanks, hyphens or marks of emphasis stand between two words of a name."""
    between = text[end:start]
    return len(between) <= 4 and not between.strip(" \t\n-–*_/.&")
