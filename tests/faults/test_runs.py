"""Runs are not lost, their effects happen once and they go on within a minute, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from config.embedded.database import prepare_database, urls_of
from config.embedded.home import open_home
from config.embedded.postgres import PrivatePostgres
from tests.faults.conftest import ROOT, Up, wait_for
from tests.faults.killing import Killer
from tests.faults.measuring import read, told
from tests.faults.receiving import Receiver
from tests.faults.running import Caller, Claimer, Starter
from tests.faults.seeding import KINDS

pytestmark = [pytest.mark.faults, pytest.mark.slow]

THOROUGH = bool(os.environ.get("PLUMBLINE_THOROUGH"))
RUNS = 1_000 if THOROUGH else 36
MOST_KILLS = RUNS if THOROUGH else 9  # each victim once
SEED = int(os.environ.get("PLUMBLINE_SEED", "20261120"))
# Between two runs that are started, and between two kills, in seconds.
PAUSE = 0.4
KILLS = (8.0, 16.0) if THOROUGH else (1.0, 2.5)
CLAIMERS = 3
RECOVERY_SECONDS = 60.0


@pytest.fixture
def broker(open_directory: Path) -> Iterator[PrivatePostgres]:
    """A PostgreSQL for the queues alone, so that the broker is killed without the database."""
    server = PrivatePostgres(open_home(open_directory / "broker"))
    server.make_cluster()
    server.start()
    prepare_database(server)
    yield server
    server.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    outside = Receiver(seed=SEED)
    outside.start()
    yield outside
    outside.stop()


@pytest.fixture
def up(open_directory: Path, broker: PrivatePostgres) -> Iterator[Up]:
    """Plumbline in a home of its own, with its broker elsewhere, and free to call what listens on this machine."""
    running = Up(
        open_directory / "runs",
        environment={
            "CELERY_BROKER_URL": urls_of(broker).broker,
            "AGENT_ALLOWED_HOSTS": "127.0.0.1",
            "AGENT_PRIVATE_ADDRESSES": "1",
        },
    )
    running.start()
    yield running
    running.stop()


def seeded(up: Up, receiver: Receiver) -> dict[str, str]:
    """The keys of the agents that take the runs."""
    made = in_home(up, "-m", "tests.faults.seeding", receiver.url)
    assert made.returncode == 0, made.stderr[-2_000:]
    keys: dict[str, str] = json.loads(made.stdout)
    return keys


def in_home(up: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A program of ours, run beside the server on its database."""
    known = json.loads((up.home / "secrets" / "environment.json").read_text())
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **known, "DJANGO_SETTINGS_MODULE": "config.settings", "PLUMBLINE_DATABASE_ROLE": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_runs__everything_killed_at_random__each_ends_and_its_effect_happens_once(
    up: Up, broker: PrivatePostgres, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, site, stopped = seeded(up, receiver), f"http://127.0.0.1:{up.port}", Event()
    starter = Starter(Caller(site, keys["pull"]), KINDS)
    claimers = [
        Claimer(Caller(site, keys["pull"]), Caller(receiver.url, ""), SEED + number, stopped)
        for number in range(CLAIMERS)
    ]
    killer = Killer(up, broker, SEED, *KILLS, MOST_KILLS)
    threads = [Thread(target=claimer.work) for claimer in claimers]
    starting = Thread(target=starter.start, args=(RUNS, PAUSE))
    for thread in (*threads, starting):
        thread.start()
    try:
        # Here and in no thread: the broker goes with the thread that started it.
        killer.work(until=lambda: THOROUGH and not starting.is_alive())
        starting.join()
        wait_for(lambda: unended(up) == {}, seconds=3 * RECOVERY_SECONDS, otherwise=lambda: str(unended(up)))
    finally:
        stopped.set()
        for thread in (*threads, starting):
            thread.join()
    if THOROUGH:
        verified = in_home(up, "-m", "django", "verify_audit")
        assert verified.returncode == 0, verified.stdout + verified.stderr
    with up.connect() as connection:
        went = read(connection)
    callers = (starter.caller, *(claimer.caller for claimer in claimers))
    answered = sorted(at for caller in callers for at in caller.answered_at)
    with capsys.disabled():
        print(f"\n{told(went, killer.kills, answered)}")  # noqa: T201 - figures for whoever runs it with -s
        print(  # noqa: T201
            f"effects: {len(receiver.asked)} done once, asked for {sum(receiver.asked.values())} times; "
            f"{receiver.completions} completions; {sum(each.deaths for each in claimers)} claiming agents died"
        )

    # None is lost, none was made twice, and each has ended as it should.
    assert set(went.events) == set(starter.acknowledged)
    assert went.states == Counter({"succeeded": RUNS})
    assert all(said["agents.run.started"] == 1 and said["agents.run.completed"] == 1 for said in went.events.values())
    # Each effect was done once: never asked for under another key, never recorded twice.
    with_effect = [tag for number, tag in enumerate(starter.acknowledged.values()) if KINDS[number % 3] != "model"]
    assert {tag: len(under) for tag, under in receiver.keys_of.items()} == dict.fromkeys(with_effect, 1)
    assert all(set(steps.values()) == {1} for steps in went.steps.values())
    assert len(killer.kills) >= 9
    assert max(went.stood_still.values()) < RECOVERY_SECONDS


def unended(up: Up) -> dict[str, int]:
    """How many runs have not ended, by their type and state. Also while the database does not answer."""
    try:
        with up.connect() as connection:
            found = connection.execute(
                "SELECT task_type || ' ' || state, count(*) FROM agents_run WHERE ended_at IS NULL GROUP BY 1"
            )
            return dict(found.fetchall())
    except psycopg.OperationalError:
        return {"unknown": -1}
