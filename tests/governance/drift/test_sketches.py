"""What is near is found by sketches as by the vectors, and a scan after changes tells what a full one tells."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from context.access import principal_for
from context.embeddings import embed_pending
from context.models import ContextItem, Domain, Passage
from context.row_security import reading_as
from governance.drift import neighbourhood
from governance.drift.detectors import Looking, Scope, Subjects, detectors
from governance.drift.duplicates_search import (
    bits_of,
    exactly,
    near_rows,
    perhaps_near,
    signs_of,
)
from governance.drift.neighbourhood import near_in_force, near_items
from governance.edits import EditInput
from governance.models import Finding, PassageSketch
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan

COMPARING = ("stale", "references", "contradiction", "terminology", "duplicate")
CLAUSE = (
    "Suppliers send their invoices to the accounts team, which pays them within {days} days of their receipt by bank "
    "transfer, and tells the supplier in writing of each deduction that it makes."
)
BODIES = [
    CLAUSE.format(days=30),
    CLAUSE.format(days=45),
    CLAUSE.format(days=30) + "\n\nReminders cost nothing.",
    "Staff may accept gifts from suppliers.",
    "Staff must not accept gifts from suppliers.",
    "Ask the QRB, or see [the rule](item:legal/text-1).",
    "The QRB meets on Monday. Storage forms are read there.",
    "The QRB does not meet on Friday, see [nothing](item:sales/nothing).",
    "Nothing here is of any interest.",
]


@contextmanager
def many() -> Iterator[None]:
    """Within, whatever there is counts as very many passages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbourhood, "EXACT_BELOW", 0)
        yield


@pytest.mark.parametrize("least", [0.5, 0.7, 0.85, 0.95])
def test_perhaps_near__any_vectors__lacks_no_pair_that_is_near(least: float) -> None:
    chance = np.random.default_rng(5)
    base = chance.standard_normal((600, 384))
    base += 2 * chance.standard_normal(384)  # as models have it: all lean to one side, and few dimensions are large
    base[:, :3] *= 20
    kin = base[:300] + np.linspace(0.1, 3, 300)[:, None] * chance.standard_normal((300, 384))
    vectors = np.concatenate([base, kin]).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = vectors[::7]

    pairs = perhaps_near(bits_of(signs_of(queries)), bits_of(signs_of(vectors)), least=least)
    found = exactly(queries, vectors, pairs, least=least)

    wanted = near_rows(queries, vectors, least=least)
    assert len(wanted.first) > len(queries)
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == set(
        zip(wanted.first.tolist(), wanted.second.tolist(), strict=True)
    )


def test_perhaps_near__vectors_at_random__few_are_looked_at() -> None:
    vectors = np.random.default_rng(6).standard_normal((3_000, 384)).astype(np.float32)
    first, second = perhaps_near(bits_of(signs_of(vectors[:50])), bits_of(signs_of(vectors)), least=0.7)
    assert (first.tolist(), second.tolist()) == (list(range(50)), list(range(50)))


def test_near_items__by_sketches__are_those_of_all_vectors_though_passages_changed(cast: Cast) -> None:
    now = timezone.now()
    ends = now + timedelta(days=1)
    publish(
        cast,
        *(creation(f"legal/text-{n}", body=body, valid_to=ends if n == 2 else None) for n, body in enumerate(BODIES)),
    )
    embed_pending(1_000)
    now = timezone.now()
    ids = sorted(ContextItem.objects.values_list("pk", flat=True))
    with many():
        near_in_force(at=now, least=0.85)
    made = PassageSketch.objects.count()
    assert made == Passage.objects.count()

    # One passage is replaced, one gets another vector, one is no longer in force: its sketch is there for nothing.
    publish(cast, revision("legal/text-0", body=BODIES[1]))
    embed_pending(1_000)
    other = Passage.objects.filter(item__key="legal/text-3")
    other.update(embedding=Passage.objects.filter(item__key="legal/text-0").values_list("embedding", flat=True)[0])
    now += timedelta(days=2)
    assert PassageSketch.objects.count() == made - 2

    exact = told(near_items(ids, at=now, least=0.6))
    with many():
        sketched = told(near_items(ids, at=now, least=0.6))
    assert sketched == exact
    assert len(exact) > len(ids)
    assert PassageSketch.objects.count() == Passage.objects.count()


def test_near_items__so_many_are_near_that_all_are_read__are_the_same(cast: Cast) -> None:
    publish(cast, *(creation(f"legal/text-{n}", body=BODIES[0]) for n in range(3)))
    embed_pending(1_000)
    ids = sorted(ContextItem.objects.values_list("pk", flat=True))
    exact = told(near_items(ids, at=timezone.now(), least=0.7))
    with many():
        assert told(near_items(ids, at=timezone.now(), least=0.7)) == exact
    assert len(exact) == 9


def test_sketches__readers_but_the_system__see_none(cast: Cast) -> None:
    publish(cast, creation("legal/text", body=BODIES[0]))
    embed_pending(1_000)
    with many():
        near_in_force(at=timezone.now(), least=0.85)
    assert PassageSketch.objects.exists()
    with reading_as(principal_for(cast.owner)):
        assert not PassageSketch.objects.exists()


def test_scan__after_each_of_many_changes__tells_what_a_look_at_everything_tells(cast: Cast, settings: Any) -> None:
    settings.DRIFT_DETECTORS = {name: settings.DRIFT_DETECTORS[name] for name in COMPARING}
    draw = random.Random(1)
    keys = [f"legal/text-{n}" for n in range(5)] + [f"sales/text-{n}" for n in range(3)]
    publish(cast, *(creation(key, body=draw.choice(BODIES)) for key in keys))
    embed_pending(1_000)
    scan(now=timezone.now())
    seen: set[str] = set()
    for step in range(6):
        chosen = draw.sample(keys, draw.choice([1, 1, 2]))
        if step == 4:
            publish(cast, EditInput(operation="retire", key=chosen[0]))
            keys.remove(chosen[0])
        else:
            publish(cast, *(revision(key, body=f"{draw.choice(BODIES)} As of {step}.") for key in chosen))
        embed_pending(1_000)
        now = timezone.now()
        # By sketches or by all vectors, as it comes.
        if step % 2:
            with many():
                scan(now=now)
        else:
            scan(now=now)
        held = dict(Finding.objects.unsettled().values_list("fingerprint", "detector"))
        assert held == everything(now)
        seen |= set(held.values())
    with many():
        scan(now=timezone.now(), full=True)
    assert dict(Finding.objects.unsettled().values_list("fingerprint", "detector")) == held
    assert seen >= {"references", "contradiction", "terminology", "duplicate"}


def test_full_scan__among_many__leaves_what_was_found_at_a_greater_distance(cast: Cast, settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"contradiction": settings.DRIFT_DETECTORS["contradiction"]}
    publish(
        cast,
        creation("legal/gifts", body="Staff may accept gifts from suppliers. They tell their manager of each of them."),
        creation("sales/gifts", body="Staff must not accept gifts from suppliers. Refuse politely, and return them."),
    )
    embed_pending(1_000)
    [one, other] = Passage.objects.order_by("pk")
    two = np.zeros((2, 384))
    two[0, 0], two[1, 0], two[1, 1] = 1, 0.75, np.sqrt(1 - 0.75**2)
    for passage, vector in zip((one, other), two, strict=True):
        Passage.objects.filter(pk=passage.pk).update(embedding=vector.tolist())
    with many():
        scan(now=timezone.now())
        assert not Finding.objects.exists()  # the first one looks at everything, and only at what is very near
        publish(cast, revision("legal/gifts", tags=["gifts"]))
        embed_pending(1_000)
        Passage.objects.filter(item__key="legal/gifts").update(embedding=two[0].tolist())
        scan(now=timezone.now())
        assert Finding.objects.get().state == "open"
        scan(now=timezone.now() + timedelta(days=1), full=True)
    assert Finding.objects.get().state == "open"


def told(near: neighbourhood.NearPassages) -> dict[tuple[int, int], float]:
    pairs = zip(near.pairs.first.tolist(), near.pairs.second.tolist(), near.pairs.cosine.tolist(), strict=True)
    return {(one, other): round(cosine, 3) for one, other, cosine in pairs}


def everything(now: datetime) -> dict[str, str]:
    """The fingerprints of all that all detectors see, by their names."""
    found: dict[str, str] = {}
    domains = sorted(Domain.objects.values_list("pk", flat=True))
    items = sorted(ContextItem.objects.not_retired().values_list("pk", flat=True))
    for name, detector in detectors().items():
        subjects = Subjects(item_ids=items, domain_ids=domains, everything=detector.scope is Scope.PAIRS)
        drafts = detector.detect(subjects, now=now, context=Looking(full=True, defaults=detector.defaults))
        found |= {draft.fingerprint(name): name for draft in drafts}
    return found
