"""The entry point of the web server; refuses to serve with keys that everyone knows."""

from __future__ import annotations

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from config import celery

__all__ = ["application", "celery"]

# Nobody reads anything here until a request has said who asks.
os.environ["DATABASE_READER"] = "nobody"

# Django first: what stands around it reads its models.
_django = get_wsgi_application()
application = _django
for _path in ("agents.standing_wsgi.StandingAnswers", "agents.routing.standing_wsgi.StandingGrounds"):
    application = import_string(_path)(application)

if not settings.DEBUG:
    for _name in ("SECRET_KEY", "SIGNING_KEY"):
        if getattr(settings, _name) in settings.DEVELOPMENT_KEYS:
            raise ImproperlyConfigured(
                f"{_name} has its development value. Set the environment variable {_name} to a secret of your own: "
                "48 random characters for SECRET_KEY, 32 random bytes in URL-safe base64 for SIGNING_KEY."
            )
