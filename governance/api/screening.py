"""The warnings about the texts of a change over HTTP; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.rendering import rendered
from config.api.views import json_response
from governance.api.base import ChangeView
from governance.reading import edits_of
from governance.screening import screen_edits
from governance.serializers.screening import ScreeningSerializer


class ChangeScreeningView(ChangeView):
    """What reviewers have to have seen: hidden characters, instructions to a model, secrets, each at its place."""

    @extend_schema(
        operation_id="screen_change",
        summary="Read the warnings about the texts of a change",
        description="Nothing is changed or blocked for them; an approval names the digest of the serious ones.",
        responses=answers(ScreeningSerializer),
    )
    def get(self, request: Request, change_id: int) -> HttpResponse:
        found = screen_edits(edits_of(principal=self.principal, change_id=change_id).order_by("id"))
        response = json_response(rendered(ScreeningSerializer(found)))
        self.record_read(change_id)
        return response
