"""An epoch rises with everything that concerns a reader, with nothing else, and in the order of commits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from context.access import Principal
from context.epochs import epoch_of, next_boundary
from context.models import Domain, Epoch, EpochMark, Passage, User
from context.row_security import reading_as
from governance.verification import verify_items
from tests.cast import Cast, creation, publish, revision


def reader(cast: Cast, *, clearance: int = 1, groups: tuple[int, ...] = ()) -> Principal:
    return Principal(
        kind="agent",
        id=1,
        label="Reader",
        clearance=clearance,
        groups=frozenset(groups),
        domains=frozenset({cast.legal.pk}),
    )


def rises(who: Principal, act: Callable[[], object]) -> bool:
    commit()
    before = epoch_of(principal=who)
    act()
    commit()
    return epoch_of(principal=who) > before


def commit() -> None:
    """What a commit does with the marks of its transaction; these tests are rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS becomes_an_epoch IMMEDIATE; SET CONSTRAINTS becomes_an_epoch DEFERRED")


def test_epoch__text_published_revised_verified_retired__rises_each_time(cast: Cast) -> None:
    who = reader(cast)
    assert rises(who, lambda: publish(cast, creation("legal/cap", body="Two million.")))
    assert rises(who, lambda: publish(cast, revision("legal/cap", body="Three million.")))
    assert rises(who, lambda: publish(cast, revision("legal/cap", tags=["money"])))
    assert rises(who, lambda: verify_items(actor=cast.owner, keys=["legal/cap"], now=timezone.now()))
    retire = revision("legal/cap")
    assert rises(who, lambda: publish(cast, type(retire)(operation="retire", key="legal/cap")))


def test_epoch__hidden_text_published__stands(cast: Cast) -> None:
    who = reader(cast)
    cast.counsel.user_set.add(cast.author, cast.reviewer)
    publish(cast, creation("legal/cap", body="Two million."))
    assert not rises(who, lambda: publish(cast, creation("sales/price", body="Nine.")))
    assert not rises(who, lambda: publish(cast, creation("legal/secret", body="No.", sensitivity="confidential")))
    assert not rises(who, lambda: publish(cast, creation("legal/counsel", body="No.", audiences=["counsel"])))
    assert rises(
        reader(cast, groups=(cast.counsel.pk,)),
        lambda: publish(cast, revision("legal/counsel", body="Still no.")),
    )


@pytest.mark.parametrize(
    "away",
    [{"sensitivity": "confidential"}, {"audiences": ["counsel"]}],
    ids=["more sensitive", "an audience"],
)
def test_epoch__text_hidden_and_shown_again__rises_both_times(cast: Cast, away: dict[str, object]) -> None:
    who = reader(cast)
    cast.counsel.user_set.add(cast.author, cast.reviewer)
    publish(cast, creation("legal/cap", body="Two million."))
    assert rises(who, lambda: publish(cast, revision("legal/cap", **away)))
    back = {"sensitivity": "internal", "audiences": []}
    assert rises(who, lambda: publish(cast, revision("legal/cap", **back)))


def test_epoch__conflict_declared_by_another_text__rises_for_readers_of_the_target_alone(cast: Cast) -> None:
    who = reader(cast)
    publish(cast, creation("legal/cap", body="Two million."), creation("sales/cap", body="Three million."))
    conflict = [{"type": "conflicts_with", "key": "legal/cap"}]
    assert rises(who, lambda: publish(cast, revision("sales/cap", relations=conflict)))


def test_epoch__rows_changed_past_the_application__rises(cast: Cast) -> None:
    who = reader(cast)
    publish(cast, creation("legal/cap", body="Two million."))
    assert rises(who, lambda: Passage.objects.filter(item__key="legal/cap").update(embedding_model="another"))
    assert rises(who, lambda: Domain.objects.filter(pk=cast.sales.pk).update(parent=cast.legal))
    assert rises(who, lambda: User.objects.filter(pk=cast.owner.pk).update(first_name="Olga Maria"))
    assert rises(who, lambda: Group.objects.filter(pk=cast.counsel.pk).update(name="lawyers"))
    assert not rises(who, lambda: User.objects.filter(pk=cast.owner.pk).update(last_login=timezone.now()))


def test_epoch__written_as_a_reader_who_sees_nothing__rises_all_the_same(cast: Cast) -> None:
    who = reader(cast)
    (item,) = publish(cast, creation("legal/cap", body="Two million."))
    nobody = Principal(kind="agent", id=9, label="", clearance=0, groups=frozenset(), domains=frozenset())

    def write() -> None:
        with reading_as(nobody), connection.cursor() as cursor:
            cursor.execute("SELECT plumbline_mark_items(%s)", [[item.pk]])

    assert rises(who, write)


def test_epoch__change_rolled_back__stands_and_leaves_no_mark(cast: Cast) -> None:
    who = reader(cast)
    publish(cast, creation("legal/cap", body="Two million."))

    def undone() -> None:
        with transaction.atomic():
            Domain.objects.filter(pk=cast.sales.pk).update(name="Other")
            transaction.set_rollback(True)

    assert not rises(who, undone)
    assert not EpochMark.objects.exists()


def test_epoch__many_change_at_once__each_rises_in_the_order_of_commits_and_none_is_lost(
    committed_db: None, cast: Cast
) -> None:
    """A reader who saw a value never finds one at or below it that it had not seen."""
    subjects = [f"agent:{number}" for number in range(6)]
    over = threading.Event()
    late: list[tuple[int, int]] = []

    def write(subject: str) -> None:
        try:
            for _ in range(20):
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SELECT plumbline_mark(%s), plumbline_mark('agent:shared')", [subject])
        finally:
            connections.close_all()

    def watch() -> None:
        seen: dict[str, int] = {}
        try:
            while not over.is_set():
                highest = max(seen.values(), default=0)
                now = dict(Epoch.objects.values_list("subject", "value"))
                late.extend(
                    (value, highest) for name, value in now.items() if value != seen.get(name) and value <= highest
                )
                seen = now
        finally:
            connections.close_all()

    watcher = threading.Thread(target=watch)
    writers = [threading.Thread(target=write, args=(subject,)) for subject in subjects]
    watcher.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    over.set()
    watcher.join()
    assert not late
    assert Epoch.objects.filter(subject__in=subjects).count() == len(subjects)
    assert not EpochMark.objects.exists()


def test_epoch__lowered_or_deleted__refused(cast: Cast) -> None:
    publish(cast, creation("legal/cap", body="Two million."))
    commit()
    with pytest.raises(IntegrityError, match="only rises"), transaction.atomic():
        Epoch.objects.update(value=0)
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        Epoch.objects.all().delete()


def test_next_boundary__texts_that_begin_and_end__the_next_of_them_and_kept_while_nothing_changes(cast: Cast) -> None:
    soon, later = timezone.now() + timedelta(days=3), timezone.now() + timedelta(days=9)
    publish(cast, creation("legal/cap", body="Two million.", valid_to=later.isoformat()))
    commit()
    now = timezone.now()
    clock = max(Epoch.objects.values_list("value", flat=True))
    assert next_boundary(clock=clock, at=now) == later
    publish(cast, creation("legal/new", body="From then on.", valid_from=soon.isoformat()))
    assert next_boundary(clock=clock, at=now) == later
    assert next_boundary(clock=clock + 1, at=now) == soon
    assert next_boundary(clock=clock + 1, at=soon) == later
    assert next_boundary(clock=clock + 1, at=later) is None


def test_epoch__of_a_person__not_offered(cast: Cast) -> None:
    person = Principal(kind="person", id=1, label="", clearance=3, groups=frozenset(), domains=None)
    with pytest.raises(ValueError, match="no epoch"):
        epoch_of(principal=person)
