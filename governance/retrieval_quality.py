"""Measures how well search finds what people judged relevant (BEIR's form of data); must run on a scratch database."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from context.access import Principal
from context.embeddings import embed_pending
from context.errors import InvalidInput
from context.lexemes import refresh_counts
from context.models import Domain, Passage, RoleGrant, Sensitivity, User
from context.search import LONGEST_QUERY, MEANING, MOST_HITS, search
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.models import Operation
from governance.publishing import publish_change
from governance.reviews import review_change

SCOPES = ("org", "contract")
ITEMS_AT_ONCE = 400
LONGEST_BODY = 900_000
MODES = {"hybrid": MEANING, "dense": 1.0, "lexical": 0.0}
READER = Principal(kind="system", id=0, label="Evaluation", clearance=int(Sensitivity.INTERNAL))

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """Documents and questions with the scope each belongs to (empty for all), and what was judged relevant."""

    documents: Mapping[str, tuple[str, str, str]]  # title, text, scope
    questions: Mapping[str, tuple[str, str]]  # text, scope
    relevant: Mapping[str, Mapping[str, int]]


def read_collection(directory: Path, split: str = "") -> Collection:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv` (the only one there, unless `split` says).

    Where questions name an organisation or contract, only documents of those are kept, and searched within.
    """
    relevant = _judgements(directory, split)
    questions = {
        str(row["_id"]): (str(row["text"]), _scope(row))
        for row in _rows(directory / "queries.jsonl")
        if str(row["_id"]) in relevant
    }
    scopes = {scope for _, scope in questions.values()}
    documents = {
        str(row["_id"]): (str(row.get("title") or ""), str(row.get("text") or ""), _scope(row))
        for row in _rows(directory / "corpus.jsonl")
        if scopes == {""} or _scope(row) in scopes
    }
    return Collection(documents=documents, questions=questions, relevant=relevant)


def publish_collection(collection: Collection, *, now: datetime, progress: Progress) -> dict[str, str]:
    """Bring the documents into force as people would, by changes that one writes and another approves.

    Returns the document of each item, by key.
    """
    author = User.objects.create(username="evaluation-author", clearance=Sensitivity.INTERNAL)
    reviewer = User.objects.create(username="evaluation-reviewer", clearance=Sensitivity.INTERNAL)
    RoleGrant.objects.create(user=author, role="author")
    RoleGrant.objects.create(user=reviewer, role="approver")
    scopes = sorted({scope for _, _, scope in collection.documents.values()})
    domains = {scope: Domain.objects.create(slug=_domain(scope), name=scope or "All") for scope in scopes}
    keys: dict[str, str] = {}
    entries = list(collection.documents.items())
    for start in range(0, len(entries), ITEMS_AT_ONCE):
        edits = []
        for number, (document, (title, text, scope)) in enumerate(entries[start : start + ITEMS_AT_ONCE], start=start):
            key = f"{domains[scope].slug}/document-{number}"
            keys[key] = document
            payload = {
                "kind": "reference",
                "domain": domains[scope].slug,
                "title": " ".join(title.split())[:300] or f"Document {number}",
                "body": text[:LONGEST_BODY].replace("\x00", " "),
            }
            edits.append(EditInput(operation=Operation.CREATE, key=key, payload=payload))
        change = create_change(actor=author, title="Documents", reason="To be searched", edits=edits, now=now)
        change = submit_change(actor=author, change_id=change.pk, now=now)
        review_change(actor=reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
        publish_change(actor=author, change_id=change.pk, now=now)
        progress("Publishing", min(start + ITEMS_AT_ONCE, len(entries)), len(entries))
    waiting = Passage.objects.filter(embedding__isnull=True).count()
    done = 0
    while batch := embed_pending(128):
        done += batch
        progress("Embedding", done, waiting)
    refresh_counts(now=now)
    return keys


def measure(collection: Collection, keys: Mapping[str, str], *, progress: Progress) -> dict[str, dict[str, float]]:
    """For hybrid search, meaning alone and words alone: nDCG@10, recall@10, recall@100, ms per question."""
    figures = {}
    for mode, meaning in MODES.items():
        sums = [0.0, 0.0, 0.0]
        spent = 0.0
        for done, (question, (text, scope)) in enumerate(collection.questions.items(), start=1):
            started = time.perf_counter()
            answer = search(
                principal=READER,
                query=text[:LONGEST_QUERY],
                limit=MOST_HITS,
                at=timezone.now(),
                domains=[_domain(scope)] if scope else None,
                meaning=meaning,
            )
            spent += time.perf_counter() - started
            ranked = list(dict.fromkeys(keys[hit.key] for hit in answer.hits))
            relevant = collection.relevant[question]
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


def _judgements(directory: Path, split: str) -> dict[str, dict[str, int]]:
    folder = directory / "qrels"
    files = sorted(folder.glob(f"{split or '*'}.tsv")) if folder.is_dir() else []
    if len(files) != 1:
        there = ", ".join(path.stem for path in sorted(folder.glob("*.tsv"))) if folder.is_dir() else "none"
        raise InvalidInput(
            f"{directory} has no single set of judgements to use.",
            field="split",
            fix=f"Name one with --split; there are: {there or 'none'}.",
        )
    relevant: dict[str, dict[str, int]] = {}
    for line in files[0].read_text(encoding="utf-8").splitlines()[1:]:
        question, document, gain = line.split("\t")
        if int(gain) > 0:
            relevant.setdefault(question, {})[document] = int(gain)
    return relevant


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise InvalidInput(f"{path} is not there.", field="directory", fix="Give a folder in the form of BEIR.")
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _scope(row: Mapping[str, Any]) -> str:
    metadata = row.get("metadata") or {}
    return next((str(metadata[name]) for name in SCOPES if metadata.get(name) not in (None, "")), "")


def _domain(scope: str) -> str:
    return f"scope-{slugify(scope)}"[:50] if scope else "all"
