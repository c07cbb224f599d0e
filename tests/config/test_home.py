"""The home of a private server: closed to others, never half-written, refused where there is no room."""

from __future__ import annotations

import collections
import shutil
import threading
from pathlib import Path

import pytest

from config.embedded.failures import CannotContinue
from config.embedded.home import only_supervisor, open_home, require_room, write_private

Usage = collections.namedtuple("Usage", "total used free")


def test_home__secrets_and_logs__are_closed_to_others(tmp_path: Path) -> None:
    home = open_home(tmp_path / "home")
    assert home.secrets.stat().st_mode & 0o077 == 0
    assert home.logs.stat().st_mode & 0o077 == 0


def test_home__secret__is_made_once_and_kept(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    first = home.secret("a-key")
    assert len(first) == 44
    assert home.secret("a-key") == first
    assert home.secret("another-key") != first
    assert (home.secrets / "a-key").stat().st_mode & 0o777 == 0o600


def test_home__private_file_written_again__is_never_open_nor_half_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("open to all")
    path.chmod(0o644)
    write_private(path, "mine")
    assert path.read_text() == "mine"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("begun", "needed"), [(False, "600 MB"), (True, "50 MB")])
def test_home__disk_full__is_refused_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begun: bool, needed: str
) -> None:
    home = open_home(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 10**7))
    with pytest.raises(CannotContinue, match=f"10 MB free, and {needed}") as refused:
        require_room(home, begun=begun)
    assert "--home" in refused.value.fix


def test_home__held_by_another__is_refused_until_it_lets_go(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with only_supervisor(home):
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    with pytest.raises(CannotContinue, match="already runs Plumbline"), only_supervisor(home):
        pytest.fail("two supervisors in one home")
    release.set()
    holder.join()
    with only_supervisor(home):
        assert True
