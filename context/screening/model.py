"""What a screening alarm is; must not screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Check = Literal["hidden", "instruction", "secret"]
# Raise it when the same text would be warned of otherwise: approvals then have to be given with the new warnings read.
RULES_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """Something in a text that a reviewer has to have seen, at its place: `source[start:end]`.

    `shown` is that run made visible: invisible characters by their names, a secret masked. `serious` warnings have to
    be acknowledged by whoever approves; the others are only pointed out.
    """

    check: Check
    kind: str
    start: int
    end: int
    shown: str
    why: str
    serious: bool = True
