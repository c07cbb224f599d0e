"""The page of notifications: news, choices, webhook."""

from __future__ import annotations

import pytest
from django.test import Client

from governance.models import NotificationChoice, NotificationKind, PersonalWebhook
from governance.notifying import choices_of
from tests.cast import Cast, creation, submit

PAGE = "/profile/notifications/"


def test_notices__a_change_waits__is_told_and_can_be_marked_as_read(cast: Cast, client: Client) -> None:
    submit(cast, creation("legal/liability"))
    client.force_login(cast.reviewer)

    assert b"1 unread notification" in client.get(PAGE).content
    client.post(f"{PAGE}read/")
    assert b"You have read everything" in client.get(PAGE).content


def test_notices__what_is_above_ones_clearance_by_now__is_not_shown(cast: Cast, client: Client) -> None:
    submit(cast, creation("legal/liability", title="The liability we accept", sensitivity="confidential"))
    client.force_login(cast.reviewer)
    assert b"1 unread notification" in client.get(PAGE).content
    cast.reviewer.clearance = 0
    cast.reviewer.save()
    page = client.get(PAGE).content
    assert b"Nobody has had anything to tell you yet" in page


def test_choices__are_kept_for_oneself_alone(cast: Cast, client: Client) -> None:
    client.force_login(cast.reviewer)
    kind = NotificationKind.REVIEW_REQUESTED

    client.post(f"{PAGE}choices/", {f"{kind}.email": "no", f"{kind}.webhook": "daily"})

    held = {(choice.kind, choice.channel): choice for choice in choices_of(person=cast.reviewer)}
    assert held[kind, "email"].wanted is False
    assert (held[kind, "webhook"].wanted, held[kind, "webhook"].rhythm) == (True, "daily")
    assert all(choice.is_default for choice in choices_of(person=cast.author))


@pytest.mark.parametrize("value", ["hourly", "", "x" * 5_000])
def test_choices__one_that_is_none__keeps_none_of_the_form(cast: Cast, client: Client, value: str) -> None:
    client.force_login(cast.reviewer)

    answer = client.post(f"{PAGE}choices/", {"review_requested.email": "no", "change_rejected.email": value})

    assert answer.status_code == 302
    assert not NotificationChoice.objects.exists()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://127.0.0.1/", "http://10.0.0.1/x", "nonsense"])
def test_webhook__address_that_is_not_taken__is_refused_in_words(cast: Cast, client: Client, url: str) -> None:
    client.force_login(cast.reviewer)

    page = client.post(f"{PAGE}webhook/", {"url": url}, follow=True)

    assert not PersonalWebhook.objects.exists()
    assert b"notice" in page.content


def test_notices__of_others__are_not_mine(cast: Cast, client: Client) -> None:
    submit(cast, creation("legal/liability"))
    client.force_login(cast.outsider)

    assert b"Nobody has had anything to tell you yet" in client.get(PAGE).content
