"""Keeps the judgements of texts lately compared, by the digests of both, within a bounded size; must not judge."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """The answers of a pure function of texts. What is asked for least lately goes first."""

    def __init__(self, *, characters: int) -> None:
        self._room = characters
        self._held = 0
        self._answers: OrderedDict[bytes, tuple[int, T]] = OrderedDict()
        self._lock = Lock()

    def get(self, texts: tuple[str, ...], answer: Callable[[], T]) -> T:
        """The kept answer for these texts, or that of `answer`. Two who ask at once may both work it out."""
        key = _digest(texts)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key][1]
        found = answer()
        size = sum(len(text) for text in texts)
        with self._lock:
            if key not in self._answers and size <= self._room:
                self._answers[key] = (size, found)
                self._held += size
                while self._held > self._room:
                    self._held -= self._answers.popitem(last=False)[1][0]
        return found

    def __len__(self) -> int:
        return len(self._answers)


def _digest(texts: tuple[str, ...]) -> bytes:
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.digest()
