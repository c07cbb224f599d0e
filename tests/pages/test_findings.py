"""The pages of findings, scans and detectors: what they show, and that each step is one call of the domain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from context.models import ContextItem, Hold
from governance.drift.drafts import Excerpt, FindingDraft, Proposal, evidence
from governance.drift.recording import record_findings
from governance.models import Change, DetectorSetting, Finding, Judgement, Scan
from tests.cast import Cast, creation, publish

pytestmark = pytest.mark.usefixtures("cast")


def client_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def found(item: ContextItem, *, number: int = 1, **more: Any) -> Finding:
    """A finding of the detector of stale texts about an item, with two passages."""
    passage = Excerpt(key=item.key, title=item.title, version=1, text="Pay in 30 days <b>net</b>.", marks=((7, 14),))
    draft = FindingDraft(
        cause={"item": item.pk, "number": number},
        summary=f"Cap says two things ({number}).",
        evidence=evidence(
            sentence="The two cannot both hold.", passages=[passage, passage], figures={"Days": 30}, keys=["a", "b"]
        ),
        item_id=item.pk,
        size=1.0,
        **more,
    )
    record_findings(detector="stale", drafts=[draft], now=timezone.now())
    return Finding.objects.order_by("-pk")[0]


def test_board__none__says_so_in_words(cast: Cast) -> None:
    page = client_of(cast.owner).get("/findings/").content.decode()
    assert "Nothing is found wrong" in page


def test_board__findings__by_severity_and_owner_with_filters_as_a_sentence(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    for number in range(3):
        found(cap, number=number)
    page = client_of(cast.owner).get("/findings/").content.decode()
    assert "3 findings wait for somebody" in page
    assert "?owner=owner" in page
    nothing = client_of(cast.owner).get("/findings/?severity=4&owner=nobody&detector=stale&domain=legal").content
    assert b"No finding fits" in nothing
    assert client_of(cast.owner).get("/findings/?severity=x&state=%00&page=99999999999").status_code == 200


def test_finding__page__shows_passages_with_their_marks_and_escapes_them(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    finding = found(cap)
    page = client_of(cast.owner).get(f"/findings/{finding.pk}/").content.decode()
    assert page.count("<mark>30 days</mark>") == 2
    assert "&lt;b&gt;net&lt;/b&gt;" in page
    assert "The two cannot both hold." in page
    assert "The text is still true" in page


def test_finding__draft__opens_a_change_with_the_mended_text(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="author", body="Pay in 45 days."))
    proposal = Proposal(key="legal/cap", reason="It was always 30.", replacements=(("45 days", "30 days"),))
    finding = found(cap, proposal=proposal)
    answer = client_of(cast.author).post(f"/findings/{finding.pk}/settle/", {"step": "draft"})
    change = Change.objects.get(origin="finding")
    assert answer["Location"] == f"/changes/{change.pk}/"
    assert change.edits.get().payload["body"] == "Pay in 30 days."
    finding.refresh_from_db()
    assert finding.remedy == change
    again = client_of(cast.author).post(f"/findings/{finding.pk}/settle/", {"step": "draft"})
    assert (again["Location"], Change.objects.filter(origin="finding").count()) == (answer["Location"], 1)


def test_finding__draft_without_a_proposal__leads_to_the_editor(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="author"))
    finding = found(cap)
    answer = client_of(cast.author).post(f"/findings/{finding.pk}/settle/", {"step": "draft"})
    change = Change.objects.get(origin="finding")
    assert answer["Location"] == f"/items/legal/cap/edit/?change={change.pk}"
    assert client_of(cast.author).get(answer["Location"]).status_code == 200


def test_finding__verify__confirms_the_text_and_settles_it(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    finding = found(cap)
    client_of(cast.owner).post(f"/findings/{finding.pk}/settle/", {"step": "verify"})
    finding.refresh_from_db()
    cap.refresh_from_db()
    assert (finding.state, cap.verified_by) == ("resolved", cast.owner)


@pytest.mark.parametrize(
    ("step", "state", "right"),
    [("acknowledge", "acknowledged", True), ("resolve", "resolved", True), ("dismiss", "dismissed", False),
     ("harmless", "dismissed", True), ("except", "open", True)],
)  # fmt: skip
def test_finding__step__is_taken_and_judges_the_detector(cast: Cast, step: str, state: str, right: bool) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    finding = found(cap)
    until = (timezone.now() + timedelta(days=9)).date().isoformat()
    said = {"step": step, "reason": "Because.", "until": until}
    client_of(cast.owner).post(f"/findings/{finding.pk}/settle/", said)
    finding.refresh_from_db()
    assert finding.state == state
    assert Judgement.objects.get(finding=finding).right is right


def test_finding__hold__keeps_the_text_back_until_it_is_settled(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    finding = found(cap)
    owner = client_of(cast.owner)
    owner.post(f"/findings/{finding.pk}/settle/", {"step": "hold"})
    assert Hold.objects.get().item == cap
    owner.post(f"/findings/{finding.pk}/settle/", {"step": "resolve", "reason": "Mended."})
    assert not Hold.objects.exists()


def test_findings__many__all_of_them_or_none(cast: Cast) -> None:
    [cap, price] = publish(cast, creation("legal/cap", owner="owner"), creation("sales/price", owner="author"))
    mine, theirs = found(cap), found(price)
    owner = client_of(cast.owner)
    said = {"finding": [mine.pk, theirs.pk], "step": "dismiss", "reason": "Wrong.", "next": "//evil.example/"}
    answer = owner.post(reverse("governance:settle-findings"), said)
    assert answer["Location"] == "/findings/"
    assert not Finding.objects.filter(state="dismissed").exists()
    more = found(cap, number=2)
    owner.post(reverse("governance:settle-findings"), {**said, "finding": [mine.pk, more.pk]})
    assert set(Finding.objects.filter(state="dismissed")) == {mine, more}


def test_scans__asked_for_on_the_page__is_shown_with_its_progress(cast: Cast) -> None:
    admin = client_of(cast.admin)
    answer = admin.post("/findings/scans/", {"full": "1", "domain": ""})
    scan = Scan.objects.get()
    assert (scan.full, answer["Location"]) == (True, f"/findings/scans/{scan.pk}/")
    whole = admin.get(answer["Location"]).content.decode()
    assert "Waiting for a worker" in whole
    part = admin.get(answer["Location"], headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<div id="scan"')
    assert client_of(cast.outsider).get(answer["Location"]).status_code == 404
    client_of(cast.outsider).post("/findings/scans/", {"full": "1"})
    assert Scan.objects.count() == 1


def test_detector__tuned_by_the_owner_of_the_domain__and_by_nobody_else(cast: Cast) -> None:
    said = {"domain": "legal", "enabled": "1", "severity": "3", "option-ahead_days": "60", "option-grace_days": "0"}
    client_of(cast.author).post("/findings/detectors/stale/tune/", said)
    assert not DetectorSetting.objects.exists()
    client_of(cast.owner).post("/findings/detectors/stale/tune/", said)
    row = DetectorSetting.objects.get()
    assert (row.domain, row.severity, row.options) == (cast.legal, 3, {"ahead_days": 60})
    client_of(cast.owner).post("/findings/detectors/stale/tune/", {**said, "option-ahead_days": "lots"})
    row.refresh_from_db()
    assert row.options == {"ahead_days": 60}
    assert "tuned" in client_of(cast.owner).get("/findings/detectors/stale/?domain=legal").content.decode()


def test_detectors__page__counts_what_people_judged(cast: Cast) -> None:
    [cap] = publish(cast, creation("legal/cap", owner="owner"))
    owner = client_of(cast.owner)
    for number, step in enumerate(("dismiss", "harmless", "resolve", "resolve")):
        finding = found(cap, number=number)
        owner.post(f"/findings/{finding.pk}/settle/", {"step": step, "reason": "Because."})
    page = owner.get("/findings/detectors/").content.decode()
    assert "75 %" in page
    assert "of 4 judged" in page
