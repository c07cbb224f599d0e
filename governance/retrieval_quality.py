"""Measures how well search finds what people judged relevant (BEIR's form of data); must run on a scratch database."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from context.access import Principal
from context.embeddings import embed_pending
from context.lexemes import refresh_counts
from context.models import Domain, Passage, RoleGrant, Sensitivity, User
from context.search import LONGEST_QUERY, MEANING, MOST_HITS, search
from governance.beir import NO_SCOPE, Collection, Scope, within
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Operation
from governance.publishing import publish_change
from governance.reviews import review_change
from governance.screening import screen_edits

ITEMS_AT_ONCE = 400
LONGEST_BODY = 400_000  # characters; a longer document stands in as many items as it needs
MODES = {"hybrid": MEANING, "dense": 1.0, "lexical": 0.0}
READER = Principal(kind="system", id=0, label="Evaluation", clearance=int(Sensitivity.INTERNAL))

Progress = Callable[[str, int, int], None]


def publish_collection(collection: Collection, *, now: datetime, progress: Progress) -> dict[str, str]:
    """Bring the documents into force as people would, by changes that one writes and another approves.

    Returns the document of each item, by key.
    """
    author = User.objects.create(username="evaluation-author", clearance=Sensitivity.INTERNAL)
    reviewer = User.objects.create(username="evaluation-reviewer", clearance=Sensitivity.INTERNAL)
    RoleGrant.objects.create(user=author, role="author")
    RoleGrant.objects.create(user=reviewer, role="approver")
    domains = _domains(collection)
    for scope, slug in domains.items():
        Domain.objects.create(slug=slug, name=" ".join(scope).strip()[:80] or "All")
    keys: dict[str, str] = {}
    entries = [
        (name, document, part)
        for name, document in collection.documents.items()
        for part in range(max(1, math.ceil(len(document.text) / LONGEST_BODY)))
    ]
    for start in range(0, len(entries), ITEMS_AT_ONCE):
        edits = []
        for number, (name, document, part) in enumerate(entries[start : start + ITEMS_AT_ONCE], start=start):
            domain = domains[document.scope]
            key = f"{domain}/document-{number}"
            keys[key] = name
            payload = {
                "kind": "reference",
                "domain": domain,
                "title": " ".join(document.title.split())[:300] or f"Document {number}",
                "body": document.text[part * LONGEST_BODY : (part + 1) * LONGEST_BODY],
            }
            edits.append(EditInput(operation=Operation.CREATE, key=key, payload=payload))
        change = create_change(actor=author, title="Documents", reason="To be searched", edits=edits, now=now)
        change = submit_change(actor=author, change_id=change.pk, now=now)
        seen = screen_edits(change.edits.select_related("item")).digest
        review_change(
            actor=reviewer, change_id=change.pk, decision="approve", digest=change.digest, screening=seen, now=now
        )
        publish_change(actor=author, change_id=change.pk, now=now)
        progress("Publishing", min(start + ITEMS_AT_ONCE, len(entries)), len(entries))
    waiting = Passage.objects.filter(embedding__isnull=True).count()
    done = 0
    while batch := embed_pending():
        done += batch
        progress("Embedding", done, waiting)
    refresh_counts(now=now)
    return keys


def measure(collection: Collection, keys: Mapping[str, str], *, progress: Progress) -> dict[str, dict[str, float]]:
    """For hybrid search, meaning alone and words alone: nDCG@10, recall@10, recall@100, ms per question."""
    figures = {}
    domains = _domains(collection)
    for mode, meaning in MODES.items():
        sums = [0.0, 0.0, 0.0]
        spent = 0.0
        for done, (name, question) in enumerate(collection.questions.items(), start=1):
            inside = [slug for scope, slug in domains.items() if within(scope, question.scope)]
            started = time.perf_counter()
            answer = search(
                principal=READER,
                query=question.text[:LONGEST_QUERY],
                limit=MOST_HITS,
                at=timezone.now(),
                domains=None if question.scope == NO_SCOPE else inside,
                meaning=meaning,
            )
            spent += time.perf_counter() - started
            ranked = list(dict.fromkeys(keys[hit.key] for hit in answer.hits))
            relevant = collection.relevant[name]
            for place, value in enumerate(
                (ndcg(ranked, relevant, 10), *(_recall(ranked, relevant, k) for k in (10, 100)))
            ):
                sums[place] += value
            progress(f"Searching ({mode})", done, len(collection.questions))
        count = max(1, len(collection.questions))
        names = ("ndcg@10", "recall@10", "recall@100")
        figures[mode] = {name: round(total / count, 4) for name, total in zip(names, sums, strict=True)}
        figures[mode]["ms_per_query"] = round(1000 * spent / count, 2)
    return figures


def ndcg(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`, with gains as they were judged."""
    gained = sum(relevant.get(name, 0) / math.log2(place + 2) for place, name in enumerate(ranked[:k]))
    best = sorted(relevant.values(), reverse=True)[:k]
    return gained / sum(gain / math.log2(place + 2) for place, gain in enumerate(best))


def _recall(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    return sum(name in relevant for name in ranked[:k]) / len(relevant)


def _domains(collection: Collection) -> dict[Scope, str]:
    """A domain for each scope that documents have, by number: what a scope is called need not make an address."""
    scopes = sorted({document.scope for document in collection.documents.values()})
    return {scope: "all" if scope == NO_SCOPE else f"scope-{number}" for number, scope in enumerate(scopes, start=1)}
