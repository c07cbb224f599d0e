"""Several people at once: each rule holds whoever comes first."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from django.db import connections
from django.utils import timezone

from context.errors import DomainError
from context.models import ContextItem, ContextVersion
from governance.audit.verification import verify_chain
from governance.changes import put_edit
from governance.models import Change, Review
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast, approve, creation, publish, revision, submit


def together(count: int, act: Callable[[int], object]) -> Counter[str]:
    """Run `act` in that many threads at one moment; how often each came out as done or as which error."""
    barrier = threading.Barrier(count)
    outcomes: list[str] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            act(number)
            outcomes.append("done")
        except DomainError as error:
            outcomes.append(error.type)
        except Exception as error:  # noqa: BLE001  an unexpected error is an outcome that no test allows
            outcomes.append(repr(error))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(outcomes)


def test_approve__one_person_fifty_times_at_once__counts_once(cast: Cast, committed_db: None) -> None:
    change = submit(cast, creation("legal/liability"))

    outcomes = together(
        50,
        lambda _: review_change(
            actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=timezone.now()
        ),
    )

    assert outcomes == {"done": 1, "conflict": 49}
    assert Review.objects.count() == 1
    assert verify_chain().holds


def test_publish__fifty_times_at_once__happens_once(cast: Cast, committed_db: None) -> None:
    change = approve(cast, creation("legal/liability"))

    outcomes = together(50, lambda _: publish_change(actor=cast.author, change_id=change.pk, now=timezone.now()))

    assert outcomes == {"done": 1, "approval-incomplete": 49}
    assert ContextVersion.objects.count() == 1
    assert verify_chain().holds


def test_publish__two_changes_of_one_item_at_once__the_second_must_be_made_again(
    cast: Cast, committed_db: None
) -> None:
    publish(cast, creation("legal/liability", body="one"))
    rivals = [approve(cast, revision("legal/liability", body=f"by {number}")) for number in range(8)]

    outcomes = together(
        8, lambda number: publish_change(actor=cast.author, change_id=rivals[number].pk, now=timezone.now())
    )

    assert outcomes == {"done": 1, "stale-base": 7}
    assert ContextItem.objects.get().versions.count() == 2


def test_edit_and_approval_at_once__whichever_is_first_the_edited_text_is_not_approved(
    cast: Cast, committed_db: None
) -> None:
    for round_number in range(10):
        change = submit(cast, creation(f"legal/liability-{round_number}", body="read"))
        digest, pk, key = change.digest, change.pk, f"legal/liability-{round_number}"

        def act(number: int, pk: int = pk, digest: str = digest, key: str = key) -> None:
            if number == 0:
                put_edit(actor=cast.author, change_id=pk, edit=creation(key, body="slipped in"), now=timezone.now())
            else:
                review_change(actor=cast.reviewer, change_id=pk, decision="approve", digest=digest, now=timezone.now())

        outcomes = together(2, act)
        assert set(outcomes) <= {"done", "not-found", "conflict", "approval-void"}
        stands = Change.objects.get(pk=pk)
        assert (stands.state, stands.digest) == ("draft", "")
