"""Readiness: the figures of what one may see, kept day by day, the table with what is missing, and slots to fill."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from context.access import principal_for
from context.errors import InvalidInput, NotPermitted
from context.models import ContextItem, Relation
from context.readiness import read_readiness
from context.templatetags.charts import line
from governance.drift.drafts import FindingDraft
from governance.drift.recording import record_findings
from governance.drift.settling import resolve_findings
from governance.models import AuditEvent, Finding, ReadinessSnapshot
from governance.readiness.snapshots import lines_of, take_snapshot
from governance.readiness.starting_points import STARTING_POINTS, expected_kinds, lay_down
from tests.agents.conftest import contract
from tests.cast import Cast, creation, publish

DAY = timedelta(days=1)


def client_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_readiness__counts_what_the_reader_may_see__domain_by_domain_and_overall(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", owner="owner", review_interval_days=100), now=now - 50 * DAY)
    publish(cast, creation("legal/settlements", sensitivity="confidential"), now=now - 400 * DAY)
    publish(cast, creation("sales/terms"), now=now - 10 * DAY)

    outsider = read_readiness(principal=principal_for(cast.outsider), now=now)
    legal = outsider.of(cast.legal)
    assert (legal["texts"], legal["verified_percent"], legal["owned_percent"], legal["overdue"]) == (1, 100.0, 100.0, 0)
    assert legal["age_percent"] == pytest.approx(50, abs=0.2)
    assert outsider.of(None)["texts"] == 2
    assert outsider.of(None)["owned_percent"] == 50.0

    auditor = read_readiness(principal=principal_for(cast.auditor), now=now)
    assert auditor.of(cast.legal)["texts"] == 2
    assert auditor.of(cast.legal)["overdue"] == 1
    assert auditor.of(cast.finance)["verified_percent"] is None


def test_readiness__contracts__needed_met_and_holding(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", owner="owner"), now=now - DAY)
    contract(cast, [{"key": "legal/liability"}])
    figures = read_readiness(principal=principal_for(cast.auditor), now=now).of(None)
    assert (figures["contracts"], figures["contracts_holding"], figures["needed"], figures["met"]) == (1, 1, 1, 1)
    assert "contracts" not in read_readiness(principal=principal_for(cast.outsider), now=now).of(None)


def test_readiness__an_open_contradiction__counts_on_every_page_until_it_is_settled(cast: Cast) -> None:
    now = timezone.now()
    liability, settlements = publish(cast, creation("legal/liability"), creation("legal/settlements"), now=now - DAY)
    draft = FindingDraft(
        cause={"pair": 1},
        summary="They cannot both be right.",
        evidence={"sentence": "45 days, 30 days."},
        item_id=liability.pk,
        other_item_ids=(settlements.pk,),
    )
    record_findings(detector="contradiction", drafts=[draft], now=now)
    found = read_readiness(principal=principal_for(cast.author), now=now)
    legal = next(entry for entry in found.domains if entry.domain == cast.legal)
    assert (legal.in_conflict, legal.word, found.of(cast.legal)["contradictions"]) == (2, "not ready", 1)
    resolve_findings(actor=principal_for(cast.admin), finding_ids=[Finding.objects.get().pk], reason="Mended.", now=now)
    found = read_readiness(principal=principal_for(cast.author), now=now)
    assert next(entry for entry in found.domains if entry.domain == cast.legal).in_conflict == 0
    assert found.of(cast.legal)["contradictions"] == 0


def test_snapshot__is_kept_once_a_day_and_tells_nobody_of_what_they_may_not_see(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", owner="owner"), now=now - 5 * DAY)
    assert take_snapshot(now=now - 2 * DAY) > 0
    publish(cast, creation("legal/settlements", sensitivity="confidential"), now=now - DAY)
    assert take_snapshot(now=now) > 0
    assert take_snapshot(now=now) == 0
    kept = ReadinessSnapshot.objects.count()
    call_command("take_readiness_snapshot", stdout=(said := io.StringIO()))
    assert "kept already" in said.getvalue()
    assert ReadinessSnapshot.objects.count() == kept

    def texts(person: Any) -> tuple[float, ...]:
        return lines_of(principal=principal_for(person), domain=cast.legal, names=["texts"], now=now)["texts"].values

    assert texts(cast.outsider) == (1.0, 1.0)
    assert texts(cast.author) == (1.0, 2.0)
    assert texts(cast.auditor) == (1.0, 2.0)


def test_starting_points__laid_down__are_owned_slots_until_they_are_filled(cast: Cast) -> None:
    now = timezone.now()
    with pytest.raises(NotPermitted):
        lay_down(actor=cast.author, domain=cast.legal, function="legal", now=now)
    assert AuditEvent.objects.filter(action__startswith="governance.detectorsetting").count() == 1
    with pytest.raises(InvalidInput):
        lay_down(actor=cast.owner, domain=cast.legal, function="alchemy", now=now)
    publish(cast, creation("legal/liability"), now=now)
    added = lay_down(actor=cast.owner, domain=cast.legal, function="legal", now=now)
    assert added == STARTING_POINTS["legal"][1]
    open_ = Finding.objects.unsettled().filter(detector="inventory")
    assert {finding.evidence["kind"] for finding in open_} == set(added) - {"policy"}
    assert {finding.owner for finding in open_} == {cast.owner}
    assert lay_down(actor=cast.owner, domain=cast.legal, function="legal", now=now) == ()
    more = lay_down(actor=cast.owner, domain=cast.legal, function="hr", now=now)
    assert set(expected_kinds(cast.legal)) == set(added) | set(more)
    assert not ContextItem.objects.exclude(key="legal/liability").exists()
    assert not Relation.objects.exists()


def test_page_and_csv__show_missing_and_texts__safe_for_spreadsheets(cast: Cast) -> None:
    now = timezone.now()
    publish(cast, creation("legal/liability", title="=cmd|' /C calc'!A0", owner="owner"), now=now - DAY)
    publish(cast, creation("legal/settlements", sensitivity="confidential"), now=now)
    lay_down(actor=cast.owner, domain=cast.legal, function="legal", now=timezone.now())
    owner = client_of(cast.owner)
    page = owner.get("/readiness/?domain=legal").content.decode()
    assert "Is Legal ready for agents?" in page
    assert "Olga Owner is to fill it." in page
    assert "legal/settlements" in page
    outsider = client_of(cast.outsider)
    assert "settlements" not in outsider.get("/readiness/").content.decode().lower()
    answer = outsider.get("/readiness/table.csv")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0][0] == "function"
    assert [row[1] for row in rows[1:]] == ["'=cmd|' /C calc'!A0"]
    mine = list(csv.reader(io.StringIO(b"".join(owner.get("/readiness/table.csv").streaming_content).decode())))
    assert sum(row[-1] == "Missing" for row in mine) == 4
    assert owner.get("/readiness/?domain=nothing").status_code == 404


def test_api__inventory__has_figures_and_the_table_of_a_domain(cast: Cast) -> None:
    now = timezone.now()
    file = {"kind": "upload", "uri": "a.md"}
    publish(cast, creation("legal/liability", title="Liability", owner="owner", source=file), now=now - DAY)
    lay_down(actor=cast.owner, domain=cast.legal, function="legal", now=timezone.now())
    client = client_of(cast.owner)
    plain = json.loads(client.get("/api/v1/context/inventory/").content)
    legal = next(each for each in plain["results"] if each["domain"] == "legal")
    assert (legal["items"], legal["figures"]["texts"], plain["overall"]["slots"]) == (1, 1, 4)
    assert "contexts" not in plain
    table = json.loads(client.get("/api/v1/context/inventory/?domain=legal").content)
    assert [each["state"] for each in table["contexts"]] == ["missing"] * 4 + ["in_force"]
    last = table["contexts"][-1]
    assert (last["key"], last["source"], last["owner"], last["update_every_days"]) == (
        "legal/liability",
        "Uploaded file",
        "Olga Owner",
        365,
    )
    assert table["more"] is False
    assert client.get("/api/v1/context/inventory/?domain=nothing").status_code == 400


def test_line__says_its_first_and_last_value_in_words() -> None:
    today = timezone.now().date()
    drawn = line([today - DAY, today], [50.0, 75.5], "Verified", "%")
    assert f"Verified: 75.5% on {today:%d %B %Y}, 50% on" in drawn
    assert line([], [], "Nothing") == ""
    assert "polyline" in line([today], [3.0], "One")
