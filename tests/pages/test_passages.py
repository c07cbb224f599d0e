"""Comments anchored to a passage: made without JavaScript, shown beside it, and marked when the passage changes."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from context.models import User
from governance.changes import put_edit
from governance.comments import add_comment, threads_of
from governance.models import Change, Comment
from tests.cast import Cast, creation, publish, revision, submit

BODY = "Suppliers are paid in 30 days.\n\nLate payment costs 2 %.\n\nDisputes go to Legal."


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def revised(cast: Cast) -> Change:
    publish(cast, creation("legal/terms", body=BODY, data={}))
    return submit(cast, revision("legal/terms", body=BODY.replace("30", "45"), tags=["paying"]))


def test_passage__its_link_opens_a_form_that_quotes_it(cast: Cast) -> None:
    change = revised(cast)
    client = signed_in(cast.reviewer)
    edit = change.edits.get()
    page = client.get(reverse("governance:change", args=[change.pk])).content.decode()
    at = reverse("governance:edit", args=[change.pk, edit.pk])
    assert f'href="{at}?say=1#say"' in page
    form = client.get(f"{at}?say=1").content.decode()
    assert 'name="quote" value="Suppliers are paid in 45 days."' in form
    part = client.get(f"{at}?say=1&quote=45+days", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<form")
    assert 'name="quote" value="45 days"' in part


def test_comment__posted_by_that_form__stands_beside_its_passage_and_says_when_that_changed(cast: Cast) -> None:
    change = revised(cast)
    client, edit = signed_in(cast.reviewer), change.edits.get()
    answer = client.post(
        reverse("governance:comment", args=[change.pk]),
        {
            "key": "legal/terms",
            "field": "body",
            "quote": "paid in 45 days",
            "text": "Why 45?",
            "passage": f"p-{edit.pk}-1",
        },
    )
    assert answer["Location"].endswith(f"#p-{edit.pk}-1")
    assert (Comment.objects.get().field, Comment.objects.get().quote) == ("body", "paid in 45 days")
    page = client.get(reverse("governance:change", args=[change.pk])).content.decode()
    beside = page[page.index(f'id="said-{edit.pk}-1"') : page.index(f'id="p-{edit.pk}-3"')]
    assert "Why 45?" in beside
    assert "Passage changed since" not in page

    body = BODY.replace("30", "60")
    put_edit(actor=cast.author, change_id=change.pk, edit=revision("legal/terms", body=body), now=timezone.now())
    # A draft again, so that its author reads it.
    page = signed_in(cast.author).get(reverse("governance:change", args=[change.pk])).content.decode()
    assert page.count("Passage changed since") == 2  # with the edit, and in the discussion
    assert "Said of passages that have changed since" in page


def test_comment__on_a_field__stands_beside_it(cast: Cast) -> None:
    change = revised(cast)
    add_comment(
        actor=cast.reviewer, change_id=change.pk, text="Is it?", key="legal/terms", field="Tags", quote="paying",
        now=timezone.now(),
    )  # fmt: skip
    page = signed_in(cast.reviewer).get(reverse("governance:change", args=[change.pk])).content.decode()
    assert "Is it?" in page[page.index('id="said-') : page.index("</table>")]
    assert "Passage changed since" not in page


def test_comment__on_a_new_text__is_made_line_by_line(cast: Cast) -> None:
    change = submit(cast, creation("legal/terms", body=BODY))
    edit = change.edits.get()
    client = signed_in(cast.reviewer)
    page = client.get(reverse("governance:edit", args=[change.pk, edit.pk]) + "?say=3").content.decode()
    assert 'name="quote" value="Late payment costs 2 %."' in page


def test_threads__quotation_over_other_white_space__is_still_there(cast: Cast) -> None:
    change = revised(cast)
    for quote, moved in (("Late payment\ncosts  2 %.", False), ("Late payment costs 3 %.", True), ("", False)):
        add_comment(
            actor=cast.reviewer, change_id=change.pk, text=f"On {quote}.", key="legal/terms", quote=quote,
            now=timezone.now(),
        )  # fmt: skip
        assert threads_of(change)[-1].moved is moved
