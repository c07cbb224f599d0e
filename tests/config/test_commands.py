"""`manage.py` for every other command: whose database it works on, and as whom."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import django_command

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"DATABASE_URL": "postgresql://w@127.0.0.1:9/plumbline", "SECRET_KEY": "kept"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose `up` has stopped."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "environment.json").write_text(json.dumps(KNOWN))
    monkeypatch.setenv("PLUMBLINE_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    return tmp_path


def test_command__home_at_hand__works_on_its_database(home: Path) -> None:
    assert django_command.adopt_private_database() == home
    assert os.environ["DATABASE_URL"] == KNOWN["DATABASE_URL"]
    assert os.environ["SECRET_KEY"] == "kept"


def test_command__database_named__is_preferred_to_the_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://other@127.0.0.1/other")
    assert django_command.adopt_private_database() is None
    assert "SECRET_KEY" not in os.environ


def test_command__up_not_running__says_so_without_a_traceback(home: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "CELERY_"))}
    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "verify_audit"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ended.returncode == 1
    assert f"The private database of {home} does not run." in ended.stderr
    assert "manage.py up" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_makemigrations__models_and_migrations__agree() -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "makemigrations", "--check", "--dry-run"],
        env={**os.environ, "PLUMBLINE_DATABASE_ROLE": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
