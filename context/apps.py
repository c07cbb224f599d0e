"""Django's registration of the context floor; must not do anything at import."""

from __future__ import annotations

from django.apps import AppConfig


class ContextConfig(AppConfig):
    name = "context"
    default_auto_field = "django.db.models.BigAutoField"
