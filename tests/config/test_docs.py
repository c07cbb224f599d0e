"""The documents name every setting, option and command, so that none is known to its author alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = [path for app in ("agents", "config", "context", "governance") for path in sorted((ROOT / app).rglob("*.py"))]
SET_BY_THE_LAUNCHER = {"PLUMBLINE_DATABASE_ROLE", "PLUMBLINE_SUPERVISED_IN", "PLUMBLINE_RESTARTED"}


def documents() -> str:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "".join(page.read_text() for page in pages)


def test_documents__every_environment_variable_of_the_settings__is_named() -> None:
    read = re.findall(r"""env\.\w+\(\s*["']([A-Z0-9_]+)["']""", (ROOT / "config" / "settings.py").read_text())
    assert len(read) > 10
    missing = sorted(set(read) - SET_BY_THE_LAUNCHER - set(re.findall(r"[A-Z0-9_]{4,}", documents())))
    assert missing == []


def test_documents__every_management_command__is_named() -> None:
    commands = sorted(
        path.stem
        for path in OURS
        if path.parent.name == "commands" and path.stem != "__init__" and not path.stem.startswith("_")
    )
    assert "grant_web_role" in commands
    missing = [name for name in commands if name not in documents()]
    assert missing == []


@pytest.mark.parametrize("option", ["--port", "--home", "--no-sample"])
def test_readme__every_option_of_up__is_named(option: str) -> None:
    assert option in (ROOT / "config" / "embedded" / "up.py").read_text()
    assert option in (ROOT / "README.md").read_text()


def test_modules__each_of_ours__opens_with_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in OURS
        if "migrations" not in path.parts and path.stat().st_size and not path.read_text().startswith('"""')
    ]
    assert silent == []
