"""The database of the tests, their cast, and the data of others where it is at hand.

The schema is made by the owner role; tests run as the application's own role, which owns nothing. `db` rolls each
test back; `committed_db` is for threads, servers and races: what they commit is undone by copying a template.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.db import connection, connections
from django.test.testcases import LiveServerThread
from django.test.utils import setup_databases
from psycopg import sql

from agents.deliveries import close_lanes
from config import env
from context.remembered import forget_the_database
from tests.cast import Cast, gather
from tests.second_line import no_application_filter as filter_switched_off

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    # Vectors are made by a deterministic stand-in, except where a test asks for the real model.
    settings.EMBEDDING_MODEL = "fake"
    # Checkpoints of other ledgers that lie in the home are none of the tests' business.
    settings.AUDIT_CHECKPOINT_DIRECTORY = Path("/nonexistent/checkpoints")
    # Slow hashing protects real passwords; the cast's are in the source.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _sign_in_as(variable: str) -> None:
    """Point the default connection, of whatever database it has, at the role in that environment variable."""
    if not env.text(variable):
        return
    role = env.database(variable)
    for name in ("USER", "PASSWORD", "HOST", "PORT"):
        connection.settings_dict[name] = role[name]
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: Any,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    with django_db_blocker.unblock():
        _sign_in_as("DATABASE_OWNER_URL")
        setup_databases(verbosity=0, interactive=False)
        call_command("grant_web_role", verbosity=0, stdout=open("/dev/null", "w"))  # noqa: SIM115
        _sign_in_as("DATABASE_URL")
    yield
    with django_db_blocker.unblock():
        connections.close_all()
        # By force, because threads of the tests may still hold, or even renew, their sessions.
        _drop(_template())
        _drop(str(connection.settings_dict["NAME"]))


def _template() -> str:
    return f"{connection.settings_dict['NAME']}_template"


def _maintenance() -> psycopg.Connection[Any]:
    role = env.database("DATABASE_OWNER_URL" if env.text("DATABASE_OWNER_URL") else "DATABASE_URL")
    return psycopg.connect(
        host=str(role["HOST"]),
        port=str(role["PORT"] or 5432),
        user=str(role["USER"]),
        password=str(role["PASSWORD"]),
        dbname="postgres",
        autocommit=True,
    )


def _drop(name: str) -> None:
    with _maintenance() as owner:
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _end_sessions(name: str) -> None:
    """End what threads of earlier tests left open: a database in use can neither be copied nor dropped."""
    with _maintenance() as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = %s AND backend_type = 'client backend'",
            [name],
        )


def _copy(source: str, target: str) -> None:
    _end_sessions(source)
    with _maintenance() as owner:
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(target), sql.Identifier(source)))


@pytest.fixture(scope="session")
def _template_database(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        connections.close_all()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        _copy(str(connection.settings_dict["NAME"]), _template())


@pytest.fixture
def committed_db(_template_database: None, django_db_blocker: Any) -> Iterator[None]:
    """A database in which commits are real; replaced by a fresh copy afterwards."""
    with django_db_blocker.unblock():
        yield
        close_lanes()  # of this process: those to a database that is gone would fail the next test
        connections.close_all()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
        _drop(str(connection.settings_dict["NAME"]))
        _copy(_template(), str(connection.settings_dict["NAME"]))
        forget_the_database()


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> Cast:
    """The people and domains of the tests, in `committed_db` where the test asks for it, else rolled back."""
    request.getfixturevalue("committed_db" if "committed_db" in request.fixturenames else "db")
    return gather()


@pytest.fixture
def no_application_filter() -> Iterator[None]:
    """The application's own filter is off: what is hidden is hidden by the database alone."""
    with filter_switched_off():
        yield


@pytest.fixture
def served_site(committed_db: None, settings: Any) -> Iterator[str]:
    """The URL of the whole application, served by a thread over HTTP from `committed_db`."""
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    thread = LiveServerThread("127.0.0.1", StaticFilesHandler, connections_override={})
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    yield f"http://127.0.0.1:{thread.port}"
    thread.terminate()
    thread.join()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that lies beside the project; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the data sets in {SHARED.parent.name}/{SHARED.name} beside the project")
    return SHARED
