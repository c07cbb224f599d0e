"""The pages of flows: the map is drawn without overlaps, says what would break, and a flow is started and stopped."""

from __future__ import annotations

import json
import random
from itertools import combinations
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from agents.models import FlowRun
from agents.views.flow_form import FlowForm, read_form
from agents.views.flow_layout import Layout, Placed, Size, lay_out
from agents.views.flows import example_of
from governance.models import Edit
from tests.agent_flows.conftest import FIND, MARK, SCORE, World, flow_of

BOX = Size(width=284, height=140)


def through(layout: Layout, node: Placed) -> list[str]:
    """The lines that run through a node which they neither leave nor enter."""
    found = []
    for line in layout.lines:
        if node.name in (line.source, line.target):
            continue
        for (x, y), (to_x, to_y) in zip(line.points, line.points[1:], strict=False):
            left, right, top, foot = min(x, to_x), max(x, to_x), min(y, to_y), max(y, to_y)
            if left < node.x + node.width and right > node.x and top < node.y + node.height and foot > node.y:
                found.append(f"{line.source}>{line.target} through {node.name}")
    return found


def assert_readable(layout: Layout) -> None:
    assert not [
        (one.name, other.name)
        for one, other in combinations(layout.nodes, 2)
        if one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    ]
    assert [each for node in layout.nodes for each in through(layout, node)] == []
    for line in layout.lines:
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in zip(line.points, line.points[1:], strict=False)), line
    inside = [each for line in layout.lines for each in line.points]
    assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in inside)


def test_layout__twelve_steps_in_two_branches__are_apart_in_order_and_fit_a_page() -> None:
    edges = [("input", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("a", "e"), ("e", "f"), ("f", "g"), ("d", "h"),
             ("g", "h"), ("h", "i"), ("i", "j"), ("j", "k"), ("k", "l"), ("l", "output"), ("a", "j"),
             ("b", "l")]  # fmt: skip
    names = dict.fromkeys(name for edge in edges for name in edge)
    layout = lay_out(sizes=dict.fromkeys(names, BOX), edges=edges)
    assert_readable(layout)
    at = {each.name: each for each in layout.nodes}
    assert all(at[source].y + BOX.height < at[target].y for source, target in edges)
    assert layout.width < 900
    assert len(layout.lines) == len(edges)


def test_layout__sixty_steps_that_wait_for_several__stay_apart() -> None:
    chance = random.Random(5)
    edges = [(f"s{chance.randint(max(0, to - 6), to - 1)}", f"s{to}") for to in range(1, 60) for _ in range(2)]
    assert_readable(lay_out(sizes={f"s{each}": Size(width=176, height=62) for each in range(60)}, edges=edges))


def test_layout__a_circle_or_a_step_that_is_not_there__is_drawn_all_the_same() -> None:
    layout = lay_out(sizes=dict.fromkeys("abc", BOX), edges=[("a", "b"), ("b", "c"), ("c", "b"), ("x", "a")])
    assert {each.name for each in layout.nodes} == set("abc")


def test_form__a_flow_that_is_opened_and_posted_unchanged__reads_the_same() -> None:
    steps = [
        {**FIND, "on_failure": {"do": "retry", "times": 2, "then": "person"}, "token_budget": 500},
        {**MARK, "input": [{"to": "/a b", "from": "find", "at": "/x"}, {"to": "/n", "value": {"deep": [1]}}]},
    ]
    triggers = [
        {"name": "mail", "on": "webhook", "input": [{"to": "/text", "from": "event", "at": "/body"}]},
        {"name": "law", "on": "publication", "input": [{"to": "/n", "value": 1}], "match": {"domain": "legal"}},
    ]
    payload = flow_of(*steps, output=[{"to": "", "from": "mark"}], triggers=triggers)
    form = FlowForm.of({"purpose": "", "sensitivity": "internal", **payload})
    posted = QueryDict(mutable=True)
    posted.update({name: payload[name] for name in ("name", "owner", "domain")})
    posted.update({"input_schema": form.schema_text, "schema-by": "table", "output": form.output_text})
    assert form.fields is not None
    for kind, rows in (("trigger", form.triggers), ("field", form.fields)):
        for row in rows:
            posted.update({f"{kind}-{name}": value for name, value in row.items()})
    for place, each in enumerate(steps):
        failure = each["on_failure"]
        posted.update(
            {"step-name": each["name"], "step-label": "", "step-task_type": each["task_type"],
             "step-contract": each["contract"], "step-agent": each["agent"], "step-rule_set": "",
             "step-after": ", ".join(each["after"]), "step-input": form.steps_text[place], "step-fail": failure["do"],
             "step-fail_times": str(failure.get("times", "")), "step-fail_agent": "", "step-fail_contract": "",
             "step-fail_then": failure.get("then", ""), "step-tokens": str(each.get("token_budget", "")),
             "step-cost": "", "step-attempts": ""}
        )  # fmt: skip
    read = read_form(posted, base={})
    assert read.unread == []
    assert {name: read.payload[name] for name in ("input_schema", "steps", "output", "triggers")} == {
        name: payload[name] for name in ("input_schema", "steps", "output", "triggers")
    }
    posted["step-input"] = "nonsense"
    wrong = read_form(posted, base={})
    assert "nonsense" in wrong.unread[0]
    assert list(wrong.wrong) == ["steps.0.input"]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "title": "Text", "maxLength": 9, "description": "Whole."},
        "mode": {"enum": ["fast", "exact"]},
        "parts": {"type": "array", "items": {"type": "string"}},
    },
}


def table(*rows: dict[str, str], do: str = "check", schema: object = SCHEMA) -> FlowForm:
    posted = QueryDict(mutable=True)
    posted.update({"input_schema": json.dumps(schema), "schema-by": "table", "do": do})
    for row in rows:
        posted.update({f"field-{name}": value for name, value in row.items()})
    return read_form(posted, base={})


def test_schema__edited_as_a_table__keeps_what_the_table_cannot_say() -> None:
    rows = FlowForm.of({"input_schema": SCHEMA}).fields
    assert rows is not None
    assert table(*rows).payload["input_schema"] == SCHEMA
    text, mode, parts = rows
    changed = table({**text, "name": "document", "needed": ""}, {**mode, "choices": "fast"}, {**parts, "needed": "yes"})
    assert changed.unread == []
    assert changed.payload["input_schema"] == {
        **SCHEMA,
        "required": ["parts"],
        "properties": {
            "document": SCHEMA["properties"]["text"],
            "mode": {"enum": ["fast"]},
            "parts": SCHEMA["properties"]["parts"],
        },
    }
    # The next button finds the field under its new name.
    assert changed.fields is not None
    assert changed.fields[0]["was"] == "document"
    number = table({**text, "type": "number"}).payload["input_schema"]["properties"]["text"]
    assert number == {"type": "number", "title": "Text", "description": "Whole."}


def test_schema__fields_that_cannot_be__are_told_at_their_place_and_nothing_is_lost() -> None:
    rows = FlowForm.of({"input_schema": SCHEMA}).fields
    assert rows is not None
    wrong = table(rows[0], {**rows[1], "name": "text"}, {**rows[2], "name": "", "title": "Parts"})
    assert list(wrong.wrong) == ["input_schema.1", "input_schema.2"]
    assert [each["title"] for each in wrong.fields or []] == ["Text", "", "Parts"]
    added = table(*rows, do="field")
    assert (added.unread, len(added.fields or [])) == ([], 4)
    assert FlowForm.of({"input_schema": True}).fields is None
    assert table(*rows, do="schema-json").fields is None


def test_example__of_a_schema__holds_what_is_required_and_no_more() -> None:
    schema = {"type": "object", "required": ["a", "k"], "properties": {"a": {"type": "string"}, "k": {"enum": ["x"]}}}
    assert example_of(schema) == {"a": "", "k": "x"}
    assert example_of(True) == {}


@pytest.fixture
def owner(world: World) -> Client:
    world.publish(flow_of(FIND, MARK, SCORE, output=[{"to": "/score", "from": "score", "at": "/score"}]))
    client = Client(raise_request_exception=False)
    client.force_login(world.cast.owner)
    return client


def test_flow__as_its_owner_sees_it__is_drawn_with_links_and_told_in_words(world: World, owner: Client) -> None:
    page = owner.get("/flows/review/").content.decode()
    for said in ('<svg class="flow"', 'href="/contracts/finder-contract/"', 'id="step-mark"', "/items/legal/cap/",
                 "Every hand-off fits", "if it fails: stop"):  # fmt: skip
        assert said in page, said
    assert "style=" not in page
    assert "Review" in owner.get("/flows/").content.decode()


def test_flow__started_on_its_page__leads_to_what_waits_and_can_be_stopped(world: World, owner: Client) -> None:
    for wrong, said in (("{", "no JSON"), ('{"text": 1}', "text")):
        refused = owner.post("/flows/review/start/", {"input": wrong})
        assert refused.status_code == 422
        assert said in refused.content.decode()
    started = owner.post("/flows/review/start/", {"input": json.dumps({"text": "We pay in 90 days."})})
    assert started.status_code == 302
    run = FlowRun.objects.get()
    assert started["Location"] == f"/flows/runs/{run.pk}/"
    page = owner.get(f"/flows/runs/{run.pk}/").content.decode()
    assert "waits for its agent" in page
    assert "0 of 3 steps are" in page
    assert str(run.pk)[:13] in owner.get("/flows/runs/?flow=review").content.decode()
    stranger = Client()
    stranger.force_login(world.cast.outsider)
    assert stranger.get(f"/flows/runs/{run.pk}/").status_code == 404
    assert owner.post(f"/flows/runs/{run.pk}/cancel/", {"reason": ""}).status_code == 422
    assert owner.post(f"/flows/runs/{run.pk}/cancel/", {"reason": "No need."}).status_code == 302
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_edit__checked_and_saved__says_what_does_not_fit_and_drafts_a_change(world: World, owner: Client) -> None:
    assert owner.get("/flows/review/edit/").status_code == 200
    posted = {
        "name": "Review", "owner": "owner", "domain": "legal", "sensitivity": "internal", "reason": "Shorter.",
        "base_version": "1", "input_schema": json.dumps(flow_of()["input_schema"]), "output": "", "triggers": "[]",
        "step-name": "find", "step-label": "Find", "step-task_type": "find", "step-contract": "finder-contract",
        "step-agent": "finder", "step-rule_set": "", "step-after": "", "step-input": "/text <- input /text",
        "step-fail": "", "step-fail_times": "", "step-fail_agent": "", "step-fail_contract": "", "step-fail_then": "",
        "step-tokens": "", "step-cost": "", "step-attempts": "",
    }  # fmt: skip
    checked = owner.post("/flows/review/edit/", {**posted, "do": "check"}).content.decode()
    assert "Nothing says what happens when" in checked
    refused = owner.post("/flows/review/edit/", {**posted, "do": "save"})
    assert refused.status_code == 422
    saved = owner.post("/flows/review/edit/", {**posted, "step-fail": "person", "do": "save"})
    assert saved.status_code == 302, saved.content.decode()[-3000:]
    edit = Edit.objects.filter(record="flow", key="review").latest("pk")
    assert [each["name"] for each in edit.payload["steps"]] == ["find"]
    assert "would change this flow" in owner.get("/flows/review/").content.decode()


def test_edit__a_trigger_that_selects_nothing__is_told_beside_its_field(world: World, owner: Client) -> None:
    step = {"step-name": "find", "step-task_type": "find", "step-contract": "finder-contract", "step-agent": "finder",
            "step-input": "/text <- input /text", "step-fail": "person"}  # fmt: skip
    posted = {"name": "Review", "owner": "owner", "domain": "legal", "base_version": "1", "reason": "By itself.",
              "input_schema": json.dumps(flow_of()["input_schema"]), **step}  # fmt: skip
    trigger = {"trigger-name": "law", "trigger-on": "publication", "trigger-key": "", "trigger-kind": "",
               "trigger-domain": "", "trigger-tag": "", "trigger-input": '/text = "New."'}  # fmt: skip
    added = owner.post("/flows/review/edit/", {**posted, "do": "trigger"}).content.decode()
    assert 'name="trigger-name"' in added
    wrong = owner.post("/flows/review/edit/", {**posted, **trigger, "do": "check"}).content.decode()
    beside = wrong[wrong.index('id="trigger-0"') :]
    assert "It would start at every publication." in beside[: beside.index("trigger-input")]
    saved = owner.post("/flows/review/edit/", {**posted, **trigger, "trigger-domain": "legal", "do": "save"})
    assert saved.status_code == 302
    edit = Edit.objects.filter(record="flow", key="review").latest("pk")
    assert edit.payload["triggers"] == [
        {"name": "law", "on": "publication", "match": {"domain": "legal"}, "input": [{"to": "/text", "value": "New."}]}
    ]
