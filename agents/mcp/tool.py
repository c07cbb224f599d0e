"""What one tool of MCP is, whichever it is, and shapes that several answer with; must not know any of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp_types import Tool, ToolAnnotations
from rest_framework.serializers import Serializer

from agents.mcp.calls import Answer, Asking
from agents.mcp.schemas import JsonSchema, input_schema, output_schema
from agents.models import Scope
from config.api.fields import Input

TEXT_OR_NONE = ["string", "null"]
LIST: JsonSchema = {"type": "array"}
BUNDLE = output_schema(
    digest="string", agent="string", contract="object", valid_until=TEXT_OR_NONE, entries=LIST, gaps=LIST,
    manifest="object",
)  # fmt: skip
FORMAT = "json, or markdown for one text to put into a prompt."


@dataclass(frozen=True, kw_only=True, slots=True)
class PlumblineTool:
    """One tool. `takes` checks its arguments (None: `act` does); `about` says in words what each of them is.

    `reads` says that nothing changes; `repeatable`, that doing it twice is like doing it once. `alone` says that it
    opens its own transactions.
    """

    name: str
    title: str
    description: str
    scope: Scope
    act: Callable[[Asking, Mapping[str, Any]], Answer]
    takes: type[Input] | None
    answers: JsonSchema
    about: Mapping[str, str] = field(default_factory=dict)
    described_by: type[Serializer[Any]] | None = None
    reads: bool = False
    repeatable: bool = False
    alone: bool = False

    def as_listed(self) -> Tool:
        shape = self.takes or self.described_by
        assert shape is not None
        return Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=input_schema(shape, self.about),
            output_schema=self.answers,
            annotations=ToolAnnotations(
                read_only_hint=self.reads,
                destructive_hint=False,
                idempotent_hint=self.reads or self.repeatable,
                open_world_hint=False,
            ),
        )
