"""The address of feedback under /api/v1/; must not hold views."""

from __future__ import annotations

from django.urls import URLPattern, re_path

from agents.feedback import api as feedback

urlpatterns: list[URLPattern] = [
    re_path(r"^feedback/$", feedback.FeedbackView.as_view(), name="api-feedback"),
]
