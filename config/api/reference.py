"""Turns the OpenAPI document into what a page shows: groups, operations, fields; must not know our own views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

DEEPEST_SHOWN = 4
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One parameter, or one field of a body; `path` is dotted from the outside in, `[]` marks a list."""

    path: str
    type: str
    required: bool
    description: str
    where: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    status: str
    phrase: str
    description: str
    fields: tuple[Field, ...]
    is_refusal: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answers: tuple[Answer, ...]

    @property
    def refusals(self) -> str:
        return ", ".join(answer.status for answer in self.answers if answer.is_refusal)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    title: str
    version: str
    description: str
    groups: tuple[Group, ...]
    problem: tuple[Field, ...]


def read_reference(document: Mapping[str, Any]) -> Reference:
    """The whole document, its operations grouped by tag in the order of their addresses."""
    found: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                tag = (operation.get("tags") or ["other"])[0]
                found.setdefault(tag, []).append(_operation(document, path, method, operation))
    problem = {"$ref": "#/components/schemas/Problem"}
    return Reference(
        title=document["info"]["title"],
        version=document["info"]["version"],
        description=document["info"].get("description", ""),
        groups=tuple(Group(name=name, operations=tuple(operations)) for name, operations in found.items()),
        problem=tuple(_fields(document, problem)),
    )


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    return Operation(
        anchor=str(operation.get("operationId", f"{method}-{path}")),
        method=method.upper(),
        path=path,
        summary=str(operation.get("summary", "")),
        description=_said(operation.get("description", "")),
        parameters=tuple(
            Field(
                path=parameter["name"],
                type=_type(document, parameter.get("schema", {})),
                required=bool(parameter.get("required")),
                description=_said(parameter.get("description", "")),
                where=str(parameter["in"]),
            )
            for parameter in operation.get("parameters", [])
        ),
        body=tuple(_fields(document, _content(operation.get("requestBody", {})))),
        answers=tuple(
            Answer(
                status=str(status),
                phrase=HTTPStatus(int(status)).phrase if str(status).isdigit() else "",
                description=str(answer.get("description", "")),
                fields=() if _is_refusal(answer) else tuple(_fields(document, _content(answer))),
                is_refusal=_is_refusal(answer),
            )
            for status, answer in sorted(operation.get("responses", {}).items())
        ),
    )


def _is_refusal(answer: Mapping[str, Any]) -> bool:
    return "application/problem+json" in answer.get("content", {})


def _content(part: Mapping[str, Any]) -> Mapping[str, Any]:
    media: Mapping[str, Any] = next(iter(part.get("content", {}).values()), {})
    schema: Mapping[str, Any] = media.get("schema", {})
    return schema


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference; of alternatives the first that is not null."""
    while True:
        if "$ref" in schema:
            name = str(schema["$ref"]).rsplit("/", 1)[-1]
            schema = document["components"]["schemas"][name]
            continue
        choices = schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf")
        if not choices:
            return schema
        schema = next((choice for choice in choices if choice.get("type") != "null"), choices[0])


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[Field]:
    schema = _resolved(document, schema)
    if "array" in _types(schema):
        yield from _fields(document, schema.get("items", {}), f"{path}[]", depth)
        return
    required = set(schema.get("required", ()))
    for name, part in schema.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        described = part.get("description") or _resolved(document, part).get("description", "")
        yield Field(path=inner, type=_type(document, part), required=name in required, description=_said(described))
        if depth < DEEPEST_SHOWN:
            yield from _fields(document, part, inner, depth + 1)


def _said(description: Any) -> str:
    """The first line as plain text; empty where it only repeats the words of an enumeration."""
    first = str(description).split("\n")[0].replace("`", "")
    return "" if first.startswith("* ") else first


def _types(schema: Mapping[str, Any]) -> list[str]:
    stated = schema.get("type", [])
    return [stated] if isinstance(stated, str) else list(stated)


def _type(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    plain = _resolved(document, schema)
    nullable = any(choice.get("type") == "null" for choice in schema.get("oneOf", schema.get("anyOf", [])))
    types = [name for name in _types(plain) if name != "null"] or ["any"]
    said = " or ".join(types)
    if "array" in types:
        said = f"list of {_type(document, plain.get('items', {}))}"
    if plain.get("enum"):
        said = " | ".join(str(value) for value in plain["enum"] if value is not None)
    elif plain.get("format"):
        said = f"{said} ({plain['format']})"
    return f"{said} or null" if nullable or "null" in _types(plain) else said
