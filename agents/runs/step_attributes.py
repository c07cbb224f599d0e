"""Which GenAI attributes an agent may tell of a step besides what a report has fields for; must not record a step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from context.errors import InvalidInput

MOST_ATTRIBUTES = 32
LONGEST_VALUE = 500
# Names of OpenTelemetry's conventions that may be told. Those that a report has fields for are not among them, nor
# those that carry what was said: inputs and outputs have their own fields, and may have to stay here.
TOLD = frozenset(
    {
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.request.choice.count",
        "gen_ai.request.encoding_formats",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.max_tokens",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.seed",
        "gen_ai.request.stop_sequences",
        "gen_ai.request.stream",
        "gen_ai.request.temperature",
        "gen_ai.request.top_k",
        "gen_ai.request.top_p",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.response.model",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.embeddings.dimension.count",
        "gen_ai.data_source.id",
        "gen_ai.output.type",
        "gen_ai.prompt.name",
        "gen_ai.tool.call.id",
        "gen_ai.tool.type",
        "server.address",
        "server.port",
        "error.type",
    }
)


def check_attributes(told: Mapping[str, Any]) -> None:
    """Refuse names that are not among TOLD and values that are not a word, a number, a truth or a list of words."""
    if len(told) > MOST_ATTRIBUTES:
        raise InvalidInput(
            "That are too many attributes.", field="attributes", limit=MOST_ATTRIBUTES, fix="Tell fewer."
        )
    for name, value in told.items():
        if name not in TOLD:
            raise InvalidInput(
                f"{str(name)[:60]!r} is no attribute that a step may be told with.",
                field="attributes",
                limit=", ".join(sorted(TOLD)),
                fix="Use a name of the GenAI conventions; what was put in and came out belongs to input and output.",
            )
        many = value if isinstance(value, list) else [value]
        whole = isinstance(value, list) and any(not isinstance(each, str) for each in many)
        if whole or len(many) > MOST_ATTRIBUTES or not all(_plain(each) for each in many):
            raise InvalidInput(
                f"{name} is neither a word, a number, a truth nor a list of words.",
                field=f"attributes.{name}",
                limit=LONGEST_VALUE,
                fix="Send a plain value.",
            )


def _plain(value: Any) -> bool:
    return len(value) <= LONGEST_VALUE if isinstance(value, str) else isinstance(value, bool | int | float)
