"""Each tool does what REST does, says what it refuses, and is there only for keys with its scope."""

from __future__ import annotations

from typing import Any

import pytest

from agents.authentication import authenticate
from agents.mcp.tools import TOOLS
from agents.models import Feedback, Scope
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import principal_for
from context.models import ContextVersion
from governance.models import AuditEvent, Change, Finding
from tests.cast import Cast, creation, publish, revision
from tests.mcp.conftest import CAP, Speaker, speaker
from tests.runs.conftest import NOW

NO_SUCH_TOOL = {"code": -32602, "message": "There is no such tool."}


def test_list__scope_by_scope__shows_the_tools_of_those_scopes_and_no_others(cast: Cast) -> None:
    agent = speaker(cast, scopes=("context:read", "memory:write"))
    listed = agent.ask("tools/list")["result"]["tools"]
    assert [tool["name"] for tool in listed] == ["get_item", "lookup_term", "remember", "recall"]
    assert all(tool["inputSchema"]["type"] == tool["outputSchema"]["type"] == "object" for tool in listed)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_call__scope_lacking__reads_like_an_unknown_tool_and_is_on_record(cast: Cast, tool: Any) -> None:
    others = tuple(scope for scope in Scope.values if scope != tool.scope)
    agent = speaker(cast, scopes=others)
    call = {"name": tool.name, "arguments": {"contract": "review"}}
    assert agent.ask("tools/call", call)["error"] == NO_SUCH_TOOL
    assert agent.ask("tools/call", {"name": "no_such_tool"})["error"] == NO_SUCH_TOOL
    denied = AuditEvent.objects.filter(action="agents.request.denied")
    assert [event.subject_id for event in denied] == [tool.name]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_call__unknown_argument__is_an_error_that_names_it(agent: Speaker, tool: Any) -> None:
    told = agent.refused(tool.name, nonsense=1)
    assert "nonsense" in str(told)
    assert told["status"] in (400, 422)


def test_bundle__complete__is_what_rest_sends_and_incomplete_carries_its_gaps(cast: Cast, agent: Speaker) -> None:
    by_rest = agent.presented.bundle()
    assert agent.done("get_bundle", contract="review") == by_rest
    markdown = agent.call("get_bundle", contract="review", format="markdown")
    assert markdown["content"][0]["text"] == markdown["structuredContent"]["markdown"]
    told = agent.refused("get_bundle", contract="review", token_budget=1)
    assert told["type"].endswith("/context-unavailable")
    assert [(gap["requirement"], gap["code"]) for gap in told["gaps"]] == [("token_budget", "over_budget")]
    assert {"owner", "fix"} <= set(told["gaps"][0])
    assert agent.refused("get_bundle", contract="another")["type"].endswith("/not-found")
    assert agent.refused("get_bundle", contract="review", token_budget=10**9)["limit"] == 4_000


def test_item__hidden_foreign_or_none__read_the_same(agent: Speaker) -> None:
    assert agent.done("get_item", key="legal/cap")["version"]["body"] == CAP
    hidden, foreign, none = (agent.refused("get_item", key=f"{key}") for key in ("legal/secret", "sales/price", "a/b"))
    assert hidden == foreign == none
    assert agent.done("search_context", q="liability broker fees")["results"][0]["key"] == "legal/cap"
    assert "legal/secret" not in str(agent.done("search_context", q="Nobody knows", k=50))


def test_term__by_any_of_its_names__is_found_and_an_old_name_says_what_to_use(cast: Cast, agent: Speaker) -> None:
    data = {
        "definition": "The most that is owed.",
        "aliases": ["Cap of liability"],
        "deprecated_aliases": ["Max payout"],
        "abbreviation": "LC",
    }
    publish(
        cast,
        creation("legal/liability-limit", kind="term", title="Limit of liability", data=data),
        creation("legal/hidden-term", kind="term", title="Ghost", data={"definition": "x"}, sensitivity="confidential"),
    )
    for name, by in (
        ("limit of LIABILITY", "title"),
        ("lc", "abbreviation"),
        ("cap of liability", "alias"),
        ("max payout", "deprecated_alias"),
    ):
        (term,) = agent.done("lookup_term", name=name)["terms"]
        assert (term["key"], term["matched"], term["definition"]) == ("legal/liability-limit", by, data["definition"])
        assert (term["use_instead"] == "Limit of liability") is (by == "deprecated_alias")
    assert (
        agent.done("lookup_term", name="Ghost")
        == agent.done("lookup_term", name="No ghost")
        == {
            "terms": [],
            "similar": [],
        }
    )
    near = agent.done("lookup_term", name="Limit of liabilty")
    assert near == {"terms": [], "similar": [{"key": "legal/liability-limit", "title": "Limit of liability"}]}


def test_check__output_that_breaks_its_contract__says_what_and_hands_nothing_in(cast: Cast) -> None:
    agent = speaker(
        cast,
        output_schema={"type": "object", "required": ["verdict"]},
        output_checks=[{"type": "forbidden_terms", "terms": ["guarantee"]}, {"type": "citations_required"}],
    )
    digest = agent.done("get_bundle", contract="review")["digest"]
    bad = agent.done("check_output", contract="review", output={"text": "We guarantee it."}, bundle=digest)
    assert not bad["passes"]
    assert {each["check"] for each in bad["rejecting"]} >= {"output_schema", "forbidden_terms"}
    good = agent.done("check_output", contract="review", output={"verdict": "Capped [legal/cap@1]."}, bundle=digest)
    assert good["passes"], good
    assert agent.refused("check_output", contract="review", output=1, bundle="0" * 64)["status"] == 404


def test_propose__another_text__becomes_a_finding_and_changes_no_context(agent: Speaker) -> None:
    agent.done("get_bundle", contract="review")
    before = (ContextVersion.objects.count(), Change.objects.count())
    text = "A customer was promised unlimited liability in writing, in a letter of last spring that we had to honour."
    told = agent.done("propose_change", key="legal/cap", body=text, reason="The letter says otherwise.")
    finding = Finding.objects.get(pk=told["finding"])
    assert text in str(finding.evidence["proposal"])
    assert Feedback.objects.get().kind == "correction"
    assert (ContextVersion.objects.count(), Change.objects.count()) == before
    assert agent.refused("propose_change", key="legal/secret", body="x", reason="y")["type"].endswith("/not-found")
    gap = agent.done("report_feedback", kind="gap", text="No word on data centres.", contract="review")
    assert gap["finding"]


def test_memory__written_read_and_overwritten_only_on_top_of_what_was_read(agent: Speaker) -> None:
    mine = {"namespace": "agent:comparer", "key": "style"}
    (entry,) = agent.done("remember", **mine, value={"tone": None})["entries"]
    assert (entry["version"], entry["value"]) == (1, {"tone": None})
    assert agent.refused("remember", **mine, value=2)["type"].endswith("/precondition-required")
    assert agent.refused("remember", **mine, value=2, if_version=7)["type"].endswith("/precondition-failed")
    assert agent.done("remember", **mine, value=2, if_version=1)["entries"][0]["version"] == 2
    assert agent.done("recall", **mine)["entries"][0]["value"] == 2
    assert [each["key"] for each in agent.done("recall", namespace="agent:comparer", prefix="st")["entries"]] == [
        "style"
    ]
    assert agent.refused("recall", namespace="agent:other", key="style")["type"].endswith("/not-found")


def test_run__claimed_stepped_and_completed__as_over_rest(cast: Cast, agent: Speaker) -> None:
    terms = agent.presented.agent.contracts.get().current_version
    run = open_run(
        actor=principal_for(cast.owner),
        order=RunOrder(task_type="review", task={"clause": "90 days"}),
        assignment=Assignment(agent=agent.presented.agent, contract_version=terms),
        now=NOW.replace(year=NOW.year - 1),
    )
    claim = agent.done("claim_run")
    held = {"run": str(run.pk), "lease_token": claim["lease"]["token"]}
    assert claim["run"]["id"] == str(run.pk)
    assert agent.done("claim_run") == {"run": None, "lease": None}
    assert agent.done("get_run_bundle", **held)["entries"][0]["key"] == "legal/cap"
    assert agent.done("heartbeat", **held)["expires_at"]
    step = {"key": "1", "operation": "execute_tool", "name": "compare", "output": {"score": 1}}
    assert [agent.done("report_step", **held, **step)["new"] for _ in range(2)] == [True, False]
    assert agent.refused("complete_run", run=str(run.pk), lease_token="x" * 43, output=1)["type"].endswith(
        "/lease-lost"
    )
    done = agent.done("complete_run", **held, output={"score": 1})
    assert (done["state"], done["output"], len(done["steps"])) == ("succeeded", {"score": 1}, 1)
    assert agent.done("get_run", run=str(run.pk))["state"] == "succeeded"
    other = speaker(cast, slug="other")
    assert other.refused("get_run", run=str(run.pk)) == other.refused("get_run", run="0" * 36)


def test_run__handed_off_after_a_text_changed__is_told_what_and_asked_how(cast: Cast, agent: Speaker) -> None:
    terms = agent.presented.agent.contracts.get().current_version
    run = open_run(
        actor=authenticate(f"Bearer {agent.presented.bearer}").principal,
        order=RunOrder(task_type="review", task={"clause": "90 days"}),
        assignment=Assignment(agent=agent.presented.agent, contract_version=terms),
        now=NOW.replace(year=NOW.year - 1),
    )
    other = speaker(cast, slug="other")
    held = {"run": str(run.pk), "lease_token": agent.done("claim_run")["lease"]["token"]}
    agent.done("get_run_bundle", **held)
    publish(cast, revision("legal/cap", body="The cap is the fees."))
    to = {"to": "other", "contract": other.presented.agent.contracts.get().slug}
    asked = agent.refused("hand_off_run", **held, **to)
    assert (asked["type"].rpartition("/")[2], asked["moved"][0]["key"]) == ("context-moved", "legal/cap")
    assert agent.done("pause_run", **held, reason="Whom shall I ask?")["state"] == "paused"
    assert agent.refused("resume_run", run=str(run.pk))["type"] == asked["type"]
    assert agent.done("resume_run", run=str(run.pk), choice="rebase")["state"] == "queued"
    held["lease_token"] = agent.done("claim_run")["lease"]["token"]
    assert agent.done("hand_off_run", **held, **to, choice="person")["state"] == "waits_for_person"


def test_run__started_where_no_rule_takes_it__is_recorded_and_says_why(agent: Speaker) -> None:
    run = agent.call("start_run", text="Compare this.", task_type="review")["structuredContent"]
    assert run.get("state") in ("refused", "waits_for_person") or run.get("type"), run
    assert agent.refused("start_run", text="x", domain="nowhere")["field"] == "domain"


def test_prompt__of_a_contract__is_its_bundle_and_says_its_gaps_where_refused(cast: Cast, agent: Speaker) -> None:
    text = agent.ask("prompts/get", {"name": "review"})["result"]["messages"][0]["content"]["text"]
    assert CAP in text
    assert agent.ask("prompts/get", {"name": "other"})["error"]["code"] == -32602
    assert agent.ask("prompts/get", {"name": "review", "arguments": {"task": "{"}})["error"]["code"] == -32602
    publish(cast, revision("legal/cap", valid_to="2020-01-01T00:00:00Z", valid_from="2019-01-01T00:00:00Z"))
    gone = agent.ask("prompts/get", {"name": "review"})["error"]
    assert gone["data"]["gaps"][0]["requirement"] == "legal/cap"
    unscoped = speaker(cast, slug="unscoped", scopes=("search:read",))
    assert unscoped.ask("prompts/list")["result"]["prompts"] == []
    assert unscoped.ask("prompts/get", {"name": "unscoped-contract"})["error"]["code"] == -32602
