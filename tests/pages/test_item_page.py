"""The page of an item: its versions on a line with a slider, its relations as a map; and the catalogue's views."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from context.models import User
from context.spreadsheets import text_cell
from governance.models import AuditEvent, SavedView
from tests.cast import Cast, creation, publish, revision


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_slider__names_a_day__shows_the_version_of_that_day(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=40)
    publish(cast, creation("legal/one", body="The old words."), now=long_ago)
    publish(cast, revision("legal/one", body="The new words."), now=timezone.now() - timedelta(days=10))
    client = signed_in(cast.author)
    page = client.get("/items/legal/one/").content.decode()
    assert 'type="range"' in page
    assert 'max="40"' in page
    assert "2 versions in force since" in page
    earlier = client.get("/items/legal/one/?day=3").content.decode()
    assert "The old words." in earlier
    assert 'value="3"' in earlier
    for odd in ("x", "-1", "99999999", "4000", ""):
        assert "The new words." in client.get(f"/items/legal/one/?day={odd}").content.decode()


def test_map__has_a_text_alternative_and_names_nothing_hidden(cast: Cast) -> None:
    publish(cast, creation("legal/target"), creation("legal/secret", sensitivity="confidential", title="The merger"))
    relations = [{"type": "depends_on", "key": "legal/target"}, {"type": "related", "key": "legal/secret"}]
    publish(cast, creation("legal/one", sensitivity="public", relations=relations))
    page = signed_in(cast.outsider).get("/items/legal/one/").content.decode()
    drawn = page[page.index('<figure class="map') : page.index("</figure>")]
    assert "Relations of One: this depends on Target." in drawn
    assert "The merger" not in page
    assert "The merger" in signed_in(cast.author).get("/items/legal/one/").content.decode()


def test_export__is_what_the_search_shows_and_no_spreadsheet_computes_it(cast: Cast) -> None:
    publish(
        cast,
        creation("legal/one", title="=HYPERLINK(1)"),
        creation("legal/two", sensitivity="confidential"),
        creation("sales/three", tags=["+tag"]),
    )
    client = signed_in(cast.outsider)
    answer = client.get("/items/export/")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["key"], row["title"]) for row in rows] == [("legal/one", "'=HYPERLINK(1)"), ("sales/three", "Three")]
    assert rows[1]["tags"] == "'+tag"
    chosen = client.get("/items/export/?key=legal/two&key=sales/three")
    assert b"legal/two" not in (body := b"".join(chosen.streaming_content))
    assert b"sales/three" in body
    assert b"sales/three" not in b"".join(client.get("/items/export/?domain=legal").streaming_content)


def test_text_cell__every_formula_start__is_text() -> None:
    for start in "=+-@\t\r\n":
        assert text_cell(f"{start}1").startswith("'")
    assert text_cell("  =1").startswith("'")
    assert [text_cell(each) for each in ("a=1", 3, None)] == ["a=1", "3", ""]


def test_saved_view__own_and_shared__are_offered_and_run_as_whoever_opens_them(cast: Cast) -> None:
    publish(cast, creation("legal/one"))
    client = signed_in(cast.author)
    client.post("/items/views/", {"name": "Mine", "query": "q=one&page=3&evil=1"})
    client.post("/items/views/", {"name": "Ours", "query": "domain=legal", "shared": "1"})
    assert list(SavedView.objects.values_list("name", "query", "shared")) == [
        ("Mine", "q=one", False),
        ("Ours", "domain=legal", True),
    ]
    assert 'href="/items/?q=one"' in client.get("/items/").content.decode()
    others = signed_in(cast.reviewer).get("/items/").content.decode()
    assert "Ours" in others
    assert "Mine" not in others
    shared = SavedView.objects.get(name="Ours")
    assert signed_in(cast.reviewer).post(f"/items/views/{shared.pk}/remove/").status_code == 404
    client.post(f"/items/views/{shared.pk}/remove/")
    assert not SavedView.objects.filter(name="Ours").exists()
    assert AuditEvent.objects.filter(action="governance.view.removed").count() == 1
    refused = client.post("/items/views/", {"name": "Nothing", "query": "page=2"}, follow=True).content.decode()
    assert "nothing to keep" in refused
