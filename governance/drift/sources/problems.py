"""Why a source could not be read, as a word for programs and a sentence for people; must not know how it was read."""

from __future__ import annotations

import enum


class Why(enum.StrEnum):
    """UNREACHABLE may pass by itself; every other waits for somebody."""

    UNREACHABLE = "unreachable"
    GONE = "gone"
    REFUSED = "refused"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    NOT_TEXT = "not_text"
    SIGN_IN = "sign_in"
    MISNAMED = "misnamed"
    EMPTY = "empty"


class SourceProblem(Exception):
    """The source gave no text. `reason` is one sentence that its owner understands."""

    def __init__(self, why: Why, reason: str) -> None:
        super().__init__(reason)
        self.why = why
        self.reason = reason
