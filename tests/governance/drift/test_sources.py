"""A source that changes becomes a finding with a draft, and ends it by itself; one that cannot be read says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from context.access import principal_for
from context.errors import Conflict, InvalidInput, NotFound, NotPermitted
from context.models import ContextItem, Hold
from governance.audit.verification import verify_chain
from governance.changes import submit_change
from governance.drift.remedies import draft_remedy, verify_findings
from governance.drift.sources.asking import UnreadableUpload, check_now, set_interval, upload_source
from governance.drift.sources.fetching import fetch_due_sources
from governance.drift.tuning import tune_detector
from governance.models import AuditEvent, Finding, SourceUpload, WatchedSource
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.cast import Cast, creation, publish, revision
from tests.governance.drift.conftest import scan
from tests.governance.drift.hostile import PAGE, Server, serving

DAY = timedelta(days=1)
LEAVE = PAGE.decode()
KEY = "legal/leave"


@pytest.fixture(autouse=True)
def _only_sources(settings: Any) -> None:
    settings.DRIFT_DETECTORS = {"source": "governance.drift.sources.detecting.DETECTOR"}
    settings.SOURCE_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.SOURCE_PRIVATE_ADDRESSES = True


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def named(cast: Cast, kind: str, uri: str, body: str = LEAVE, **more: Any) -> datetime:
    """A text in force that names a source; when it was published."""
    begun = timezone.now() - 30 * DAY
    edit = creation(KEY, title="Leave", body=body, owner="owner", source={"kind": kind, "uri": uri}, **more)
    publish(cast, edit, now=begun)
    return begun


def read(now: datetime) -> WatchedSource:
    """What a worker would do at that moment."""
    fetch_due_sources(clock=lambda: now, at_most=timedelta(seconds=30))
    return WatchedSource.objects.get(item__key=KEY)


def publish_draft(cast: Cast, finding: Finding, now: datetime) -> None:
    change = draft_remedy(actor=cast.author, finding_ids=[finding.pk], now=now)
    submit_change(actor=cast.author, change_id=change.pk, now=now)
    change.refresh_from_db()
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=change.digest, now=now)
    publish_change(actor=cast.author, change_id=change.pk, now=now)


def test_source__that_changes__is_a_finding_whose_draft_mends_it(cast: Cast, server: Server) -> None:
    begun = named(cast, "url", f"{server.url}/page")
    assert read(begun + DAY).state == "unchanged"
    scan(now=begun + DAY)
    assert not Finding.objects.exists()

    server.text, server.etag = PAGE.replace(b"25 days", b"28 days"), '"2"'
    row = read(begun + 3 * DAY)
    finding = Finding.objects.get()
    assert row.state == "changed"
    assert finding.summary == "The source of “Leave” changed: 1 substantive, 0 editorial."
    before, now = finding.evidence["passages"]
    assert (before["text"], now["text"]) == (
        "Everybody has 25 days of leave a year.",
        "Everybody has 28 days of leave a year.",
    )
    assert [before["text"][slice(*mark)] for mark in before["marks"]] == ["25 days"]
    scan(now=begun + 3 * DAY)
    assert Finding.objects.count() == 1

    publish_draft(cast, finding, begun + 4 * DAY)
    item = ContextItem.objects.get(key=KEY)
    assert item.current_version is not None
    assert "28 days" in item.current_version.body
    assert item.source_fingerprint == row.seen_digest
    scan(now=begun + 5 * DAY)
    finding.refresh_from_db()
    assert (finding.state, finding.resolved_by_version) == ("resolved", 2)
    assert read(begun + 6 * DAY).state == "unchanged"
    assert Finding.objects.unsettled().count() == 0
    assert verify_chain().holds


def test_source__row_says_what_no_event_tells__the_next_scan_sees_it_and_sees_it_gone(
    cast: Cast, server: Server
) -> None:
    begun = named(cast, "url", f"{server.url}/page")
    read(begun + DAY)
    scan(now=begun + DAY)
    WatchedSource.objects.update(state="unreadable", why="too_large", reason="It is too large.")
    scan(now=begun + 2 * DAY)
    assert Finding.objects.get().state == "open"
    WatchedSource.objects.update(state="unchanged", why="", reason="")
    scan(now=begun + 3 * DAY)
    assert Finding.objects.get().state == "resolved"


def test_source__that_goes_back__ends_its_finding(cast: Cast, server: Server) -> None:
    begun = named(cast, "url", f"{server.url}/page")
    read(begun + DAY)
    server.text, server.etag = b"# Leave\n\nNobody has any leave at all this year.\n", '"2"'
    read(begun + 3 * DAY)
    finding = Finding.objects.get()
    server.text, server.etag = PAGE, '"3"'
    read(begun + 5 * DAY)
    finding.refresh_from_db()
    assert finding.state == "resolved"


def test_source__confirmed_as_harmless_for_the_text__stays_quiet_until_it_changes_again(
    cast: Cast, server: Server
) -> None:
    begun = named(cast, "url", f"{server.url}/page")
    read(begun + DAY)
    server.text, server.etag = PAGE.replace(b"25", b"28"), '"2"'
    read(begun + 3 * DAY)
    verify_findings(actor=cast.owner, finding_ids=[Finding.objects.get().pk], now=begun + 4 * DAY)
    read(begun + 6 * DAY)
    scan(now=begun + 6 * DAY)
    assert Finding.objects.unsettled().count() == 0
    server.text, server.etag = PAGE.replace(b"25", b"30"), '"3"'
    read(begun + 8 * DAY)
    finding = Finding.objects.unsettled().get()
    assert (finding.evidence["figures"]["Changed in substance"], finding.times_opened) == (1, 2)


def test_source__text_edited_here_too__the_draft_keeps_both(cast: Cast, server: Server) -> None:
    body = LEAVE + "\nCarry over five days.\n"
    server.text = body.encode()
    begun = named(cast, "url", f"{server.url}/page", body=body)
    read(begun + DAY)
    publish(cast, revision(KEY, body=body.replace("five days", "six days, with consent")), now=begun + 2 * DAY)
    server.text, server.etag = body.replace("25", "28").encode(), '"2"'
    read(begun + 3 * DAY)
    publish_draft(cast, Finding.objects.get(), begun + 4 * DAY)
    version = ContextItem.objects.get(key=KEY).current_version
    assert version is not None
    assert "28 days" in version.body
    assert "six days, with consent" in version.body


def test_source__summarised_in_other_words__draft_changes_its_figure_alone(cast: Cast, server: Server) -> None:
    begun = named(cast, "url", f"{server.url}/page", body="In short: 25 days off, however long one is here.\n")
    assert read(begun + DAY).state == "unchanged"
    server.text, server.etag = PAGE.replace(b"25", b"28"), '"2"'
    read(begun + 3 * DAY)
    publish_draft(cast, Finding.objects.get(), begun + 4 * DAY)
    version = ContextItem.objects.get(key=KEY).current_version
    assert version is not None
    assert version.body == "In short: 28 days off, however long one is here.\n"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("huge", "too large"),
        ("endless", "too large"),
        ("gzip-bomb", "unpacks to more"),
        ("to-private", "not among the hosts"),
        ("broken", "cannot be read as UTF-8"),
        ("pdf", "not a text"),
        ("sign-in", "sign in"),
    ],
)
def test_source__hostile__is_a_finding_with_a_reason_and_nothing_kept(
    cast: Cast, server: Server, path: str, said: str
) -> None:
    begun = named(cast, "url", f"{server.url}/{path}")
    row = read(begun + DAY)
    finding = Finding.objects.get()
    assert said in finding.summary
    assert (row.state, row.seen_text, row.base_text) == ("unreadable", "", "")
    assert finding.owner == cast.owner


def test_source__out_of_reach__is_tried_ever_later_and_said_after_three_times(cast: Cast, server: Server) -> None:
    begun = named(cast, "url", f"{server.url}/trouble")
    now, waits = begun + DAY, []
    for tries in range(1, 4):
        row = read(now)
        waits.append(row.next_check_at - now)
        assert Finding.objects.count() == (tries >= 3)
        now = row.next_check_at
    assert waits[0] < waits[1] < waits[2]
    publish(cast, revision(KEY, source={"kind": "url", "uri": f"{server.url}/page"}), now=now)
    assert read(now + DAY).state == "unchanged"
    assert Finding.objects.get().state == "resolved"


def test_source__misnamed_database_or_git__is_a_finding(cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="git repository is named by https"):
        named(cast, "git", "file:///etc/passwd#main:a.md")
    begun = named(cast, "git", "/etc#main:passwd")
    assert read(begun + DAY).why == "refused"
    publish(cast, revision(KEY, source={"kind": "database", "uri": "hr: SELECT 1"}), now=begun + 2 * DAY)
    assert read(begun + 3 * DAY).why == "refused"
    publish(cast, revision(KEY, source={"kind": "paper", "uri": "cellar"}), now=begun + 4 * DAY)
    fetch_due_sources(clock=lambda: begun + 5 * DAY, at_most=timedelta(seconds=5))
    assert not WatchedSource.objects.exists()


def test_upload__of_another_text__is_a_finding_at_once(cast: Cast) -> None:
    begun = named(cast, "upload", "leave.md")
    owner = principal_for(cast.owner)
    upload_source(actor=owner, key=KEY, name="leave.md", content=PAGE, now=begun + DAY)
    assert not Finding.objects.exists()
    changed = PAGE.replace(b"25", b"28")
    upload_source(actor=owner, key=KEY, name="leave-2027.md", content=changed, now=begun + 2 * DAY)
    assert "1 substantive" in Finding.objects.get().summary
    assert SourceUpload.objects.count() == 2
    uploads = AuditEvent.objects.filter(action="governance.source.uploaded")
    assert [event.data["name"] for event in uploads.order_by("sequence")] == ["leave.md", "leave-2027.md"]
    with pytest.raises(UnreadableUpload):
        upload_source(actor=owner, key=KEY, name="a.zip", content=b"PK\x03\x04", now=begun + 3 * DAY)
    assert SourceUpload.objects.count() == 2


def test_asking__by_who_may_not__is_denied_on_record_and_hidden_is_not_there(cast: Cast, server: Server) -> None:
    begun = named(cast, "url", f"{server.url}/page")
    with pytest.raises(NotPermitted):
        check_now(actor=principal_for(cast.outsider), key=KEY, now=begun + DAY)
    assert AuditEvent.objects.filter(action__contains="governance.source.check").count() == 1
    publish(cast, revision(KEY, sensitivity="confidential"), now=begun + DAY)
    with pytest.raises(NotFound):
        check_now(actor=principal_for(cast.outsider), key=KEY, now=begun + DAY)
    first = check_now(actor=principal_for(cast.author), key=KEY, now=begun + 2 * DAY)
    assert first.is_asked
    check_now(actor=principal_for(cast.author), key=KEY, now=begun + 2 * DAY)
    assert AuditEvent.objects.filter(action="governance.source.check_requested").count() == 1
    assert not read(begun + 2 * DAY).is_asked
    assert set_interval(actor=principal_for(cast.author), key=KEY, hours=1, now=begun + 2 * DAY).interval_hours == 1
    with pytest.raises(Conflict):
        upload_source(actor=principal_for(cast.author), key=KEY, name="a.md", content=PAGE, now=begun + 2 * DAY)


def test_source__changed_gravely_where_a_domain_holds_back__keeps_the_text_from_verified_contracts(
    cast: Cast, server: Server
) -> None:
    tune_detector(
        actor=cast.admin,
        detector="source",
        domain=None,
        enabled=True,
        severity=4,
        hold_back=True,
        options={},
        now=timezone.now(),
    )
    begun = named(cast, "url", f"{server.url}/page")
    read(begun + DAY)
    server.text, server.etag = PAGE.replace(b"25", b"28"), '"2"'
    read(begun + 3 * DAY)
    assert Hold.objects.get().code == "unverified"
    server.text, server.etag = PAGE, '"3"'
    read(begun + 5 * DAY)
    assert not Hold.objects.exists()
