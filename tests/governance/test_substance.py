"""Where people read what changed in substance: the change's sentence, its page, the mail, the versions, the API."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from governance.models import Notification
from governance.summaries import summarise
from tests.cast import Cast, creation, publish, revision, submit

BEFORE = "# Notice\n\nGive 30 days of notice.\n\nThe manager may agree.\n\n- First recieve it.\n"
AFTER = "# Notice\n\nGive 60 days of notice.\n\nThe manager must agree.\n\n- First receive it.\n"


@pytest.mark.django_db
def test_change__revises_a_text__says_substance_in_sentence_page_mail_and_api(cast: Cast, client: Client) -> None:
    publish(cast, creation("legal/notice", body=BEFORE))
    change = submit(cast, revision("legal/notice", body=AFTER))
    edits = list(change.edits.select_related("kind", "domain", "item"))
    assert "2 substantive, 1 editorial" in summarise(edits).sentence

    told = Notification.objects.filter(person=cast.reviewer).latest("pk")
    assert told.text.endswith(": 2 substantive, 1 editorial.")

    client.force_login(cast.reviewer)
    page = client.get(f"/changes/{change.pk}/").content.decode()
    assert "2 substantive, 1 editorial" in page
    assert "The duration “30 days” became “60 days”." in page
    assert "“may” became “must”." in page
    assert page.index("30 days” became") < page.index("Spelling or inflection only.")

    body = json.loads(client.get(f"/api/v1/changes/{change.pk}/diff/").content)["results"][0]["body"]
    assert (body["substantive"], body["editorial"]) == (2, 1)
    first = body["passages"][0]
    assert (first["label"], first["material"], first["move"]) == ("changed-number", True, "same")
    reason = first["reasons"][0]
    assert AFTER[reason["new"]["start"] : reason["new"]["end"]] == "60 days"
    assert BEFORE[reason["old"]["start"] : reason["old"]["end"]] == "30 days"


@pytest.mark.django_db
def test_versions__two_of_them__say_what_changed_in_substance(cast: Cast, client: Client) -> None:
    publish(cast, creation("legal/notice", body=BEFORE))
    publish(cast, revision("legal/notice", body=AFTER))
    client.force_login(cast.reviewer)
    page = client.get("/items/legal/notice/diff/?from=1&to=2").content.decode()
    assert "2 substantive, 1 editorial" in page
    assert "What changed in substance" in page
    assert page.count("<strong>Substantive.</strong>") == 2
    body = json.loads(client.get("/api/v1/context/items/legal/notice/diff/?from=1&to=2").content)["body"]
    assert [passage["material"] for passage in body["passages"]] == [True, True, False]


@pytest.mark.django_db
def test_terms__defined_word_gives_way_to_another__is_substance_everywhere_unless_the_term_is_not_for_all(
    cast: Cast, client: Client
) -> None:
    before, after = (f"The member pays the {word} of each claim." for word in ("deductible", "excess"))
    term = {"kind": "term", "title": "Deductible", "data": {"definition": "What the member bears."}}
    for person in (cast.author, cast.reviewer):
        person.groups.add(cast.counsel)
    publish(cast, creation("legal/claims", body=before))
    publish(cast, creation("legal/deductible", **term, audiences=["counsel"], owner="owner"))
    change = submit(cast, revision("legal/claims", body=after))
    edits = list(change.edits.select_related("kind", "domain", "item"))
    assert "0 substantive, 1 editorial" in summarise(edits).sentence

    publish(cast, creation("sales/deductible", **term))

    assert "1 substantive, 0 editorial" in summarise(edits).sentence
    client.force_login(cast.reviewer)
    assert "which is not a defined term" in client.get(f"/changes/{change.pk}/").content.decode()
    body = json.loads(client.get(f"/api/v1/changes/{change.pk}/diff/").content)["results"][0]["body"]
    assert (body["substantive"], body["editorial"]) == (1, 0)
    publish(cast, revision("legal/claims", body=after))
    assert "which is not a defined term" in client.get("/items/legal/claims/diff/?from=1&to=2").content.decode()
