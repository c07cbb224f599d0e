"""The page of approval policies: which applies, why, and who would have to approve; must not choose for itself."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from context.models import Domain, Kind, Sensitivity
from context.views.pages import PageRequest, page
from governance.models import ApprovalPolicy
from governance.policies import policy_for


@require_GET
@page
def policies(request: PageRequest) -> HttpResponse:
    """Pick a kind, a domain and a sensitivity; read which policy applies and why."""
    kinds, domains = list(Kind.objects.all()), list(Domain.objects.select_related("parent", "owner"))
    kind = next((each for each in kinds if each.slug == request.GET.get("kind")), kinds[0] if kinds else None)
    domain = next((each for each in domains if each.slug == request.GET.get("domain")), domains[0] if domains else None)
    word = request.GET.get("sensitivity", "internal")
    level = next((each for each in Sensitivity if each.word == word), Sensitivity.INTERNAL)
    choice = policy_for(kind=kind, domain=domain, sensitivity=level) if kind and domain else None
    context = {
        "kinds": kinds,
        "domains": domains,
        "levels": list(Sensitivity),
        "kind": kind,
        "domain": domain,
        "level": level,
        "choice": choice,
        "policies": ApprovalPolicy.objects.select_related("kind", "domain").prefetch_related(
            "stages__group", "stages__person"
        ),
    }
    return render(request, "governance/policies.html", context)
