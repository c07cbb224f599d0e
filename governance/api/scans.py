"""Scans for drift over HTTP: asked for, and how far they are; must not look at any text."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from config.api.described import answers
from config.api.fields import take
from config.api.rendering import rendered
from config.api.views import ApiView, json_response
from context.models import Domain
from context.reading import UnknownFilter
from governance.drift.scan import may_scan, request_scan, scan_of
from governance.serializers.scans import ScanInput, ScanSerializer


class ScanListView(ApiView):
    """Ask for a look at the context: at what changed since the last one, or at everything."""

    @extend_schema(
        operation_id="request_scan",
        summary="Scan for drift",
        description="Workers do it. One that waits or runs for the same is answered instead of a second.",
        request=ScanInput,
        responses=answers(ScanSerializer, status=202),
    )
    def post(self, request: Request) -> HttpResponse:
        asked = take(ScanInput, self.body)
        domain = _domain(asked.get("domain"))

        def answer() -> HttpResponse:
            scan = request_scan(
                actor=self.principal,
                now=self.now,
                full=asked["full"],
                domain=domain,
                names=asked.get("detectors") or (),
            )
            return json_response(rendered(ScanSerializer(scan)), status=202, location=f"/api/v1/drift/scans/{scan.pk}/")

        def may_repeat(headers: Mapping[str, str]) -> None:
            if not may_scan(self.principal, domain):
                request_scan(actor=self.principal, now=self.now, domain=domain)

        return self.write(answer, may_repeat=may_repeat)


class ScanView(ApiView):
    """One scan and how far it is."""

    @extend_schema(operation_id="read_scan", summary="Read a scan", responses=answers(ScanSerializer))
    def get(self, request: Request, scan_id: int) -> HttpResponse:
        return self.cacheable(rendered(ScanSerializer(scan_of(principal=self.principal, scan_id=scan_id))))


def _domain(slug: str | None) -> Domain | None:
    if slug is None:
        return None
    found = Domain.objects.filter(slug=slug).first()
    if found is None:
        raise UnknownFilter("There is no such domain.", field="domain", fix="Take a slug from the list of domains.")
    return found
