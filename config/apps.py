"""Registers the edge for its management commands, and loads Celery so that shared tasks find their broker."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin

from config.celery import app as celery_app

__all__ = ["ConfigConfig", "ConfigurationSiteConfig", "celery_app"]


class ConfigConfig(AppConfig):
    name = "config"


class ConfigurationSiteConfig(admin.AdminConfig):
    """The stock admin with a site of our own."""

    default = False
    default_site = "context.admin_site.ConfigurationSite"
