"""Key figures over HTTP, as JSON and CSV; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from agents.kpis.figures import Figures, Group, Report
from agents.kpis.measures import MEASURES, plain
from agents.kpis.reporting import BY, LONGEST_DAYS, report
from agents.kpis.sheet import csv_of
from config.api.described import number, word
from config.api.views import ApiView, json_response
from context.digests import iso
from context.errors import NotFound
from context.reading import UnknownFilter

USUAL_DAYS = 30
_WHOLE = {
    *("started", "ended", "succeeded", "tokens", "failed", "refused", "cancelled", "guardrail_hits", "left_to_people"),
    *("times_left_to_people", "reviews", "sent_back", "hand_offs", "with_context", "texts_published"),
    "rules_published",
}
FiguresSerializer: Any = type(
    "FiguresSerializer",
    (serializers.Serializer,),
    {
        "__doc__": "Shares are from 0 to 1, times in seconds or hours, money in the unit of the endpoints' prices.",
        **{
            measure.name: serializers.IntegerField(help_text=measure.label)
            if measure.name in _WHOLE
            else serializers.FloatField(allow_null=True, help_text=measure.label)
            for measure in MEASURES
        },
    },
)


class PeriodSerializer(FiguresSerializer):  # type: ignore[misc]
    begins_on = serializers.DateField()


class GroupSerializer(FiguresSerializer):  # type: ignore[misc]
    slug = serializers.CharField()
    name = serializers.CharField()


class CauseSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(["failed", "refused"])
    cause = serializers.CharField()
    runs = serializers.IntegerField()


class CheckSerializer(serializers.Serializer[Any]):
    check = serializers.CharField()
    hits = serializers.IntegerField()
    runs = serializers.IntegerField()


class WaitingSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)


class ReportSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    by = serializers.ChoiceField(BY)
    total = FiguresSerializer()
    periods = PeriodSerializer(many=True)
    agents = GroupSerializer(many=True)
    domains = GroupSerializer(many=True)
    flows = GroupSerializer(many=True)
    causes = CauseSerializer(many=True)
    checks = CheckSerializer(many=True)
    waiting = WaitingSerializer()


class KpisView(ApiView):
    """Key figures of the runs that the caller may know of."""

    parameters = ("days", "by", "agent", "domain", "flow", "format")

    @extend_schema(
        operation_id="read_kpis",
        summary="Read key figures",
        description="Runs are counted by the day of their end, in UTC. What the caller may not know counts for "
        "nothing. A figure that would divide by nothing is null.",
        parameters=[
            number("days", f"The last so many days; {USUAL_DAYS} unless given.", minimum=1, maximum=LONGEST_DAYS),
            OpenApiParameter("by", str, enum=list(BY), description="Weeks from more than 35 days on, unless given."),
            word("agent", "Slug of an agent, for its figures alone."),
            word("domain", "Slug of a domain; those below it count, too."),
            word("flow", "Slug of a flow."),
            OpenApiParameter("format", str, enum=["json", "csv"]),
        ],
        responses={(200, "application/json"): ReportSerializer, (200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        try:
            found = report(
                principal=self.principal,
                days=self.query.integer("days", default=USUAL_DAYS, minimum=1, maximum=LONGEST_DAYS),
                by=self.query.choice("by", BY) if self.query.text("by") else "",
                agent=self.query.text("agent"),
                domain=self.query.text("domain"),
                flow=self.query.text("flow"),
                now=self.now,
            )
        except NotFound as error:
            raise UnknownFilter(error.detail, field=error.field, fix="Take a slug of those you may see.") from error
        if self.query.choice("format", ("json", "csv")) == "csv":
            return csv_of(found)
        return json_response(as_json(found))


def as_json(found: Report) -> dict[str, Any]:
    return {
        "since": iso(found.since),
        "until": iso(found.until),
        "by": found.by,
        "total": _figures(found.total),
        "periods": [{"begins_on": day.isoformat(), **_figures(each)} for day, each in found.periods.items()],
        "agents": [_group(each) for each in found.agents],
        "domains": [_group(each) for each in found.domains],
        "flows": [_group(each) for each in found.flows],
        "causes": [{"state": each.state, "cause": each.cause, "runs": each.runs} for each in found.causes],
        "checks": [{"check": each.check, "hits": each.hits, "runs": each.runs} for each in found.checks],
        "waiting": {
            "runs": found.waiting.runs,
            "since": iso(found.waiting.since) if found.waiting.since is not None else None,
        },
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {measure.name: plain(measure, figures) for measure in MEASURES}


def _group(group: Group) -> dict[str, Any]:
    return {"slug": group.slug, "name": group.name, **_figures(group.figures)}
