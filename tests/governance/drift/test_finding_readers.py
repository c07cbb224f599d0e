"""Who may not see a text does not see what was found about it, though a statement forgets to ask."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from context.access import Principal, principal_for
from context.models import ContextItem, Sensitivity, User
from context.row_security import reading_as
from governance.drift.findings import Sighting, acknowledge_finding, open_finding
from governance.models import Finding, Severity
from tests.cast import Cast, creation, publish


@pytest.fixture
def readers(cast: Cast) -> dict[str, Principal]:
    """People as they are; agents cleared for little and for one domain."""
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    found = {person.username: principal_for(person) for person in User.objects.all()}
    found["agent"] = Principal(kind="agent", id=1, label="Agent", clearance=Sensitivity.INTERNAL)
    found["legal agent"] = Principal(
        kind="agent", id=2, label="Agent", clearance=Sensitivity.RESTRICTED, domains=frozenset([cast.legal.pk])
    )
    return found


def sight(cause: str, **about: object) -> Finding:
    seen = Sighting(
        detector="wrong",
        cause={"what": cause},
        summary="It is wrong.",
        evidence={"sentence": f"The secret of {cause}."},
        severity=Severity.HIGH,
        **about,  # type: ignore[arg-type]
    )
    return open_finding(seen=seen, now=timezone.now())


def test_findings__any_reader__the_database_shows_what_the_rule_says(cast: Cast, readers: dict[str, Principal]) -> None:
    publish(
        cast,
        creation("legal/open"),
        creation("sales/open"),
        creation("legal/secret", sensitivity="confidential", owner="owner"),
        creation("legal/counsel", audiences=["counsel"], stewards=["outsider"], owner="owner"),
    )
    items = {item.key: item for item in ContextItem.objects.all()}
    for key, item in items.items():
        sight(key, item=item)
    both = sight("both", item=items["legal/open"])
    both.concerned.add(items["legal/secret"])
    sight("domain", domain=cast.sales)

    for name, principal in readers.items():
        with reading_as(principal):
            shown = {finding.evidence["sentence"] for finding in Finding.objects.all()}
            allowed = {finding.evidence["sentence"] for finding in Finding.objects.visible_to(principal)}
            # What is about no item is told apart by office, which the database does not know, but never to agents.
            about_none = {"The secret of domain."} if principal.kind == "person" else set()
        assert shown == allowed | about_none, name
    with reading_as(readers["agent"]):
        assert {finding.evidence["sentence"] for finding in Finding.objects.all()} == {
            "The secret of legal/open.",
            "The secret of sales/open.",
        }


def test_findings__nobody_said_who_reads__none_is_there(cast: Cast) -> None:
    publish(cast, creation("legal/open"))
    finding = sight("open", item=ContextItem.objects.get())
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.reader', 'nobody', true)")
        cursor.execute("SELECT evidence FROM governance_finding")
        assert cursor.fetchall() == []
        cursor.execute("SELECT set_config('plumbline.reader', 'system', true)")
        cursor.execute("SELECT id FROM governance_finding")
        assert cursor.fetchall() == [(finding.pk,)]


def test_findings__reported_by_somebody_who_may_not_see_it__is_written_once(
    cast: Cast, readers: dict[str, Principal]
) -> None:
    publish(cast, creation("legal/secret", sensitivity="confidential", owner="owner"))
    item = ContextItem.objects.get()
    with reading_as(readers["outsider"]):
        first = sight("secret", item=item)
        assert not Finding.objects.exists()
        assert sight("secret", item=item).pk == first.pk
    with reading_as(readers["owner"]):
        acknowledge_finding(actor=readers["owner"], finding_id=first.pk, now=timezone.now())
    assert Finding.objects.get().state == "acknowledged"
