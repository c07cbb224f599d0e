"""The benchmark runs as a command, on a database of its own, and prints what its readers parse."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings

from config import env


def databases() -> set[str]:
    role = env.database("DATABASE_OWNER_URL")
    with psycopg.connect(
        host=str(role["HOST"]),
        port=str(role["PORT"]),
        user=str(role["USER"]),
        password=str(role["PASSWORD"]),
        dbname="postgres",
    ) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'plumbline_bench_%'")
        return {name for (name,) in found}


@pytest.mark.slow
def test_bench_bundles__small__prints_cases_and_ratios_and_leaves_no_database() -> None:
    if not env.text("DATABASE_OWNER_URL"):
        pytest.skip("needs DATABASE_OWNER_URL, a role that may create databases")
    before = databases()
    done = subprocess.run(
        [
            sys.executable,
            "manage.py",
            "bench",
            "bundles",
            "--items",
            "60",
            "--clients",
            "2",
            "--seconds",
            "0.2",
            "--json",
        ],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    report = json.loads(done.stdout)
    wanted = {"bare_sql", "bundle", "bundle_required", "bare_view", "not_modified", "refusal", "bundle_as_of"}
    assert wanted | {"publish_to_visible"} <= set(report["cases"])
    for timing in report["cases"].values():
        assert 0 < timing["p50_ms"] <= timing["p99_ms"]
        assert timing["per_second"] > 0
    assert report["ratios"]["bundle_p50_to_bare_sql"] > 0
    assert databases() <= before
