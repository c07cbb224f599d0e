"""The addresses of routing and of the registry under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents import registry_api
from agents.routing import api

urlpatterns: list[URLPattern] = [
    re_path(r"^routing/decide/$", api.DESCRIBED_DECIDE, name="api-decide"),
    re_path(r"^routing/decisions/$", api.DecisionsView.as_view(), name="api-decisions"),
    re_path(r"^routing/decisions/(?P<decision_id>[0-9]{1,19})/$", api.DecisionView.as_view(), name="api-decision"),
    re_path(r"^routing/decisions/(?P<decision_id>[0-9]{1,19})/replay/$", api.ReplayView.as_view(), name="api-replay"),
    re_path(r"^routing/rule-sets/$", api.RuleSetsView.as_view(), name="api-rule-sets"),
    re_path(r"^routing/rule-sets/(?P<slug>[a-z0-9-]{1,60})/$", api.RuleSetView.as_view(), name="api-rule-set"),
    re_path(r"^agents/endpoints/$", registry_api.EndpointsView.as_view(), name="api-endpoints"),
    re_path(r"^agents/unsanctioned/$", registry_api.UnsanctionedView.as_view(), name="api-unsanctioned"),
    re_path(
        r"^agents/unsanctioned/(?P<use_id>[0-9]{1,19})/$", registry_api.SettleUseView.as_view(), name="api-settle-use"
    ),
]
