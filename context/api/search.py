"""Search over HTTP; must hold no rule."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from config.api.described import answers, number, word
from config.api.errors import InvalidParameter
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.finding import find_passages
from context.restricted_reads import TextRead, record_restricted
from context.search import MOST_HITS
from context.serializers.search import SearchAnswerSerializer

K_DEFAULT = 10
WORDS = {"type": "array", "items": {"type": "string"}}


class SearchView(ApiView):
    """The passages in force that answer a question best, by meaning and by words, among what the caller may see."""

    open_to = ("person", "agent")
    agent_scope = "search:read"
    parameters = ("q", "k", "kind", "domain")
    repeatable = ("kind", "domain")

    @extend_schema(
        operation_id="search",
        summary="Search",
        parameters=[
            word("q", "The question, or words of the text.", required=True),
            number("k", f"How many passages; {K_DEFAULT} unless said.", minimum=1, maximum=MOST_HITS),
            OpenApiParameter("kind", WORDS, description="Slug of a kind; repeat for any of several."),
            OpenApiParameter("domain", WORDS, description="Slug of a domain, those below it included; repeatable."),
        ],
        responses=answers(SearchAnswerSerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        if not self.query.text("q"):
            raise InvalidParameter("q is missing.", field="q", fix="Say what is looked for.")
        answer = find_passages(
            principal=self.principal,
            query=self.query.text("q"),
            limit=self.query.integer("k", default=K_DEFAULT, minimum=1, maximum=MOST_HITS),
            at=self.now,
            kinds=self.query.texts("kind"),
            domains=self.query.texts("domain"),
        )
        response = json_response(rendered(SearchAnswerSerializer(answer)))
        shown = [
            TextRead(key=hit.key, title=hit.title, sensitivity=hit.sensitivity, version=hit.version)
            for hit in answer.hits
        ]
        record_restricted(principal=self.principal, texts=shown, how="search", now=self.now)
        return response
