"""The pages of routes: read, tried, edited without JavaScript, and nothing saved before it is asked for."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.routing.decisions import record_decision
from context.access import principal_for
from governance.models import Change, Edit
from tests.routing.conftest import World, publish_rules, rule, rules, to

ALL = rule("all", then=to("first", "second"))


def client(world: World, who: str = "owner") -> Client:
    found = Client()
    found.force_login(getattr(world.cast, who))
    return found


def form(payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The editor's form as the page sends it."""
    types, fields = payload["task_types"], payload["fields"]
    return {
        "name": payload["name"], "purpose": "", "domain": "legal", "owner": "owner", "sensitivity": "internal",
        "classifier": "", "base_version": "1", "otherwise-do": "refuse", "reason": "It is time.",
        "rule": [json.dumps(each) for each in payload["rules"]],
        "type-name": [each["name"] for each in types], "type-label": [each["label"] for each in types],
        "type-contract": [each["contract"] for each in types], "type-clues": ["words: contract" for _ in types],
        "field-name": [each["name"] for each in fields], "field-type": [each["type"] for each in fields],
        "field-label": [each["label"] for each in fields], "field-path": ["" for _ in fields], **more,
    }  # fmt: skip


def rules_on(page: Any) -> list[dict[str, Any]]:
    """The rules that a page of the editor carries."""
    return list(page.context["form"].payload["rules"])


def test_route__tried__says_where_it_goes_and_records_nothing(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    page = client(world).get("/routes/routes/?try=1&task_type=review&task-value=12").content.decode()
    assert "The task goes to first." in page
    assert "has all the context that the task needs" in page


def test_routes__nothing_there__says_what_a_rule_set_is(world: World) -> None:
    page = client(world).get("/routes/").content.decode()
    assert "No routes yet" in page
    assert "/routes/new/" in page


def test_decision__page_of_one__shows_rules_tried_and_that_it_replays(world: World) -> None:
    publish_rules(world.cast, rules(rule("large", ("field.value", ">", 10), then={"do": "refuse"}), ALL))
    answer = world.ask(task={"value": 2})
    made = record_decision(principal=principal_for(world.cast.owner), answer=answer, now=timezone.now())
    page = client(world).get(f"/routes/decisions/{made.pk}/").content.decode()
    assert "Replays the same" in page
    assert "Total value is 2; the rule asks that it is above 10." in page
    assert client(world, "outsider").get(f"/routes/decisions/{made.pk}/").status_code == 404


def test_editor__steps_of_the_table__are_done_and_nothing_is_saved(world: World) -> None:
    publish_rules(world.cast, rules(ALL, rule("last", then={"do": "refuse"})))
    base, before = rules(ALL, rule("last", then={"do": "refuse"})), Change.objects.count()
    at = "/routes/routes/edit/"
    owner = client(world)
    assert [each["name"] for each in rules_on(owner.post(at, form(base, do="down:0")))] == ["last", "all"]
    assert [each["name"] for each in rules_on(owner.post(at, form(base, do="add")))] == ["all", "last", "Rule 3"]
    opened = {"opened": "1", "rule-name": "last", "then-do": "refuse"}
    assert [each["name"] for each in rules_on(owner.post(at, form(base, do="remove:1", **opened)))] == ["all"]
    assert Change.objects.count() == before


def test_editor__rule_typed_into_its_fields__is_drafted_as_a_change(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    typed = {
        "opened": "0", "rule-name": "large", "when-fact": ["field.value", "context.stale", ""],
        "when-op": ["between", "is empty", "is"], "when-value": ["10, 20.5", "", ""],
        "condition": "field.value != 12.0",
        "then-do": "agent", "then-target-agent": ["second", ""], "then-target-contract": ["", ""],
        "then-target-weight": ["3", "1"], "then-balance": "weights", "then-nobody": "next",
        "then-incomplete-do": "wait", "then-incomplete-hours": "8", "then-incomplete-then": "person",
        "then-incomplete-to": "owner",
    }  # fmt: skip
    answer = client(world).post("/routes/routes/edit/", form(rules(ALL), do="save", **typed))
    assert answer.status_code == 302, answer.content.decode()[:3_000]
    edit = Edit.objects.latest("pk")
    assert answer["Location"] == f"/changes/{edit.change_id}/"
    assert edit.payload["rules"] == [
        {
            "name": "large",
            "when": [
                {"fact": "field.value", "op": "between", "value": [10, 20.5]},
                {"fact": "context.stale", "op": "is empty"},
            ],
            "condition": "field.value != 12.0",
            "then": {
                "do": "agent",
                "targets": [{"agent": "second", "weight": 3}],
                "balance": "weights",
                "nobody": "next",
                "incomplete": {"do": "wait", "hours": 8, "then": "person", "to": "owner"},
            },
        }
    ]
    assert "large" in client(world).get(f"/changes/{edit.change_id}/").content.decode()
    again = client(world).get(f"/routes/routes/edit/?change={edit.change_id}")
    assert rules_on(again) == edit.payload["rules"]


def test_editor__fault_in_a_rule__is_shown_at_its_place_and_not_saved(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    faulty = rules(rule("bad", ("field.value", ">", "much"), then=to("first")))
    before = Change.objects.count()
    page = client(world).post("/routes/routes/edit/", form(faulty, do="save"))
    assert page.status_code == 422
    assert re.search(r"Rule 1\..*compared with a number", page.content.decode(), re.DOTALL)
    assert Change.objects.count() == before


def test_editor__check__proves_the_rules_and_replays_what_was_decided(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    record_decision(principal=principal_for(world.cast.owner), answer=world.ask(), now=timezone.now())
    draft = rules(rule("none", then={"do": "refuse"}), ALL)
    page = client(world).post("/routes/routes/edit/", form(draft, do="check")).content.decode()
    assert "“all” is never reached: “none” takes all its cases." in page
    assert "1 of the last 1 decision" in page


def test_editor__new_rule_set__is_drafted_under_its_own_name(world: World) -> None:
    payload = rules(ALL)
    answer = client(world).post("/routes/new/", {**form(payload, do="save"), "slug": "fresh", "base_version": ""})
    assert answer.status_code == 302, answer.content.decode()[:3_000]
    edit = Edit.objects.latest("pk")
    assert (edit.key, edit.operation, edit.record) == ("fresh", "create", "rule_set")
    for taken in ("new", "Not Plain"):
        again = client(world).post("/routes/new/", {**form(payload, do="save"), "slug": taken, "base_version": ""})
        assert again.status_code == 422


@pytest.mark.parametrize("hidden", ["{", "[]", '{"a": ' * 500, "null"])
def test_editor__hostile_hidden_rule__is_said_and_does_no_harm(world: World, hidden: str) -> None:
    publish_rules(world.cast, rules(ALL))
    page = client(world).post("/routes/routes/edit/", {**form(rules(ALL), do="save"), "rule": [hidden]})
    assert page.status_code == 422
    assert "could not be read" in page.content.decode()
