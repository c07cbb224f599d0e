"""Times the way of texts into search beside the bare encoder on the same texts; must not touch real data."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from threading import Event

from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from agents.benchmarks.measuring import Report, Timing, percentile
from agents.benchmarks.scratch import scratch_database
from context import lexemes
from context.embeddings import embed_pending, embedding_text, encode, model_name
from context.models import Domain, Passage, RoleGrant, Sensitivity, User
from context.passages import split
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Operation
from governance.publishing import publish_change
from governance.reviews import review_change

SEED = 20_261_120
PARAGRAPHS_PER_ITEM = 16  # about ten passages, as pages of a handbook have
ITEMS_A_CHANGE = 100
ENCODED_AT_ONCE = 256
SECONDS_BETWEEN_LOOKS = 0.02
SAMPLE = Path(settings.BASE_DIR) / "sample"


def run(*, items: int, clients: int, seconds: float, say: Callable[[str], None]) -> Report:
    """Publish `items` texts while a worker embeds them, as `up` does, and encode the same passages before and after.

    `clients` and `seconds` do not matter here: every text goes in once.
    """
    texts = _texts(items)
    passages = [
        embedding_text(draft.heading_path, draft.text)
        for title, body in texts
        for draft in split(title=title, body=body)
    ]
    encode(passages[:ENCODED_AT_ONCE])
    say(f"encoding {len(passages):,} passages of {items:,} texts")
    before = _encode(passages)
    say("making a scratch database")
    with scratch_database():
        author, reviewer = _people()
        say("publishing and embedding the same")
        publishing, whole = _ingest(texts, author, reviewer, passages[:ENCODED_AT_ONCE])
        found = Passage.objects.filter(embedding__isnull=False).count()
        if found != len(passages):
            raise RuntimeError(f"{found} passages were embedded, not {len(passages)}")
        started = time.perf_counter()
        lexemes.refresh_counts(now=timezone.now())
        counting = time.perf_counter() - started
    say("encoding them again")
    after = _encode(passages)
    cases = {
        "encoder_before": before,
        "encoder_after": after,
        "ingest": _timing([whole / len(passages)], len(passages), whole),
    }
    encoder = (before.per_second + after.per_second) / 2
    return Report(
        cases=cases,
        ratios={
            "ingest_per_second_to_encoder": cases["ingest"].per_second / encoder,
            "publishing_alone_to_ingest": publishing / whole,
        },
        setting={
            "items": items,
            "passages": len(passages),
            "seconds_to_count_words": round(counting, 2),
            "embedding_model": model_name(),
            "threads": settings.EMBEDDING_THREADS,
        },
    )


def _texts(items: int) -> list[tuple[str, str]]:
    """Titles and texts put together from paragraphs of the sample organisation: words of a natural language."""
    draw = random.Random(SEED)
    paragraphs = [
        paragraph.strip()
        for path in sorted(SAMPLE.rglob("*.md"))
        for paragraph in path.read_text(encoding="utf-8").split("---", 2)[-1].split("\n\n")
        if len(paragraph.strip()) > 80
    ]
    return [
        (f"Text {number}", "\n\n".join(draw.sample(paragraphs, PARAGRAPHS_PER_ITEM))) for number in range(1, items + 1)
    ]


def _encode(passages: Sequence[str]) -> Timing:
    """In batches as large as the product's; milliseconds a passage."""
    ordered = sorted(passages, key=len)
    times, begun = [], time.perf_counter()
    for start in range(0, len(ordered), ENCODED_AT_ONCE):
        batch = ordered[start : start + ENCODED_AT_ONCE]
        started = time.perf_counter()
        encode(batch)
        times.append((time.perf_counter() - started) / len(batch))
    return _timing(times, len(passages), time.perf_counter() - begun)


def _people() -> tuple[User, User]:
    author = User.objects.create(username="bench-author", clearance=Sensitivity.INTERNAL)
    reviewer = User.objects.create(username="bench-reviewer", clearance=Sensitivity.INTERNAL)
    RoleGrant.objects.create(user=author, role="author")
    RoleGrant.objects.create(user=reviewer, role="approver")
    Domain.objects.create(slug="bench", name="Bench")
    return author, reviewer


def _ingest(
    texts: Sequence[tuple[str, str]], author: User, reviewer: User, warming: Sequence[str]
) -> tuple[float, float]:
    """Seconds until all is published, and until all is embedded besides. The worker has its model loaded, as bare."""
    processes = get_context("fork")
    with processes.Manager() as manager, ProcessPoolExecutor(1, mp_context=processes) as pool:
        ready, published = manager.Event(), manager.Event()
        connections.close_all()
        worker = pool.submit(_embed, ready, published, warming)
        ready.wait()
        started = time.perf_counter()
        for start in range(0, len(texts), ITEMS_A_CHANGE):
            _publish(texts, start, author, reviewer)
        publishing = time.perf_counter() - started
        published.set()
        worker.result()
        return publishing, time.perf_counter() - started


def _publish(texts: Sequence[tuple[str, str]], start: int, author: User, reviewer: User) -> None:
    now = timezone.now()
    edits = [
        EditInput(
            operation=Operation.CREATE,
            key=f"bench/text-{start + place}",
            payload={"kind": "reference", "domain": "bench", "title": title, "body": body},
        )
        for place, (title, body) in enumerate(texts[start : start + ITEMS_A_CHANGE])
    ]
    change = create_change(actor=author, title="Texts", reason="To be found", edits=edits, now=now)
    change = submit_change(actor=author, change_id=change.pk, now=now)
    review_change(actor=reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    publish_change(actor=author, change_id=change.pk, now=now)


def _embed(ready: Event, published: Event, warming: Sequence[str]) -> None:
    """What the worker does, in a process of its own, until everything is published and embedded."""
    encode(warming)
    connection.ensure_connection()
    ready.set()
    while True:
        over = published.is_set()
        if not embed_pending() and over:
            break
        if not over:
            time.sleep(SECONDS_BETWEEN_LOOKS)
    connections.close_all()


def _timing(times: Sequence[float], passages: int, seconds: float) -> Timing:
    ordered = sorted(times)
    return Timing(
        p50_ms=percentile(ordered, 0.5) * 1_000, p99_ms=percentile(ordered, 0.99) * 1_000, per_second=passages / seconds
    )
