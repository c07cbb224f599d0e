"""The addresses of memory under /api/v1/memory/; must hold no rule."""

from __future__ import annotations

import re
from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.authentication import AuthenticatedAgent
from agents.memory.keeping import forget, list_entries, recall, remember
from agents.models import MemoryEntry, Scope
from agents.runs.api import run_id_of
from config.api.described import answers, word
from config.api.entity_tags import not_modified, unchanged
from config.api.errors import InvalidHeader
from config.api.fields import Input, Moment, Text, take
from config.api.views import ApiView, json_response
from context.digests import iso

_ETAG = re.compile(r'"(\d{1,9})"')


class RememberInput(Input):
    value = serializers.JSONField(allow_null=True)
    expires_at = Moment(required=False, allow_null=True, default=None)
    run = Text(max_length=36, required=False, allow_null=True, default=None)


class MemorySerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField()
    key = serializers.CharField()
    value = serializers.JSONField(allow_null=True)
    version = serializers.IntegerField()
    written_by = serializers.CharField()
    run = serializers.UUIDField(allow_null=True)
    written_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)


class MemoryListSerializer(serializers.Serializer[Any]):
    results = MemorySerializer(many=True)


def entry_as_json(entry: MemoryEntry, *, namespace: str) -> dict[str, Any]:
    """An entry under the name by which its reader knows the namespace."""
    return {
        "namespace": namespace,
        "key": entry.key,
        "value": entry.value,
        "version": entry.version,
        "written_by": entry.written_by.slug,
        "run": str(entry.run_id) if entry.run_id else None,
        "written_at": iso(entry.written_at),
        "expires_at": iso(entry.expires_at) if entry.expires_at else None,
    }


class MemoryView(ApiView):
    """What the addresses of memory share. The ETag of an entry is its version."""

    open_to = ("agent",)
    agent_scope = Scope.MEMORY_WRITE
    answers_once = False  # a write is against a version: the second of two is refused by that

    @property
    def agent(self) -> AuthenticatedAgent:
        return cast(AuthenticatedAgent, self.request.user)

    def expected_version(self) -> int | None:
        """The version in If-Match; None without the header."""
        stated = self.http_request.headers.get("If-Match")
        if stated is None:
            return None
        found = _ETAG.fullmatch(stated.strip())
        if found is None:
            raise InvalidHeader(
                "If-Match must be the ETag of the entry.", field="If-Match", fix="Send it as you got it."
            )
        return int(found[1])


class NamespaceView(MemoryView):
    """The entries of a namespace."""

    parameters = ("prefix",)

    @extend_schema(
        operation_id="list_memory",
        summary="List what is remembered",
        parameters=[word("prefix", "Only keys that begin so.")],
        responses=answers(MemoryListSerializer),
    )
    def get(self, request: Request, namespace: str) -> HttpResponse:
        found = list_entries(agent=self.agent, namespace=namespace, prefix=self.query.text("prefix"), now=self.now)
        return json_response({"results": [entry_as_json(entry, namespace=namespace) for entry in found]})


class EntryView(MemoryView):
    """One entry."""

    @extend_schema(operation_id="recall", summary="Recall", responses=answers(MemorySerializer, etag=True))
    def get(self, request: Request, namespace: str, key: str) -> HttpResponse:
        entry = recall(agent=self.agent, namespace=namespace, key=key, now=self.now)
        etag = f'"{entry.version}"'
        if unchanged(self.http_request, etag):
            return not_modified(etag)
        return json_response(entry_as_json(entry, namespace=namespace), etag=etag)

    @extend_schema(
        operation_id="remember",
        summary="Remember",
        description="Creates the entry, or overwrites the version in `If-Match`.",
        request=RememberInput,
        responses=answers(MemorySerializer, etag=True),
    )
    def put(self, request: Request, namespace: str, key: str) -> HttpResponse:
        taken = take(RememberInput, self.body)
        entry = remember(
            agent=self.agent,
            namespace=namespace,
            key=key,
            value=taken["value"],
            expected_version=self.expected_version(),
            expires_at=taken["expires_at"],
            run_id=run_id_of(taken["run"]) if taken["run"] is not None else None,
            now=self.now,
        )
        return json_response(entry_as_json(entry, namespace=namespace), etag=f'"{entry.version}"')

    @extend_schema(operation_id="forget", summary="Forget", responses={204: None})
    def delete(self, request: Request, namespace: str, key: str) -> HttpResponse:
        forget(agent=self.agent, namespace=namespace, key=key, expected_version=self.expected_version(), now=self.now)
        return HttpResponse(status=204)
