"""The benchmark of ingest puts whole texts through the product, and compares with the encoder on the same passages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from django.conf import settings

from config import env
from tests.agents.test_bench import databases


@pytest.mark.slow
def test_bench_ingest__small__says_how_near_it_comes_to_the_encoder_and_leaves_no_database() -> None:
    if not env.text("DATABASE_OWNER_URL"):
        pytest.skip("needs DATABASE_OWNER_URL, a role that may create databases")
    before = databases()
    done = subprocess.run(
        [sys.executable, "manage.py", "bench", "ingest", "--items", "60", "--json"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "EMBEDDING_MODEL": "fake"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    report = json.loads(done.stdout)
    assert set(report["cases"]) == {"encoder_before", "encoder_after", "ingest"}
    assert all(timing["per_second"] > 0 for timing in report["cases"].values())
    assert report["ratios"]["ingest_per_second_to_encoder"] > 0
    assert report["setting"]["passages"] > 60
    ends_at = time.monotonic() + 120  # another measurement may be at work beside this test
    while not databases() <= before and time.monotonic() < ends_at:
        time.sleep(1)
    assert databases() <= before
