"""Addresses of the pages of the agents floor; must not hold views."""

from __future__ import annotations

from django.urls import path

from agents.views import agents, contracts

app_name = "agents"

urlpatterns = [
    path("agents/", agents.agents, name="agents"),
    path("agents/<slug:slug>/", agents.agent, name="agent"),
    path("agents/<slug:slug>/state/", agents.change_state, name="change-state"),
    path("agents/<slug:slug>/keys/", agents.make_key, name="make-key"),
    path("agents/<slug:slug>/keys/<slug:prefix>/rotate/", agents.renew_key, name="rotate-key"),
    path("agents/<slug:slug>/keys/<slug:prefix>/revoke/", agents.end_key, name="end-key"),
    path("gaps/", agents.gaps, name="gaps"),
    path("contracts/", contracts.contracts, name="contracts"),
    path("contracts/<slug:slug>/", contracts.contract, name="contract"),
]
