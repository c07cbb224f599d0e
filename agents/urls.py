"""Addresses of the pages of the agents floor, and of MCP; must not hold views."""

from __future__ import annotations

from django.urls import path

from agents.mcp.view import mcp
from agents.views import (
    agents,
    contract_edit,
    contracts,
    dispatch,
    gaps,
    recalls,
    registry,
    reports,
    route_editor,
    routes,
    run_reviews,
    runs,
    skew,
)

app_name = "agents"

urlpatterns = [
    path("mcp", mcp, name="mcp"),
    path("agents/", agents.agents, name="agents"),
    path("agents/unsanctioned/", registry.unsanctioned, name="unsanctioned"),
    path("agents/unsanctioned/<int:number>/", registry.settle, name="settle-use"),
    path("agents/<slug:slug>/", agents.agent, name="agent"),
    path("agents/<slug:slug>/state/", agents.change_state, name="change-state"),
    path("agents/<slug:slug>/keys/", agents.make_key, name="make-key"),
    path("agents/<slug:slug>/keys/<slug:prefix>/rotate/", agents.renew_key, name="rotate-key"),
    path("agents/<slug:slug>/keys/<slug:prefix>/revoke/", agents.end_key, name="end-key"),
    path("agents/<slug:slug>/push/", dispatch.set_push, name="set-push"),
    path("budgets/", dispatch.budgets, name="budgets"),
    path("budgets/set/", dispatch.change_budget, name="set-budget"),
    path("gaps/", gaps.gaps, name="gaps"),
    path("gaps/assign/", gaps.assign, name="assign-gap"),
    path("reports/", reports.reports, name="reports"),
    path("skew/", skew.skew, name="skew"),
    path("contracts/", contracts.contracts, name="contracts"),
    path("contracts/new/", contract_edit.new_contract, name="new-contract"),
    path("contracts/<slug:slug>/", contracts.contract, name="contract"),
    path("contracts/<slug:slug>/edit/", contract_edit.edit_contract, name="edit-contract"),
    path("contracts/<slug:slug>/retire/", contract_edit.retire_contract, name="retire-contract"),
    path("contracts/<slug:slug>/versions/<int:number>/revert/", contract_edit.revert_contract, name="revert-contract"),
    path("recalls/", recalls.recalls, name="recalls"),
    path("recalls/new/", recalls.new_recall, name="new-recall"),
    path("recalls/<int:number>/", recalls.recall, name="recall"),
    path("recalls/<int:number>/settle/", recalls.settle, name="settle-recall"),
    path("recalls/<int:number>/extend/", recalls.extend, name="extend-recall"),
    path("runs/", runs.runs, name="runs"),
    path("runs/reviews/", run_reviews.queue, name="review-queue"),
    path("runs/<uuid:run_id>/", runs.run, name="run"),
    path("runs/<uuid:run_id>/review/", run_reviews.review, name="review-run"),
    path("runs/<uuid:run_id>/steer/", runs.steer, name="steer-run"),
    path("routes/", routes.routes, name="routes"),
    path("routes/new/", route_editor.new_route, name="new-route"),
    path("routes/decisions/<int:number>/", routes.decision, name="decision"),
    path("routes/<slug:slug>/", routes.route, name="route"),
    path("routes/<slug:slug>/edit/", route_editor.edit_route, name="edit-route"),
    path("endpoints/", registry.endpoints, name="endpoints"),
    path("endpoints/add/", registry.add_endpoint, name="add-endpoint"),
    path("endpoints/<slug:slug>/", registry.endpoint, name="endpoint"),
    path("endpoints/<slug:slug>/change/", registry.change_endpoint, name="change-endpoint"),
]
