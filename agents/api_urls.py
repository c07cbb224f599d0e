"""The addresses of the agents floor under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents import api, dispatch_api, gap_api, holding_api
from agents.feedback import api_urls as feedback
from agents.flows import api_urls as flows
from agents.kpis.api import KpisView
from agents.memory import api_urls as memory
from agents.recall import api_urls as recall
from agents.routing import api_urls as routing
from agents.runs import api_urls as runs

urlpatterns: list[URLPattern] = [
    re_path(r"^bundles/$", api.described_by(api.bundles, api.BundlesDescribed), name="api-bundles"),
    re_path(
        r"^bundles/(?P<digest>[0-9a-f]{64})/$",
        api.described_by(api.bundle, api.BundleDescribed),
        name="api-bundle",
    ),
    re_path(r"^contracts/$", api.ContractListView.as_view(), name="api-contracts"),
    re_path(r"^contracts/(?P<slug>[a-z0-9-]{1,60})/$", api.ContractView.as_view(), name="api-contract"),
    re_path(
        r"^contracts/(?P<slug>[a-z0-9-]{1,60})/availability/$",
        api.ContractAvailabilityView.as_view(),
        name="api-contract-availability",
    ),
    re_path(
        r"^contracts/(?P<slug>[a-z0-9-]{1,60})/changes/$",
        api.described_by(holding_api.changes, holding_api.ChangesDescribed),
        name="api-contract-changes",
    ),
    re_path(r"^gaps/$", gap_api.GapReportView.as_view(), name="api-gaps"),
    re_path(r"^gaps/assign/$", gap_api.AssignGapView.as_view(), name="api-assign-gap"),
    re_path(r"^kpis/$", KpisView.as_view(), name="api-kpis"),
    re_path(r"^receipts/(?P<receipt_id>[0-9]{1,18})/$", holding_api.ReceiptView.as_view(), name="api-receipt"),
    re_path(r"^skew/$", holding_api.SkewView.as_view(), name="api-skew"),
    re_path(
        r"^signing-keys/$",
        api.described_by(holding_api.signing_keys, holding_api.SigningKeysDescribed),
        name="api-signing-keys",
    ),
    re_path(
        r"^agents/(?P<slug>[a-z0-9-]{1,60})/push-target/$",
        dispatch_api.PushTargetView.as_view(),
        name="api-push-target",
    ),
    re_path(
        r"^agents/(?P<slug>[a-z0-9-]{1,60})/push-target/secret/$",
        dispatch_api.PushSecretView.as_view(),
        name="api-push-secret",
    ),
    re_path(r"^budgets/$", dispatch_api.BudgetsView.as_view(), name="api-budgets"),
    re_path(
        r"^budgets/(?P<of>agents|domains)/(?P<slug>[a-z0-9-]{1,60})/(?P<period>day|month)/$",
        dispatch_api.BudgetView.as_view(),
        name="api-budget",
    ),
    *runs.urlpatterns,
    *flows.urlpatterns,
    *memory.urlpatterns,
    *feedback.urlpatterns,
    *recall.urlpatterns,
    *routing.urlpatterns,
]
