"""Forms: whatever was typed comes back, becomes a change, and is never in force by itself."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from context.kinds import built_in_kinds, violations
from context.models import ContextItem, Kind
from governance.forms.schema_fields import FormField, build_fields, read_data, without_blanks
from governance.models import AuditEvent, Change, ChangeState
from tests.cast import Cast, creation, publish, revision

EXAMPLES: dict[str, dict[str, Any]] = {
    "term": {"definition": "Who sells to us.", "aliases": ["vendor", "supplier of goods"], "abbreviation": "S"},
    "policy": {
        "rules": [{"id": "1", "obligation": "must", "statement": "Pay."}, {"obligation": "may", "statement": "Ask."}]
    },
    "risk_appetite": {
        "category": "Legal",
        "scale": ["averse", "open"],
        "level": "averse",
        "limits": [{"measure": "liability", "comparator": "at_most", "quantity": 2.5, "unit": "GBP", "scope": "all"}],
    },
    "precedent": {"facts": "F\nover two lines", "decision": "D", "rationale": "R", "decided_on": "2026-02-03"},
    "approval_flow": {"steps": [{"role": "Head", "limit": {"quantity": 50000, "unit": "EUR"}, "due_in_days": 3}]},
    "org_unit": {"head": "Ada", "members": [{"role": "clerk", "headcount": 3}]},
    "process": {"steps": [{"name": "Ask"}], "inputs": ["a form"]},
    "reference": {"system": "SAP"},
    "guideline": {"do": ["Be kind"], "dont": ["Shout"]},
}


def posted(fields: list[FormField]) -> QueryDict:
    """What a browser would send for these controls, untouched."""
    sent = QueryDict(mutable=True)
    for field in fields:
        if field.control == "object":
            sent.update(posted(field.fields))
        elif field.control == "records":
            for entry in field.entries:
                sent.update(posted(entry.fields))
        elif field.control == "choices":
            sent.setlist(field.name, [str(value) for value in field.value or []])
        elif field.control == "flag":
            sent[f"{field.name}.shown"] = "1"
            if field.value:
                sent[field.name] = "1"
        else:
            sent[field.name] = field.text.replace("\n", "\r\n")
    return sent


@pytest.mark.parametrize("kind", built_in_kinds(), ids=lambda kind: kind["slug"])
def test_form__of_every_kind__gives_back_the_data_it_was_filled_with(kind: dict[str, Any]) -> None:
    example = EXAMPLES[kind["slug"]]
    assert violations(example, kind["schema"]) == []
    fields = build_fields(kind["schema"], example)
    assert not [field.name for field in fields if field.control == "json"]
    assert without_blanks(read_data(kind["schema"], posted(fields))) == example


def test_form__number_with_letters__stays_as_it_was_typed(cast: Cast) -> None:
    schema = Kind.objects.get(slug="risk_appetite").schema
    data = read_data(schema, QueryDict("data.limits.0.quantity=lots&data.limits.0.measure=liability"))
    assert data == {"limits": [{"measure": "liability", "quantity": "lots"}]}
    (limits,) = [field for field in build_fields(schema, data) if field.name == "data.limits"]
    (quantity,) = [field for field in limits.entries[0].fields if field.name.endswith("quantity")]
    assert quantity.text == "lots"


@pytest.fixture
def author(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.author)
    return client


def sent(**more: Any) -> dict[str, Any]:
    return {
        "kind": "policy",
        "domain": "legal",
        "title": "Payment terms",
        "body": "Within 30 days.",
        "sensitivity": "internal",
        "owner": "author",
        "locale": "en",
        "review_interval_days": "365",
        "reason": "It was nowhere written.",
        "do": "save",
        **more,
    }


def test_new_item__saved__is_a_draft_and_nothing_is_in_force(author: Client, cast: Cast) -> None:
    answer = author.post(reverse("governance:new-item"), sent())
    change = Change.objects.get()
    assert answer["Location"] == reverse("governance:change", args=[change.pk])
    assert change.state == ChangeState.DRAFT
    assert ContextItem.objects.count() == 0
    assert AuditEvent.objects.filter(action="governance.change.created").count() == 1


@pytest.mark.parametrize(
    ("wrong", "beside"),
    [
        ({"title": ""}, "f-title"),
        ({"owner": "nobody-of-that-name"}, "f-owner"),
        ({"review_interval_days": "soon"}, "f-review_interval_days"),
        ({"valid_from": "2030-01-01T00:00", "valid_to": "2029-01-01T00:00"}, "f-valid_to"),
        ({"relations.0.type": "related", "relations.0.key": "legal/no-such"}, "f-relations"),
        ({"reason": ""}, "f-reason"),
        ({"key": "Not A Key"}, "f-key"),
        ({"data.rules.0.obligation": "must", "data.rules.0.statement": "x" * 4001}, "f-data-rules-0-statement"),
        ({"tags": "x" * 80}, "f-tags"),
        ({"locale": "englisch!"}, "f-locale"),
    ],
)
def test_new_item__one_thing_wrong__is_said_beside_its_field_and_everything_typed_stays(
    author: Client, wrong: dict[str, str], beside: str
) -> None:
    answer = author.post(reverse("governance:new-item"), sent(**wrong))
    body = answer.content.decode()
    assert 400 <= answer.status_code < 500
    assert f'href="#{beside}"' in body
    assert f'id="{beside}"' in body
    assert "Within 30 days." in body
    assert wrong.get("title", "Payment terms") in body
    assert Change.objects.count() == 0


def test_edit__nothing_touched__makes_no_change_and_says_so(author: Client, cast: Cast) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body="Within 30 days.", owner="author"))
    before = Change.objects.count()
    answer = author.post(reverse("governance:edit-item", args=["legal", "payment-terms"]), sent(base_version="1"))
    assert "leave every item as it is" in answer.content.decode()
    assert Change.objects.count() == before


def test_edit__into_a_draft_of_ones_own__extends_that_change(author: Client, cast: Cast) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body="Within 30 days.", owner="author"))
    author.post(reverse("governance:new-item"), sent(title="Something else"))
    draft = Change.objects.latest("pk")
    author.post(
        reverse("governance:edit-item", args=["legal", "payment-terms"]),
        sent(base_version="1", body="Within 45 days.", change=str(draft.pk)),
    )
    assert sorted(draft.edits.values_list("operation", flat=True)) == ["create", "revise"]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "<script>alert(1)</script>", "[" * 5000, "../../etc/passwd"])
def test_edit__hostile_text__is_refused_or_stored_as_text_and_never_run(author: Client, cast: Cast, text: str) -> None:
    raw = {
        name: value.encode("utf-8", "surrogatepass").decode("latin-1")
        for name, value in sent(body=text, title="T" + text).items()
    }
    answer = author.post(reverse("governance:new-item"), raw, follow=True)
    assert answer.status_code < 500
    assert "<script>alert(1)" not in answer.content.decode()


def test_revert__from_the_page_of_an_old_version__drafts_the_way_back(author: Client, cast: Cast) -> None:
    publish(cast, creation("legal/payment-terms", title="Payment terms", body="Within 30 days.", owner="author"))
    publish(cast, revision("legal/payment-terms", body="Within 45 days."))
    page = author.get(reverse("context:version", args=["legal", "payment-terms", 1])).content.decode()
    address = reverse("governance:revert-item", args=["legal", "payment-terms", 1])
    assert address in page
    author.post(address)
    change = Change.objects.latest("pk")
    assert change.edits.get().payload["body"] == "Within 30 days."
    assert change.state == ChangeState.DRAFT
