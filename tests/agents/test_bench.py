"""The benchmark runs as a command, on a database of its own, and prints what its readers parse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings

from agents.benchmarks.scratch import scratch_name
from config import env
from tests import schema

URLS = ("DATABASE_URL", "DATABASE_OWNER_URL")


def bench(*arguments: str, **environment: str) -> dict[str, Any]:
    """What the command reports; its database is named after this process, and is gone afterwards."""
    if not env.text("DATABASE_OWNER_URL"):
        pytest.skip("needs DATABASE_OWNER_URL, a role that may create databases")
    beside = f"measured_{os.getpid()}"
    urls = {name: urlsplit(os.environ[name])._replace(path=f"/{beside}") for name in URLS}
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", *arguments, "--json"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            **{name: urlunsplit(url) for name, url in urls.items()},
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert scratch_name(urlunsplit(urls["DATABASE_OWNER_URL"])).startswith(beside)
    with schema.maintenance() as owner:
        left = owner.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [beside]).fetchall()
    assert left == []
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.slow
def test_bench_bundles__small__prints_cases_and_ratios_and_leaves_no_database() -> None:
    report = bench("bundles", "--items", "60", "--clients", "2", "--seconds", "0.2")
    wanted = {"bare_sql", "bundle", "bundle_required", "bare_view", "not_modified", "refusal", "bundle_as_of"}
    assert wanted | {"publish_to_visible"} <= set(report["cases"])
    for timing in report["cases"].values():
        assert 0 < timing["p50_ms"] <= timing["p99_ms"]
        assert timing["per_second"] > 0
    assert report["ratios"]["bundle_p50_to_bare_sql"] > 0
