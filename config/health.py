"""Two questions of a load balancer: does the process live, and may it be sent requests? Must not need a sign-in."""

from __future__ import annotations

from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers at all; asks nobody else."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and every migration is applied, else 503 with what is missing. One SQL query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = {(app, name) for app, name in cursor.fetchall()}
    except DatabaseError:
        return JsonResponse({"status": "unready", "missing": ["database"]}, status=503)
    missing = sorted(f"migration {app}.{name}" for app, name in needed_migrations() - applied)
    if missing:
        return JsonResponse({"status": "unready", "missing": missing}, status=503)
    return JsonResponse({"status": "ready"})


@cache
def needed_migrations() -> frozenset[tuple[str, str]]:
    """The last migration of each app as the code knows it; read from disk once."""
    return frozenset((app, name) for app, name in MigrationExecutor(None).loader.graph.leaf_nodes())
