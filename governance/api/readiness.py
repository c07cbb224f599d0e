"""The inventory over HTTP: how ready each domain is, and the table of critical context of one; must hold no rule."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers, word
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.models import Domain
from context.readiness import read_readiness
from context.reading import UnknownFilter
from governance.readiness.table import entries
from governance.serializers.readiness import InventorySerializer

MOST_CONTEXTS = 2_000


class InventoryView(ApiView):
    """Per domain: what there is and what is needed, how much of it is current, at odds, owned, and kept as promised."""

    parameters = ("domain",)

    @extend_schema(
        operation_id="read_inventory",
        summary="Read the inventory",
        description=(
            "Figures of every domain and overall. With `domain`, the table of its critical context besides: function, "
            "context, source, update frequency, owner, state; kinds that are expected and missing come first."
        ),
        parameters=[word("domain", "The slug of a domain, for the table of its context.")],
        responses=answers(InventorySerializer),
    )
    def get(self, request: Request) -> HttpResponse:
        found = read_readiness(principal=self.principal, now=self.now)
        told: dict[str, Any] = {
            "results": [{"entry": entry, "figures": found.of(entry.domain)} for entry in found.domains],
            "overall": found.of(None),
        }
        if slug := self.query.text("domain"):
            domain = Domain.objects.filter(slug=slug).first()
            if domain is None:
                raise UnknownFilter("There is no such domain.", field="domain", fix="Take a slug of the list.")
            rows = list(entries(principal=self.principal, now=self.now, domain=domain, most=MOST_CONTEXTS + 1))
            told |= {"contexts": rows[:MOST_CONTEXTS], "more": len(rows) > MOST_CONTEXTS}
        return json_response(rendered(InventorySerializer(told)))
