"""Describes the API as OpenAPI 3.1: what every operation has in common is said once, here; must not serve anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drf_spectacular.openapi import AutoSchema

from config.api.problems import CONTENT_TYPE

WRITES = frozenset({"post", "put", "patch", "delete"})
METHODS = frozenset({"get", *WRITES})
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A refusal (RFC 9457). Members beside these name what the problem type says.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "Stable; compare this one.", "examples": ["/problems/invalid-input"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What went wrong this time, in words."},
        "instance": {"type": "string", "description": "The address that was asked."},
        "request_id": {"type": "string", "description": "Finds this request in the logs."},
        "field": {"type": "string", "description": "The first field that does not fit."},
        "limit": {"type": ["string", "integer"], "description": "The bound that was passed."},
        "fix": {"type": "string", "description": "What to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same request within 24 hours gets the first answer again, without a second "
    "effect (`Idempotency-Replayed: true`); with another request it is refused (422).",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


SECURITY: dict[str, Any] = {
    "personal_token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "plp_<prefix>_<secret>",
        "description": "A person's own token.",
    },
    "agent_key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "plk_<prefix>_<secret>",
        "description": "An agent's key; it reads what its scopes name.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A signed-in browser; writes need the header X-CSRFToken.",
    },
}


class Description(AutoSchema):
    """DRF views as they are: nothing is guessed beyond what `extend_schema` says beside the view."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation, with the Idempotency-Key that every write takes but where the view says otherwise."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None and self.method.lower() in WRITES and getattr(self.view, "answers_once", True):
            operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        return operation

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Who may call: people by token or session, and agents by key where the view is open to them."""
        schemes = ["personal_token", "session"]
        if "agent" in getattr(self.view, "open_to", ()):
            schemes.append("agent_key")
        return [{scheme: []} for scheme in schemes]


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation its refusals."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components["securitySchemes"] = SECURITY
    answer = {
        "description": "A refusal, as a problem document.",
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, method, operation in _operations(result["paths"]):
        responses = operation.setdefault("responses", {})
        for status in _statuses(path, method, operation):
            responses.setdefault(status, answer)
    _any_value_may_be_null(result)
    return result


def _any_value_may_be_null(part: Any) -> None:
    """A field of any JSON is described as `oneOf: [{}, null]`, which null itself does not fit: it fits both."""
    if isinstance(part, dict):
        if part.get("oneOf") == [{}, {"type": "null"}]:
            del part["oneOf"]
        for value in part.values():
            _any_value_may_be_null(value)
    elif isinstance(part, list):
        for value in part:
            _any_value_may_be_null(value)


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            if method in METHODS:
                yield path, method, operation


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> list[str]:
    statuses = ["400", "401", "403", "406"]
    if "{" in path:
        statuses.append("404")
    if method in WRITES:
        # What a body names may be hidden or absent too.
        statuses += ["404", "409", "411", "413", "415", "422"]
    if any(parameter.get("name") == "If-Match" for parameter in operation.get("parameters", [])):
        statuses += ["412", "428"]
    return statuses
