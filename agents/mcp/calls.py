"""What a tool is given and what it answers; must not know which tools there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.authentication import AuthenticatedAgent
from context.access import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Who asks, and when."""

    agent: AuthenticatedAgent
    now: datetime

    @property
    def principal(self) -> Principal:
        return self.agent.principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a tool answers. `text` is for a model to read; without it, that is `content` as JSON. `meta` goes beside."""

    content: Mapping[str, Any]
    text: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
