"""The addresses of recalls under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents.recall import api as recall

CASE = r"^recalls/(?P<case_id>[0-9]{1,18})/"

urlpatterns: list[URLPattern] = [
    re_path(r"^recalls/$", recall.CasesView.as_view(), name="api-recalls"),
    re_path(r"^recalls/trace/$", recall.TraceView.as_view(), name="api-trace-version"),
    re_path(CASE + "$", recall.CaseView.as_view(), name="api-recall"),
    re_path(CASE + "entries/$", recall.EntriesView.as_view(), name="api-recall-entries"),
    re_path(CASE + "settle/$", recall.SettleView.as_view(), name="api-settle-recall"),
    re_path(CASE + "extend/$", recall.ExtendView.as_view(), name="api-extend-recall"),
]
