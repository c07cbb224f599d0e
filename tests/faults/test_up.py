"""`manage.py up` under the faults that befall a machine: what it promises about restarting, recovering and stopping."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from config.embedded.home import open_home
from config.embedded.postgres import PrivatePostgres
from tests.faults.conftest import PACKAGES, ROOT, Up, free_port, wait_for

pytestmark = pytest.mark.faults


def test_up__first_start__says_where_and_writes_sign_ins_only_their_owner_reads(up: Up) -> None:
    known = json.loads((up.home / "credentials.json").read_text())

    assert (up.home / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert known["url"] == f"http://127.0.0.1:{up.port}/"
    assert known["people"]["admin"]["password"]
    assert up.get("/healthz") == 200
    assert up.get("/readyz") == 200


def test_up__application_role__owns_nothing_and_cannot_truncate(up: Up) -> None:
    with up.connect("DATABASE_URL") as connection:
        owned = connection.execute("SELECT count(*) FROM pg_tables WHERE tableowner = current_user").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("TRUNCATE governance_auditevent")

    assert owned == (0,)


def test_up__database_role_of_the_owner__is_no_superuser(up: Up) -> None:
    with up.connect() as connection:
        row = connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user").fetchone()

    assert row == (False, False)


def test_up__second_on_the_same_home__is_refused_with_the_pid(up: Up) -> None:
    code, said = up.ends_saying("--port", str(free_port()))

    assert code == 1
    assert f"Process {up.pid} already runs Plumbline in {up.home}" in said
    assert "Traceback" not in said
    assert up.get("/readyz") == 200


def test_up__port_taken__is_refused_with_another_port(up: Up, tmp_path: Path) -> None:
    code, said = Up(tmp_path / "other").ends_saying("--port", str(up.port))

    assert code == 1
    assert f"Port {up.port} of 127.0.0.1 is taken" in said
    assert "--port" in said
    assert "Traceback" not in said


def test_up__home_that_cannot_be_made__is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = Up(tmp_path / "file" / "home").ends_saying()

    assert code == 1
    assert "cannot be written" in said
    assert "--home" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("pattern", ["granian", "--hostname worker@", "--hostname runs@", "celery.* beat "])
def test_up__server_process_killed__is_started_again(up: Up, pattern: str) -> None:
    before = up.child(pattern)
    before.kill()

    wait_for(lambda: not before.is_running() or before.status() == psutil.STATUS_ZOMBIE)
    wait_for(lambda: up.child(pattern).pid != before.pid)
    wait_for(lambda: up.get("/readyz") == 200)


def test_up__postgres_killed_while_rows_are_written__keeps_every_acknowledged_row(up: Up) -> None:
    acknowledged: list[int] = []
    with up.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (n integer)")
        connection.execute("DELETE FROM acknowledged")

    def write() -> None:
        try:
            with up.connect() as connection:
                for n in range(1_000_000):
                    connection.execute("INSERT INTO acknowledged VALUES (%s)", [n])
                    acknowledged.append(n)
        except psycopg.OperationalError:
            return

    writer = threading.Thread(target=write)
    writer.start()
    wait_for(lambda: len(acknowledged) > 50)
    before = up.child("postgres -D")
    before.kill()
    writer.join(30)

    wait_for(lambda: up.get("/readyz") == 200)
    assert up.child("postgres -D").pid != before.pid
    with up.connect() as connection:
        kept = {n for (n,) in connection.execute("SELECT n FROM acknowledged").fetchall()}
    assert set(acknowledged) <= kept


def test_up__supervisor_killed__leaves_no_process_and_the_next_start_continues(up: Up) -> None:
    with up.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS survived (n integer)")
        connection.execute("INSERT INTO survived VALUES (1)")
    password = json.loads((up.home / "credentials.json").read_text())["people"]["admin"]["password"]
    assert up.process is not None
    os.kill(up.pid, signal.SIGKILL)
    up.process.wait()

    wait_for(lambda: not up.processes(), seconds=15)
    up.start()

    assert up.get("/readyz") == 200
    assert json.loads((up.home / "credentials.json").read_text())["people"]["admin"]["password"] == password
    with up.connect() as connection:
        assert connection.execute("SELECT count(*) FROM survived").fetchone() == (1,)
        connection.execute("DELETE FROM survived")


def test_up__everything_killed_at_once_and_a_stranger_holds_the_old_pid__recovers(up: Up) -> None:
    with up.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS survived (n integer)")
        connection.execute("INSERT INTO survived VALUES (2)")
    assert up.process is not None
    victims = [psutil.Process(up.pid), *psutil.Process(up.pid).children(recursive=True)]
    # Stopped first, so that none may tidy up after another; some may have ended by themselves meanwhile.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.send_signal(number)
    up.process.wait()
    wait_for(lambda: not up.processes())
    lock = up.home / "postgres" / "postmaster.pid"
    stale = lock.read_text().split("\n")
    lock.write_text("\n".join([str(os.getpid()), *stale[1:]]))

    up.start()

    with up.connect() as connection:
        assert connection.execute("SELECT count(*) FROM survived WHERE n = 2").fetchone() == (1,)
        connection.execute("DELETE FROM survived")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up__asked_to_stop__stops_everything_with_exit_code_0(up: Up, number: int) -> None:
    begun = time.monotonic()
    code = up.stop(number)

    assert code == 0
    assert time.monotonic() - begun < 15
    assert up.processes() == []
    assert up.get("/healthz") == 0
    assert "database system is shut down" in (up.home / "logs" / "postgres.log").read_text()
    assert not (up.home / "postgres" / "postmaster.pid").exists()


def test_up__stopped_while_preparing__ends_cleanly(shared_up: Up) -> None:
    shared_up.ensure().stop()
    starting = shared_up.command("--port", str(shared_up.port))
    assert starting.stdout is not None
    while "preparing database" not in starting.stdout.readline():
        continue
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=60)

    assert starting.returncode == 0
    assert shared_up.processes() == []


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_up__database_that_could_forget__is_refused_with_the_setting(shared_up: Up, setting: str) -> None:
    if shared_up.process is not None and shared_up.process.poll() is None:
        shared_up.stop()
    elif not (shared_up.home / "postgres").exists():
        shared_up.ensure().stop()
    changed = shared_up.home / "postgres" / "postgresql.auto.conf"
    before = changed.read_text()
    changed.write_text(before + f"{setting} = off\n")
    try:
        code, said = shared_up.ends_saying("--port", str(shared_up.port))
    finally:
        changed.write_text(before)

    assert code == 1
    assert f"{setting} = off" in said
    assert "could be lost" in said
    assert "Traceback" not in said
    assert shared_up.processes() == []


def python_for(uid: int) -> str | None:
    """An interpreter that this user may execute and that finds our packages, if there is one."""
    system = shutil.which("python{}.{}".format(*sys.version_info), path="/usr/bin:/usr/local/bin")
    for candidate in (sys.executable, system):
        with contextlib.suppress(OSError):
            tried = subprocess.run(
                [candidate or "", str(ROOT / "manage.py"), "--version"],
                env={"PYTHONPATH": PACKAGES},
                user=uid,
                group=uid,
                extra_groups=(),
                capture_output=True,
                check=False,
            )
            if tried.returncode == 0:
                return candidate
    return None


def test_up__as_an_ordinary_user__runs_and_stops(open_directory: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests already run as an ordinary user")
    uid = pwd.getpwnam("nobody").pw_uid
    python = python_for(uid)
    if python is None:
        pytest.skip("no interpreter with our packages that the user `nobody` may execute")
    base = open_directory / "ordinary"
    base.mkdir()
    os.chown(base, uid, uid)
    ordinary = Up(base / "home", python=python, uid=uid)
    ordinary.start()

    assert ordinary.get("/readyz") == 200
    assert {process.uids().real for process in ordinary.processes()} == {uid}
    assert ordinary.stop() == 0


def test_up__root_with_a_home_nobody_else_may_reach__keeps_the_database_where_its_user_can(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives PostgreSQL another user")
    tmp_path.chmod(0o700)
    home = open_home(tmp_path / "home")
    server = PrivatePostgres(home)
    try:
        assert not server.data.is_relative_to(tmp_path)
        server.make_cluster()
        server.start()
        server.stop()

        assert PrivatePostgres(home).data == server.data
    finally:
        shutil.rmtree(server.place)
