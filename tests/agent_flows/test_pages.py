"""The pages of flows: the map is drawn without overlaps, says what would break, and a flow is started and stopped."""

from __future__ import annotations

import json
import random
from itertools import combinations

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
    payload = flow_of(*steps, output=[{"to": "", "from": "mark"}], triggers=[])
    form = FlowForm.of({"purpose": "", "sensitivity": "internal", **payload})
    posted = QueryDict(mutable=True)
    posted.update({name: payload[name] for name in ("name", "owner", "domain")})
    posted.update({"input_schema": form.schema_text, "triggers": form.triggers_text, "output": form.output_text})
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
    assert "nonsense" in read_form(posted, base={}).unread[0]


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
