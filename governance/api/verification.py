"""Confirming over HTTP that texts are still true; must not judge who may (governance/verification.py does)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import Input, Text, take
from config.api.rendering import rendered
from config.api.views import json_response
from context.models import ContextItem
from context.reading import require_items
from governance.api.base import ChangeView
from governance.payload_fields import LONGEST_KEY
from governance.verification import MOST_AT_ONCE, verify_items


class VerifyInput(Input):
    keys = serializers.ListField(child=Text(max_length=LONGEST_KEY), min_length=1, max_length=MOST_AT_ONCE)


class VerifiedSerializer(serializers.Serializer[ContextItem]):
    key = serializers.CharField()
    verified_until = serializers.DateTimeField()


class VerifiedListSerializer(serializers.Serializer[Any]):
    results = VerifiedSerializer(many=True)


class VerifyItemsView(ChangeView):
    """Confirm that texts are still true, for another review interval: all of those named, or none."""

    @extend_schema(
        operation_id="verify_items",
        summary="Verify items",
        request=VerifyInput,
        responses=answers(VerifiedListSerializer),
    )
    def post(self, request: Request) -> HttpResponse:
        keys = take(VerifyInput, self.body)["keys"]

        def answer() -> HttpResponse:
            items = verify_items(actor=self.actor, keys=keys, now=self.now)
            return json_response(rendered(VerifiedListSerializer({"results": items})))

        def may_repeat(headers: Mapping[str, str]) -> None:
            require_items(principal=self.principal, keys=keys)

        return self.write(answer, may_repeat=may_repeat)
