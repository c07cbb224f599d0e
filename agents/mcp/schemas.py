"""Writes JSON Schema from the serializers that check the arguments of tools, so that the two cannot differ; no rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

JsonSchema = dict[str, Any]


def input_schema(serializer: type[serializers.Serializer[Any]], about: Mapping[str, str]) -> JsonSchema:
    """What a tool takes. `about` says in words what each argument is."""
    fields = serializer().fields
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {**_field(field), **({"description": about[name]} if name in about else {})}
            for name, field in fields.items()
        },
        "required": [name for name, field in fields.items() if field.required],
    }


def output_schema(**properties: Any) -> JsonSchema:
    """What a tool answers: these properties, all there, and perhaps more."""
    shapes = {name: {"type": shape} if isinstance(shape, str | list) else shape for name, shape in properties.items()}
    return {"type": "object", "properties": shapes, "required": list(shapes)}


def _field(field: Any) -> JsonSchema:
    shape = _shape(field)
    if field.allow_null and "type" in shape:
        shape["type"] = [shape["type"], "null"]
        if "enum" in shape:
            shape["enum"] = [*shape["enum"], None]
    return shape


def _shape(field: Any) -> JsonSchema:
    match field:
        case serializers.ChoiceField():
            return {"type": "string", "enum": [str(choice) for choice in field.choices]}
        case serializers.DateTimeField():
            return {"type": "string", "format": "date-time"}
        case serializers.BooleanField():
            return {"type": "boolean"}
        case serializers.IntegerField():
            bounds = {"minimum": field.min_value, "maximum": field.max_value}
            return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        case serializers.DecimalField():
            return {"type": "number", "minimum": 0}
        case serializers.ListField():
            shape: JsonSchema = {"type": "array", "items": _field(field.child)}
            return shape if field.max_length is None else {**shape, "maxItems": field.max_length}
        case serializers.DictField():
            return {"type": "object"}
        case serializers.CharField():
            return {"type": "string", **({"maxLength": field.max_length} if field.max_length else {})}
    return {}  # any JSON
