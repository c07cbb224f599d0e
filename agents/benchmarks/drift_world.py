"""Fills a scratch database with items for the measurement of scans, past governance; must never see a real database.

One passage an item, with a unit vector at random; one item in a hundred says nearly what another says, one in fifty was
not confirmed in time, one in five hundred points at what is gone. Changing some adds versions and tells the ledger.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from context import embeddings
from context.access import SYSTEM
from context.digests import digest_of
from context.models import Domain, Kind, RoleGrant, Sensitivity, User
from context.models.passages import EMBEDDING_DIMENSIONS
from governance.audit import ledger

SEED = 20_261_120
DOMAINS = ("legal", "sales", "finance", "people", "marketing")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
NEAR_EVERY, OVERDUE_EVERY, BROKEN_EVERY, RELATED_EVERY = 100, 50, 500, 5
NOISE = 0.02
_SUBJECTS = "invoice claim notice premium refund deposit licence contract report review order lease audit".split()
_WHO = "members brokers carriers auditors clerks tenants buyers suppliers handlers agents".split()
_VERBS = "pay answer file check sign return settle confirm renew record".split()
_GUARDED = ("context_contextitem", "context_contextversion", "context_passage", "context_relation")


def build_world(*, items: int, say: Callable[[str], None]) -> None:
    """Insert `items` items in five domains, their versions, passages and relations."""
    owner = User.objects.create_user("bench", password=None, clearance=Sensitivity.RESTRICTED)
    RoleGrant.objects.create(user=owner, role="administrator")
    domains = [Domain.objects.create(slug=slug, name=slug.capitalize(), owner=owner) for slug in DOMAINS]
    kind = Kind.objects.get(slug="policy")
    say(f"inserting {items:,} items")
    with _without_guards(), connection.cursor() as cursor:
        # No detector asks these, and to build them takes longer than everything else.
        cursor.execute("DROP INDEX passage_embedding, passage_filed")
        _insert(items, domains, kind, owner)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def change_some(*, items: int, every: int) -> int:
    """Publish a second version of one item in `every`, as governance would leave it. Returns how many."""
    now = timezone.now()
    ids = list(range(1, items + 1, every))
    with _without_guards(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO context_contextversion (item_id, number, title, body, data, claims, locale, metadata, "
            "valid_from, published_at, digest, change_number, author_label, approvals) "
            "SELECT item_id, 2, title, body || ' It was read again.', data, claims, locale, metadata, %(now)s, "
            "%(now)s, digest, 2, author_label, approvals FROM context_contextversion "
            "WHERE item_id = ANY (%(ids)s) AND number = 1 RETURNING id, item_id",
            {"now": now, "ids": ids},
        )
        cursor.execute(
            "UPDATE context_contextversion SET superseded_at = %s WHERE item_id = ANY (%s) AND number = 1",
            [now, ids],
        )
        cursor.execute(
            "UPDATE context_contextitem item SET current_version_id = version.id "
            "FROM context_contextversion version "
            "WHERE version.item_id = item.id AND version.number = 2 AND item.id = ANY (%s)",
            [ids],
        )
        cursor.execute(
            "UPDATE context_passage passage SET version_id = item.current_version_id, "
            "text = passage.text || ' It was read again.' "
            "FROM context_contextitem item WHERE item.id = passage.item_id AND item.id = ANY (%s)",
            [ids],
        )
    with transaction.atomic():
        ledger.append_all(
            actor=SYSTEM,
            now=now,
            entries=[
                ledger.Entry(
                    action="context.version.published",
                    subject=ledger.Subject(type="item", id=_key(number), label="A text of many"),
                )
                for number in ids
            ],
        )
    return len(ids)


def _insert(items: int, domains: Sequence[Domain], kind: Kind, owner: User) -> None:
    draw, numbers = random.Random(SEED), np.random.default_rng(SEED)
    item_rows: list[tuple[Any, ...]] = []
    version_rows: list[tuple[Any, ...]] = []
    passage_rows: list[tuple[Any, ...]] = []
    relation_rows: list[tuple[Any, ...]] = []
    now = timezone.now()
    model, before = embeddings.model_name(), ("", np.zeros(EMBEDDING_DIMENSIONS))
    for number in range(1, items + 1):
        domain, near = domains[number % len(domains)], number % NEAR_EVERY == 0
        text = before[0].replace("30 days", "45 days") if near else _text(draw, number)
        vector = before[1] + NOISE * numbers.standard_normal(EMBEDDING_DIMENSIONS) if near else None
        if vector is None:
            vector = numbers.standard_normal(EMBEDDING_DIMENSIONS)
        vector = vector / np.linalg.norm(vector)
        before = (text, vector)
        body = f"{text}\n\nSee [it](item:legal/none-{number})." if number % BROKEN_EVERY == 0 else text
        published = BEGINNING + timedelta(seconds=number)
        until = now + timedelta(days=-3 if number % OVERDUE_EVERY == 0 else 200)
        metadata = {"kind": "policy", "domain": domain.slug, "owner": "bench", "stewards": [], "relations": [],
                    "sensitivity": "internal", "review_interval_days": 365, "tags": [], "audiences": [],
                    "source": None}  # fmt: skip
        item_rows.append(
            (number, _key(number), kind.pk, domain.pk, f"Text {number}", owner.pk, 1, [], "", "", "", 365, until,
             published, owner.pk, published)
        )  # fmt: skip
        version_rows.append(
            (number, number, 1, f"Text {number}", body, Jsonb({}), Jsonb([]), "en", Jsonb(metadata), published,
             published, digest_of({"key": number}), 1, "Bench", Jsonb([]))
        )  # fmt: skip
        passage_rows.append(
            (number, number, 0, f"Text {number}", "s-text", body, 60, published, model, _written(vector))
        )
        if number % RELATED_EVERY == 0 and number > RELATED_EVERY:
            relation_rows.append((number, number - 3, "related"))
    _copy(
        "context_contextitem (id, key, kind_id, domain_id, title, owner_id, sensitivity, tags, source_kind, "
        "source_uri, source_fingerprint, review_interval_days, verified_until, verified_at, verified_by_id, "
        "created_at)",
        item_rows,
    )
    _copy(
        "context_contextversion (id, item_id, number, title, body, data, claims, locale, metadata, valid_from, "
        "published_at, digest, change_number, author_label, approvals)",
        version_rows,
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE context_contextitem SET current_version_id = id")
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence(name, 'id'), %s) "
            "FROM unnest(ARRAY['context_contextitem', 'context_contextversion']) name",
            [items],
        )
    _copy(
        "context_passage (item_id, version_id, ordinal, heading_path, anchor, text, token_count, in_force_from, "
        "embedding_model, embedding)",
        passage_rows,
    )
    _copy("context_relation (source_id, target_id, type)", relation_rows)


def _key(number: int) -> str:
    return f"{DOMAINS[number % len(DOMAINS)]}/text-{number}"


def _text(draw: random.Random, number: int) -> str:
    said = [
        f"{draw.choice(_WHO).capitalize()} {draw.choice(('must', 'may', 'shall'))} {draw.choice(_VERBS)} the "
        f"{draw.choice(_SUBJECTS)} of case {number}-{place} within {draw.choice((10, 14, 30, 60, 90))} days, "
        f"up to EUR {draw.randrange(1, 900) * 100:,}."
        for place in range(4)
    ]
    return " ".join(said)


def _written(vector: Any) -> str:
    return "[" + ",".join(f"{value:.4f}" for value in vector) + "]"


def _copy(target: str, rows: Sequence[tuple[Any, ...]]) -> None:
    connection.ensure_connection()
    with psycopg.Cursor(connection.connection) as cursor, cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


class _without_guards:
    """The owner's way past the triggers that let only governance write; nothing else in the product has it."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, quote_ident(tgname) FROM pg_trigger "
                "WHERE NOT tgisinternal AND tgrelid = ANY (%s::regclass[]) AND tgname NOT LIKE 'passage%%'",
                [list(_GUARDED)],
            )
            self._triggers = cursor.fetchall()
            for table, name in self._triggers:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")

    def __exit__(self, *exc: object) -> None:
        with connection.cursor() as cursor:
            for table, name in self._triggers:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
