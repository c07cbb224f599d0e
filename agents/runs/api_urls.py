"""The addresses of runs under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents.runs import api as runs

RUN = r"^runs/(?P<run_id>[0-9a-f-]{36})/"

urlpatterns: list[URLPattern] = [
    re_path(r"^runs/$", runs.RunsView.as_view(), name="api-runs"),
    re_path(r"^runs/claim/$", runs.ClaimView.as_view(), name="api-claim-run"),
    re_path(RUN + "$", runs.OneRunView.as_view(), name="api-run"),
    re_path(RUN + "heartbeat/$", runs.HeartbeatView.as_view(), name="api-keep-run"),
    re_path(RUN + "steps/$", runs.StepsView.as_view(), name="api-run-steps"),
    re_path(RUN + "complete/$", runs.CompleteView.as_view(), name="api-complete-run"),
    re_path(RUN + "fail/$", runs.FailView.as_view(), name="api-fail-run"),
    re_path(RUN + "hand-off/$", runs.HandOffView.as_view(), name="api-hand-off-run"),
    re_path(RUN + "pause/$", runs.PauseView.as_view(), name="api-pause-run"),
    re_path(RUN + "resume/$", runs.ResumeView.as_view(), name="api-resume-run"),
    re_path(RUN + "review/$", runs.ReviewView.as_view(), name="api-review-run"),
    re_path(RUN + "bundle/$", runs.RunBundleView.as_view(), name="api-run-bundle"),
    re_path(RUN + "cancel/$", runs.CancelView.as_view(), name="api-cancel-run"),
]
