"""Pages show what a person may see, and read the same for what is hidden as for what is not there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from governance.models import AuditEvent, Change
from tests.cast import Cast, creation, propose, publish, revision, submit

SECRET = "Settlement of the harbour case"


@pytest.fixture
def hidden(cast: Cast) -> Cast:
    """A text that the outsider may not know of: above their clearance, in a change they may not see either."""
    publish(
        cast,
        creation("legal/open", title="Open terms", body="Everybody reads this.", sensitivity="public"),
        creation("legal/harbour", title=SECRET, body="We paid.", sensitivity="confidential", tags=["harbour"]),
    )
    publish(cast, revision("legal/open", relations=[{"type": "related", "key": "legal/harbour"}]))
    submit(cast, revision("legal/harbour", body="We paid twice."))
    propose(cast, revision("legal/open", body="A draft of the author's."))
    return cast


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def told(client: Client, address: str) -> tuple[int, str]:
    """Status and body, without what differs by request or repeats the address."""
    answer = client.get(address)
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    return answer.status_code, body.replace(address, "")


@pytest.mark.parametrize(
    ("name", "of_hidden", "of_nothing"),
    [
        ("context:item", ["legal", "harbour"], ["legal", "no-such"]),
        ("context:version", ["legal", "harbour", 1], ["legal", "no-such", 1]),
        ("context:diff", ["legal", "harbour"], ["legal", "no-such"]),
        ("governance:edit-item", ["legal", "harbour"], ["legal", "no-such"]),
        ("governance:retire-item", ["legal", "harbour"], ["legal", "no-such"]),
        ("governance:change", [3], [999]),
        ("governance:change", [4], [999]),
        ("governance:audit", [], None),
        ("governance:event", [1], [999]),
        ("agents:agent", ["comparer"], ["no-such"]),
    ],
)
def test_page__hidden_from_the_outsider__reads_like_one_that_is_not_there(
    hidden: Cast, name: str, of_hidden: list[Any], of_nothing: list[Any] | None
) -> None:
    ids = list(Change.objects.order_by("pk").values_list("pk", flat=True))
    if name == "governance:change" and of_hidden[0] < 10:
        of_hidden = [ids[of_hidden[0] - 1]]
    client = signed_in(hidden.outsider)
    nothing = "/audit-of-nothing/" if of_nothing is None else reverse(name, args=of_nothing)
    found = told(client, reverse(name, args=of_hidden))
    assert found == told(client, nothing)
    assert found[0] == 404


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/items/",
        "/items/?q=harbour",
        "/items/?tag=harbour",
        "/items/legal/open/",
        "/domains/legal/",
        "/changes/?show=all",
        "/items/keys/?relations.0.key=harbour",
        "/items/legal/open/diff/?from=1&to=2",
    ],
)
def test_page__that_the_outsider_may_see__says_nothing_of_what_is_hidden(hidden: Cast, address: str) -> None:
    answer = signed_in(hidden.outsider).get(address)
    assert answer.status_code == 200
    body = answer.content.decode().replace("q=harbour", "").replace("“harbour”", "").replace('value="harbour"', "")
    assert SECRET not in body
    assert "legal/harbour" not in body
    shown = signed_in(hidden.author).get(address).content.decode()
    assert "harbour" in shown.lower() or address == "/changes/?show=all"


def test_change__that_relates_to_a_hidden_text__does_not_name_it(hidden: Cast) -> None:
    change = Change.objects.filter(state="published").latest("pk")
    address = reverse("governance:change", args=[change.pk])
    assert "legal/harbour" not in signed_in(hidden.outsider).get(address).content.decode()
    assert "legal/harbour" in signed_in(hidden.author).get(address).content.decode()


def test_pages__nobody_signed_in__lead_to_the_sign_in_and_back(cast: Cast) -> None:
    for address in ("/", "/items/", "/items/legal/open/", "/changes/", "/audit/", "/policies/", "/agents/"):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"] == f"/sign-in/?next={address}"


def test_post__without_the_right__changes_nothing_and_says_why(hidden: Cast) -> None:
    change = Change.objects.filter(state="in_review").get()
    events = AuditEvent.objects.count()
    outsider = signed_in(hidden.outsider)
    for name in ("submit", "withdraw", "reopen", "review", "publish", "describe", "remove-edit", "undo"):
        assert (
            outsider.post(reverse(f"governance:{name}", args=[change.pk]), {"decision": "approve"}).status_code == 404
        )
    author = signed_in(hidden.author)
    answer = author.post(
        reverse("governance:review", args=[change.pk]), {"decision": "approve", "digest": change.digest}, follow=True
    )
    assert "You wrote this change" in answer.content.decode()
    change.refresh_from_db()
    assert change.state == "in_review"
    assert AuditEvent.objects.count() == events + 1  # the denied attempt


def test_verify__by_somebody_who_does_not_answer_for_it__is_refused_in_words(hidden: Cast) -> None:
    answer = signed_in(hidden.outsider).post(
        reverse("governance:verify-items"), {"key": "legal/open", "next": "/items/legal/open/"}, follow=True
    )
    assert "You may not verify legal/open" in answer.content.decode()


def test_redirects__to_another_site__are_not_followed(hidden: Cast) -> None:
    client = signed_in(hidden.owner)
    for name, sent in (("governance:verify-items", {"key": "legal/open"}), ("context:theme", {"theme": "dark"})):
        answer = client.post(reverse(name), {**sent, "next": "https://elsewhere.example/"})
        assert answer["Location"] == "/"


def test_form__larger_than_a_form_may_be__is_refused_on_a_page_that_says_so(cast: Cast, settings: Any) -> None:
    settings.BODY_LIMIT_BYTES = 1024
    answer = signed_in(cast.author).post(
        reverse("governance:new-item"), {"body": "x" * 2000}, headers={"Accept": "text/html,application/xhtml+xml"}
    )
    assert answer.status_code == 413
    assert "That is too large" in answer.content.decode()
