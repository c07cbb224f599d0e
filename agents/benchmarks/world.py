"""Fills a scratch database with synthetic items, in bulk and past governance; must never see a real database.

The texts are words of a made-up vocabulary with the frequencies of a natural one. The vectors of passages are random:
how fast a search is does not depend on what they mean.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone

from agents.as_of import rights_begin
from agents.benchmarks.bulk import WithoutGuards, copy_rows, drop_indexes, make_indexes, side_by_side
from agents.contract_proposals import edit_of_contract
from agents.contracts import Terms
from agents.keys import issue_key
from agents.models import ContextContract
from agents.registry import save_agent
from context import embeddings, lexemes
from context.digests import digest_of
from context.models import Domain, Kind, RoleGrant, Sensitivity, User
from context.tokens import count_tokens
from governance.changes import create_change, submit_change
from governance.publishing import publish_change
from governance.reviews import review_change

SEED = 20_261_120
VOCABULARY = 6_000
MANDELBROT = 50
WORDS_PER_PASSAGE = 110
PASSAGES_PER_ITEM = 2
DIMENSIONS, PIECE, PIECES = 384, 32, 4_096
REQUIRED = 20
MATCHES = 8
DOMAINS = ("legal", "sales", "finance", "people", "marketing")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
# Of so many items one was revised since, after the past moment that is asked about.
REVISED_EVERY = 4
PAST, REVISED = BEGINNING + timedelta(days=30), BEGINNING + timedelta(days=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What the measurements need to know: the agent's key, its required keys, and questions to ask."""

    bearer: str
    required: tuple[str, ...]
    questions: tuple[str, ...]
    passages: int


def build_world(*, items: int, say: Callable[[str], None]) -> World:
    """Insert `items` items (at least 60), an agent with three contracts, and a key. About half a minute per 10,000."""
    draw = random.Random(SEED)
    vocabulary, weights = _vocabulary(draw)

    def text(count: int) -> str:
        return " ".join(draw.choices(vocabulary, cum_weights=weights, k=count))

    owner = User.objects.create_user("bench", password=None, clearance=Sensitivity.RESTRICTED)
    RoleGrant.objects.create(user=owner, role="administrator")
    domains = [Domain.objects.create(slug=slug, name=slug.capitalize(), owner=owner) for slug in DOMAINS]
    group = Group.objects.create(name="board")
    kind = Kind.objects.get(slug="policy")
    say(f"inserting {items:,} items")
    with WithoutGuards():
        made = drop_indexes()
        required = _insert(items, draw, text, domains, group, kind, owner)
        make_indexes(made)
    lexemes.refresh_counts(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    bearer = _register(owner, domains, required)
    questions = tuple(text(7) for _ in range(200))
    return World(bearer=bearer, required=tuple(required), questions=questions, passages=items * PASSAGES_PER_ITEM)


def _vocabulary(draw: random.Random) -> tuple[list[str], list[float]]:
    syllables = ("ba", "con", "de", "fi", "gra", "li", "mo", "nu", "per", "ra", "sto", "ti", "ver", "zo")
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        found["".join(draw.choices(syllables, k=draw.randint(2, 4)))] = None
    # Zipf and Mandelbrot: as the words of a language are spread once its stop words are left out.
    return list(found), list(accumulate(1 / (rank + MANDELBROT) for rank in range(1, VOCABULARY + 1)))


def _insert(
    items: int,
    draw: random.Random,
    text: Callable[[int], str],
    domains: Sequence[Domain],
    group: Group,
    kind: Kind,
    owner: User,
) -> list[str]:
    required: list[str] = []
    item_rows: list[tuple[Any, ...]] = []
    version_rows: list[tuple[Any, ...]] = []
    passage_rows: list[tuple[Any, ...]] = []
    audience_rows: list[tuple[Any, ...]] = []
    past_rows: list[tuple[Any, ...]] = []
    approvals = '[{"person": "Bench", "username": "bench", "at": "2026-01-01T00:00:00+00:00"}]'
    verified_until = timezone.now() + timedelta(days=200)
    for number in range(1, items + 1):
        domain = domains[number % len(domains)]
        key = f"{domain.slug}/item-{number}"
        # A reader of three domains in five and of two levels in three, outside the board, may read about a third.
        sensitivity = number % 3
        in_board = number % 10 == 0
        readable = domain in domains[:3] and sensitivity < 2 and not in_board
        if readable and len(required) < REQUIRED:
            required.append(key)
        parts = [text(WORDS_PER_PASSAGE) for _ in range(PASSAGES_PER_ITEM)]
        title, body = text(4).capitalize(), "\n\n".join(parts)
        revised = number % REVISED_EVERY == 0
        begun = BEGINNING + timedelta(seconds=number)
        published = REVISED + timedelta(seconds=number) if revised else begun
        item_rows.append(
            (
                *(number, key, kind.pk, domain.pk, title, owner.pk, sensitivity, ["bench"], "", "", "", 365),
                *(verified_until, published, owner.pk, published, number),
            )
        )
        metadata = (
            f'{{"kind": "policy", "domain": "{domain.slug}", "owner": "bench", "stewards": [], "relations": [], '
            f'"sensitivity": "{Sensitivity(sensitivity).word}", "review_interval_days": 365, "tags": ["bench"], '
            f'"audiences": {"[" + chr(34) + "board" + chr(34) + "]" if in_board else "[]"}, "source": null}}'
        )
        version_rows.append(
            (
                *(number, number, 1 + revised, title, body, "{}", "[]", "en", metadata, published, published, None),
                *(digest_of({"key": key, "body": body}), 1 + revised, "Bench", approvals),
            )
        )
        if revised:
            before = [text(WORDS_PER_PASSAGE) for _ in range(PASSAGES_PER_ITEM)]
            version_rows.append(
                (
                    *(items + number, number, 1, title, "\n\n".join(before), "{}", "[]", "en", metadata, begun, begun),
                    *(published, digest_of({"key": key, "body": before}), 1, "Bench", approvals),
                )
            )
            past_rows += [
                (number, items + number, ordinal, title, f"part-{ordinal}", part, 150, begun, published)
                for ordinal, part in enumerate(before)
            ]
        if in_board:
            audience_rows.append((number, group.pk))
        passage_rows += [
            (number, number, ordinal, title, f"part-{ordinal}", part, count_tokens(part), published)
            for ordinal, part in enumerate(parts)
        ]
    with transaction.atomic():  # an item names its version, and the version its item
        copy_rows(
            "context_contextitem (id, key, kind_id, domain_id, title, owner_id, sensitivity, tags, source_kind, "
            "source_uri, source_fingerprint, review_interval_days, verified_until, verified_at, "
            "verified_by_id, created_at, current_version_id)",
            item_rows,
        )
        copy_rows(
            "context_contextversion (id, item_id, number, title, body, data, claims, locale, metadata, valid_from, "
            "published_at, superseded_at, digest, change_number, author_label, approvals)",
            version_rows,
        )
        copy_rows("context_contextitem_audiences (contextitem_id, group_id)", audience_rows)
    with connection.cursor() as cursor:
        for table in ("context_contextitem", "context_contextversion"):
            cursor.execute(f"SELECT setval('{table}_id_seq', %s)", [2 * items])  # what is published later comes after
        cursor.execute("SELECT id, plumbline_compartment_of(id) FROM context_contextitem")
        compartments = dict(cursor.fetchall())

    # With vectors and compartments from the first: to write them afterwards would index every word twice.
    def placed(rows: Sequence[tuple[Any, ...]], seed: int) -> Iterator[tuple[Any, ...]]:
        vector, model = _vectors(random.Random(SEED + seed)), embeddings.model_name()
        return ((*row, model, compartments[row[0]], vector()) for row in rows)

    side_by_side(passage_rows, lambda share, seed: _insert_present(placed(share, seed)))
    side_by_side(past_rows, lambda share, seed: _insert_past(placed(share, seed)))
    return required


def _insert_present(passage_rows: Iterable[tuple[Any, ...]]) -> None:
    columns = "item_id, version_id, ordinal, heading_path, anchor, text, token_count, in_force_from, embedding_model"
    copy_rows(f"context_passage ({columns}, compartment_id, embedding)", passage_rows)


def _insert_past(past_rows: Iterable[tuple[Any, ...]]) -> None:
    """As filing leaves them: under numbers of passages, with their words weighed."""
    columns = "item_id, version_id, ordinal, heading_path, anchor, text, token_count, in_force_from, in_force_until"
    columns += ", embedding_model, compartment_id, embedding"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE filed_away AS SELECT {columns} FROM context_pastpassage")
        copy_rows(f"filed_away ({columns})", past_rows)
        cursor.execute(
            f"INSERT INTO context_pastpassage (id, {columns}, approved_compartment_id, words, filed) "
            f"SELECT nextval(pg_get_serial_sequence('context_passage', 'id')), {columns}, compartment_id, "
            "plumbline_words(heading_path, text), plumbline_words_alone(plumbline_filed(0, heading_path, text)) "
            "FROM filed_away"
        )
        cursor.execute("DROP TABLE filed_away")


def _vectors(draw: random.Random) -> Callable[[], str]:
    """Vectors as text, put together of pieces that are made beforehand: as different as random ones, and quick."""
    pieces = [",".join(f"{draw.random() - 0.5:.3f}" for _ in range(PIECE)) for _ in range(PIECES)]
    return lambda: f"[{','.join(draw.choices(pieces, k=DIMENSIONS // PIECE))}]"


def _agree(owner: User, needed: Mapping[str, Terms], now: datetime) -> list[ContextContract]:
    """The contracts, approved by somebody else than who wrote them, as everywhere."""
    checker = User.objects.create_user("bench-checker", password=None, clearance=Sensitivity.RESTRICTED)
    RoleGrant.objects.create(user=checker, role="approver")
    edits = [edit_of_contract(slug=slug, payload={"name": slug, **terms.as_json()}) for slug, terms in needed.items()]
    change = create_change(actor=owner, title="Contracts", reason="To be measured", edits=edits, now=now)
    digest = submit_change(actor=owner, change_id=change.pk, now=now).digest
    review_change(actor=checker, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=owner, change_id=change.pk, now=now)
    return list(ContextContract.objects.filter(slug__in=needed))


def _register(owner: User, domains: Sequence[Domain], required: Sequence[str]) -> str:
    now = timezone.now()
    stated = [{"key": key} for key in required]
    needed = {
        "full": Terms(requirements=stated, token_budget=60_000, most_matches=MATCHES),
        "required": Terms(requirements=stated, token_budget=60_000, most_matches=0),
        # The second item is confidential: there for who writes the contract, and not for the agent.
        "refused": Terms(requirements=[*stated, {"key": f"{DOMAINS[2]}/item-2"}], token_budget=60_000, most_matches=0),
    }
    contracts = _agree(owner, needed, BEGINNING)
    with rights_begin(BEGINNING):
        agent = save_agent(
            actor=owner,
            slug="bench",
            name="Bench",
            purpose="Measures",
            owner=owner,
            clearance=Sensitivity.INTERNAL,
            domains=domains[:3],
            contracts=contracts,
            now=now,
        )
    return issue_key(actor=owner, agent=agent, name="bench", now=now).bearer
