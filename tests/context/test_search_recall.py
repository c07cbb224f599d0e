"""Search finds as much of what a reader may see, however little that is: as much as comparing everything would."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from context import search_statement
from context.access import Principal
from context.embeddings import embed_pending, encode_query
from context.lexemes import refresh_counts
from context.models import Compartment, Domain, Passage, RoleGrant
from context.search import MOST_HITS, search
from tests.cast import Cast, creation, publish, revision

ITEMS = 100
SECTIONS = 6
SHARES = {0.01: ["rare"], 0.1: ["rare", "tenth"], 1.0: ["rare", "tenth", "rest"]}
QUESTION = "which notice ends the lease of a warehouse"


@pytest.fixture
def shelves(cast: Cast) -> dict[str, Domain]:
    """A hundred texts of six sections: one in the first domain, nine in the second, ninety in the third."""
    draw = random.Random(20_261_120)
    vocabulary = [f"word{number}" for number in range(300)] + QUESTION.split() * 4

    def body() -> str:
        return "\n\n".join(
            f"## Part {number}\n\n{' '.join(draw.choices(vocabulary, k=60))}." for number in range(SECTIONS)
        )

    domains = {slug: Domain.objects.create(slug=slug, name=slug) for slug in ("rare", "tenth", "rest")}
    RoleGrant.objects.create(user=cast.author, role="author")
    RoleGrant.objects.create(user=cast.reviewer, role="approver")
    places = ["rare", *["tenth"] * 9, *["rest"] * (ITEMS - 10)]
    publish(cast, *(creation(f"{slug}/text-{number}", body=body()) for number, slug in enumerate(places)))
    while embed_pending():
        pass
    refresh_counts(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE context_passage")
        # So few rows are read one after the other otherwise, and no index would be tried.
        cursor.execute("SET LOCAL enable_seqscan = off")
    return domains


def reader_of(domains: list[Domain]) -> Principal:
    reach = frozenset(domain.pk for domain in domains)
    return Principal(kind="agent", id=7, label="Reader", clearance=1, domains=reach)


def test_search__any_share_permitted__finds_what_comparing_everything_finds(
    shelves: dict[str, Domain], monkeypatch: pytest.MonkeyPatch
) -> None:
    for share, slugs in SHARES.items():
        reader = reader_of([shelves[slug] for slug in slugs])
        passages = list(Passage.objects.filter(item__domain__slug__in=slugs))
        assert len(passages) == round(ITEMS * share) * SECTIONS
        vector = encode_query(QUESTION)
        likeness = {each.pk: float(np.dot(vector, np.asarray(each.embedding, dtype=np.float32))) for each in passages}
        expected = sorted(likeness.values(), reverse=True)[:20]
        by_words = []
        for exact_limit in (search_statement.EXACT_LIMIT, 0):
            monkeypatch.setattr(
                "context.search.statement", partial(search_statement.statement, exact_limit=exact_limit)
            )
            hits = search(principal=reader, query=QUESTION, limit=MOST_HITS, at=timezone.now()).hits
            assert {hit.domain for hit in hits} <= set(slugs)
            places = {hit.passage_id: hit.dense_rank for hit in hits if hit.dense_rank is not None}
            assert len(places) == min(search_statement.CANDIDATES, len(passages))
            # Equal likeness may be broken either way; vectors are stored in half precision.
            found = [likeness[pk] for pk in sorted(places, key=places.__getitem__)[:20]]
            assert found == pytest.approx(expected, abs=2e-3)
            by_words.append({hit.passage_id: hit.lexical_rank for hit in hits if hit.lexical_rank is not None})
        assert by_words[0] == by_words[1]
        assert by_words[0]


def test_compartments__text_moves_to_others__its_passages_move_with_it(cast: Cast) -> None:
    publish(cast, creation("legal/a", body="A lease."))
    (passage,) = Passage.objects.all()
    before = passage.compartment_id
    assert passage.compartment is not None
    assert (passage.compartment.domain, passage.compartment.sensitivity) == (cast.legal, 1)
    # Whatever is written there, a trigger puts a passage where its item belongs.
    Passage.objects.update(compartment=None)
    assert set(Passage.objects.values_list("compartment", flat=True)) == {before}
    cast.author.groups.add(cast.counsel)
    cast.reviewer.groups.add(cast.counsel)
    publish(cast, revision("legal/a", audiences=["counsel"], sensitivity="confidential"))
    (passage,) = Passage.objects.all()
    assert passage.compartment is not None
    assert (passage.compartment.sensitivity, passage.compartment.audience_ids) == (2, [cast.counsel.pk])
    with pytest.raises(IntegrityError), transaction.atomic():
        Compartment.objects.update(audience_ids=[])
