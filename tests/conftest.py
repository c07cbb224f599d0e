"""The database of the tests, their cast, and the data of others where it is at hand.

The schema is made by the owner role; tests run as the application's own role, which owns nothing. `db` rolls each
test back; `committed_db` is for threads, servers and races: what they commit is undone by copying the schema anew.
With `--reuse-db` the schema is kept until a migration changes.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.db import connection
from django.test.testcases import LiveServerThread
from django.test.utils import setup_databases

from config import env
from tests import sample_database, schema
from tests.cast import Cast, gather
from tests.sample_database import BASE, SCHEMA
from tests.scheduling import Together, longest_first
from tests.second_line import no_application_filter as filter_switched_off

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def pytest_configure(config: pytest.Config) -> None:
    # Vectors are made by a deterministic stand-in, except where a test asks for the real model.
    settings.EMBEDDING_MODEL = "fake"
    # Checkpoints of other ledgers that lie in the home are none of the tests' business.
    settings.AUDIT_CHECKPOINT_DIRECTORY = Path("/nonexistent/checkpoints")
    # Slow hashing protects real passwords; the cast's are in the source.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # the order is ours
    return Together(config, log)


def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector of garbage need not go through it again for every test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _sign_in_as(variable: str) -> None:
    """Point the default connection, of whatever database it has, at the role in that environment variable."""
    if not env.text(variable):
        return
    role = env.database(variable)
    for name in ("USER", "PASSWORD", "HOST", "PORT"):
        connection.settings_dict[name] = role[name]
    schema.leave()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The process that started the others ends last; `--reuse-db` keeps the schema for the next run."""
    last = not hasattr(session.config, "workerinput")
    if last and not session.config.getoption("collectonly"):
        schema.drop_all(f"{BASE}_schema_" if not session.config.getoption("reuse_db") else sample_database.KEPT)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_blocker: Any, django_db_modify_db_settings: None
) -> Iterator[None]:
    own = connection.creation._get_test_db_name()
    with django_db_blocker.unblock():
        with schema.one_at_a_time(SCHEMA):
            if not schema.exists(SCHEMA):
                _sign_in_as("DATABASE_OWNER_URL")
                setup_databases(verbosity=0, interactive=False)
                call_command("grant_web_role", verbosity=0, stdout=StringIO())
                schema.leave()
                schema.drop_all(f"{BASE}_schema_")
                schema.keep(own, SCHEMA)
        settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = own
        schema.copy(SCHEMA, own)
        _sign_in_as("DATABASE_URL")
    yield
    with django_db_blocker.unblock():
        schema.leave()
        schema.drop(own)


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A database in which commits are real; replaced by a fresh copy afterwards."""
    with django_db_blocker.unblock():
        yield
        sample_database.stand_in(SCHEMA)


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
