"""Everything that can be wrong with the machine before Django exists: one sentence each, with its fix."""

from __future__ import annotations

import collections
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.embedded import bootstrap, installing
from config.embedded.failures import CannotContinue

ROOT = Path(__file__).resolve().parents[2]
Usage = collections.namedtuple("Usage", "total used free")


def bare_python(script: str, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with the standard library alone, as on a machine where nothing is installed."""
    return subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(cwd)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a clone as the bootstrap needs."""
    (tmp_path / "config").mkdir()
    for name in ("manage.py", "requirements.txt", "requirements-dev.txt", "config/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "config" / "embedded", tmp_path / "config" / "embedded")
    return tmp_path


def test_bootstrap__old_python__names_both_versions() -> None:
    with pytest.raises(CannotContinue, match=r"This is Python 3\.9.*needs Python 3\.11") as refused:
        bootstrap.require_python((3, 9))
    assert "python3.11 manage.py" in refused.value.fix


def test_bootstrap__windows__says_where_it_runs_instead() -> None:
    with pytest.raises(CannotContinue, match="does not run on Windows") as refused:
        bootstrap.require_unix("nt")
    assert "WSL" in refused.value.fix


def test_bootstrap__no_venv_module__says_what_to_install_without_a_traceback(checkout: Path) -> None:
    ended = bare_python(
        "import sys; sys.modules['ensurepip'] = None; sys.argv = ['manage.py', 'up']; "
        "import manage; sys.exit(manage.main(sys.argv))",
        cwd=checkout,
    )

    assert ended.returncode == 1
    assert "without the `venv` module" in ended.stderr
    assert "python3-venv" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    assert not (checkout / ".venv").exists()


def test_bootstrap__disk_nearly_full__says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 10**9))
    with pytest.raises(CannotContinue, match=r"0\.9 GB free.*about 3 GB") as refused:
        bootstrap.require_disk(tmp_path)
    assert "Free some space" in refused.value.fix


def test_bootstrap__registry_unreachable__says_so_and_that_it_continues(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(CannotContinue, match="registry could not be reached") as refused:
        installing.run_pip(
            python=sys.executable,
            environment=tmp_path,
            wanted=["plumbline-no-such-package==1.0"],
            pinned_by=[],
            label="packages",
        )
    assert "it continues" in refused.value.fix


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk became full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no build of torch==2.13.0 for this machine"),
        ("WARNING: The repository located at x is not a trusted or secure host and is being ignored.", "not https"),
        ("ERROR: Failed building wheel for x", "pip could not install packages: Failed building wheel for x"),
    ],
)
def test_bootstrap__pip_fails__its_reason_is_one_sentence(said: str, sentence: str) -> None:
    failure = installing.explain(said=["Collecting torch", said], label="packages")
    assert sentence in failure.problem
    assert "\n" not in failure.problem
    assert failure.fix


def test_bootstrap__checkout_not_writable__says_whose_it_should_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CannotContinue, match="may not be written"):
        bootstrap.require_writable(tmp_path)


def test_bootstrap__django_importable__installs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "install", lambda **_: pytest.fail("must not install"))
    bootstrap.ensure_environment(argv=["manage.py", "up"], root=tmp_path)
    assert not (tmp_path / ".venv").exists()


def test_bootstrap__django_but_no_pytest__says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bootstrap, "can_import", lambda name: name == "django")
    with pytest.raises(CannotContinue, match="Django but not pytest") as refused:
        bootstrap.ensure_environment(argv=["manage.py", "test"], root=tmp_path)
    assert "requirements-dev.txt" in refused.value.fix


def test_bootstrap__requirements_changed_or_killed_half_way__installs_again(tmp_path: Path) -> None:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("django==5.2.19\n")
    environment = tmp_path / ".venv"
    environment.mkdir()
    assert not bootstrap.is_installed(environment=environment, files=[requirements])  # killed before the end

    (environment / "plumbline-installed").write_text(bootstrap.stamp_of([requirements]) + "\n")
    assert bootstrap.is_installed(environment=environment, files=[requirements])

    requirements.write_text("django==5.2.20\n")
    assert not bootstrap.is_installed(environment=environment, files=[requirements])


def test_bootstrap__environment_left_without_pip__is_made_anew(tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    python = bootstrap.python_of(environment)
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)

    bootstrap.make_environment(environment)

    assert subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def test_progress__not_a_terminal__prints_a_plain_line_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    progress = installing.Progress(total=20, label="packages")
    progress.terminal = False
    for n in range(20):
        progress.heard(f"Collecting package{n}==1.0\n")
    progress.heard("Installing collected packages: a, b\n")
    progress.installed(20)
    progress.end()

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) <= 11
    assert all("\r" not in line and line.startswith("  installing packages: ") for line in lines)
    assert "99 %" in lines[-1]


def test_requirements__every_line__is_pinned_exactly_and_names_no_host() -> None:
    for name in bootstrap.TEST_REQUIREMENTS:
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--" not in text
        assert all(pin.count("==") == 1 for pin in bootstrap.pins_of([ROOT / name]))


def test_bootstrap_modules__import__the_standard_library_alone() -> None:
    for name in ("bootstrap", "installing", "failures"):
        ended = bare_python(f"import config.embedded.{name}", cwd=ROOT)
        assert ended.returncode == 0, ended.stderr
