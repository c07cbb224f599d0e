"""The addresses of flows under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents.flows import api
from agents.flows.events_api import DESCRIBED_EVENT

FLOW = r"^flows/(?P<slug>[a-z0-9-]{1,60})/"
TRIGGER = r"(?P<trigger>[a-z0-9-]{1,60})/"
FLOW_RUN = r"^flow-runs/(?P<flow_run_id>[0-9a-f-]{36})/"

urlpatterns: list[URLPattern] = [
    re_path(r"^flows/$", api.FlowsView.as_view(), name="api-flows"),
    re_path(r"^flows/check/$", api.CheckFlowView.as_view(), name="api-check-flow"),
    re_path(FLOW + "$", api.OneFlowView.as_view(), name="api-flow"),
    re_path(FLOW + "versions/$", api.FlowVersionsView.as_view(), name="api-flow-versions"),
    re_path(FLOW + r"versions/(?P<number>[0-9]{1,9})/$", api.FlowVersionView.as_view(), name="api-flow-version"),
    re_path(FLOW + "map/$", api.FlowMapView.as_view(), name="api-flow-map"),
    re_path(FLOW + "runs/$", api.RunsOfFlowView.as_view(), name="api-start-flow"),
    re_path(FLOW + "triggers/" + TRIGGER + "secret/$", api.TriggerSecretView.as_view(), name="api-trigger-secret"),
    re_path(FLOW + "events/" + TRIGGER + "$", DESCRIBED_EVENT, name="api-flow-event"),
    re_path(r"^flow-runs/$", api.FlowRunsView.as_view(), name="api-flow-runs"),
    re_path(FLOW_RUN + "$", api.FlowRunView.as_view(), name="api-flow-run"),
    re_path(FLOW_RUN + "cancel/$", api.CancelFlowView.as_view(), name="api-cancel-flow-run"),
]
