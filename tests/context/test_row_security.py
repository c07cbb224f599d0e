"""Row-level security: the database itself shows a reader no more than they may see, whatever a query forgets."""

from __future__ import annotations

import random

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone

from context.access import SYSTEM, Principal, principal_for
from context.errors import NotPermitted
from context.models import ContextItem, ContextVersion, Domain, Passage, PastPassage, Sensitivity, User
from context.row_security import reading_as, reading_as_system
from governance.models import Finding, PassageSketch
from governance.personal_tokens import issue_token
from tests.cast import Cast, creation, publish, revision

TABLES = (ContextItem, ContextVersion, Passage)


@pytest.fixture
def world(cast: Cast) -> list[Principal]:
    """Forty texts of every sensitivity, audience and domain, and readers of every sort."""
    chance = random.Random(7)
    board = Group.objects.create(name="board")
    cast.author.clearance = cast.reviewer.clearance = Sensitivity.RESTRICTED
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel, board)
        person.save()
    edits = [
        creation(
            f"{chance.choice(['legal', 'sales'])}/text-{number}",
            sensitivity=chance.choice(Sensitivity.labels),
            audiences=chance.sample(["counsel", "board"], chance.choice([0, 0, 1, 2])),
            owner=chance.choice(["author", "owner", "outsider", None]),
            stewards=chance.sample(["reviewer", "outsider"], chance.choice([0, 1])),
            body=f"Text number {number} says something.",
        )
        for number in range(40)
    ]
    publish(cast, *edits)
    # Some are opened up, others closed, later on: their older texts stay as they were.
    publish(
        cast,
        *[
            revision(edit.key, sensitivity=chance.choice(Sensitivity.labels), audiences=[], body="Said anew.")
            for edit in edits[::3]
        ],
    )
    people = [principal_for(User.objects.get(pk=person.pk)) for person in User.objects.all()]
    agents = [
        Principal(
            kind="agent",
            id=number,
            label="Agent",
            clearance=number % 4,
            groups=frozenset(chance.sample([cast.counsel.pk, board.pk], number % 3)),
            domains=None if number % 4 == 3 else frozenset(chance.sample([cast.legal.pk, cast.sales.pk], number % 3)),
        )
        for number in range(12)
    ]
    return [*people, *agents, SYSTEM]


def test_reader__of_every_sort__sees_by_the_database_what_the_application_shows(world: list[Principal]) -> None:
    seen = set()
    for principal in world:
        for table in TABLES:
            shown = set(table.objects.visible_to(principal).values_list("pk", flat=True))
            with reading_as(principal):
                assert set(table.objects.values_list("pk", flat=True)) == shown, (principal, table)
            seen.add((table, len(shown)))
    assert len(seen) > 12  # the worlds differ, so the comparison says something


def test_nobody__sees_nothing(world: list[Principal]) -> None:
    for reader in ("nobody", "", "principal"):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('plumbline.reader', %s, true)", [reader])
            assert [table.objects.count() for table in (*TABLES, PastPassage)] == [0, 0, 0, 0]
            cursor.execute("SELECT set_config('plumbline.reader', 'system', true)")


def test_reading_as__afterwards__is_as_before(world: list[Principal], cast: Cast) -> None:
    outsider = principal_for(cast.outsider)
    total = ContextItem.objects.count()
    with reading_as(outsider):
        few = ContextItem.objects.count()
        with reading_as_system():
            assert ContextItem.objects.count() == total
        assert ContextItem.objects.count() == few < total
    assert ContextItem.objects.count() == total
    with pytest.raises(ZeroDivisionError), reading_as(outsider):
        _ = 1 / 0
    assert ContextItem.objects.count() == total


def test_settings__of_one_transaction__do_not_reach_the_next(committed_db: None, cast: Cast) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential"))
    with reading_as(principal_for(cast.outsider)):
        assert not ContextItem.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('plumbline.reader'), current_setting('plumbline.clearance')")
        assert cursor.fetchone() == ("system", "")


def test_policies__bind_the_owner_of_the_tables_too(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY relname")
        tables = (*TABLES, PastPassage, PassageSketch, Finding)
        assert [name for (name,) in cursor.fetchall()] == sorted(table._meta.db_table for table in tables)


@pytest.mark.usefixtures("no_application_filter")
def test_api_and_pages__application_filter_switched_off__hidden_is_still_nonexistent(cast: Cast, client) -> None:
    publish(
        cast,
        creation("legal/open", body="Everybody may read of liability.", sensitivity="internal"),
        creation("legal/secret", body="Nobody outside may read of liability.", sensitivity="confidential"),
    )
    token = issue_token(user=cast.outsider, name="test", actor=principal_for(cast.outsider), now=timezone.now()).text
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}

    def api(path: str):
        return client.get(f"/api/v1/context/{path}", **bearer)

    assert [row["key"] for row in api("items/").json()["results"]] == ["legal/open"]
    for path in ("", "versions/", "versions/1/", "diff/?from=1&to=1"):
        hidden, missing = api(f"items/legal/secret/{path}"), api(f"items/legal/nothing/{path}")
        assert hidden.status_code == missing.status_code == 404, path
    assert {hit["key"] for hit in api("search/?q=liability").json()["results"]} == {"legal/open"}
    client.force_login(cast.outsider)
    for path in ("/items/legal/secret/", "/items/legal/secret/edit/", "/items/legal/secret/versions/1/"):
        assert client.get(path).status_code == 404, path
    for path in ("/", "/items/", "/items/?q=liability", f"/domains/{Domain.objects.get(slug='legal').slug}/"):
        page = client.get(path)
        assert page.status_code == 200, path
        assert b"secret" not in page.content, path


def test_reading_as__refused__what_was_recorded_of_the_refusal_stays(committed_db: None, cast: Cast) -> None:
    with pytest.raises(NotPermitted), reading_as(principal_for(cast.outsider)):
        Group.objects.create(name="recorded")
        raise NotPermitted("no")
    assert Group.objects.filter(name="recorded").exists()
