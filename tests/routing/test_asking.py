"""A task on its way through facts and rules: context first, then the rules, then the reason."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from agents.models import Decision, RuleSet, RuleSetVersion
from agents.registry import set_state
from agents.routing.asking import Question, ask
from agents.routing.decisions import record_decision, replay
from agents.routing.table import RuleSetInvalid
from context.access import principal_for
from context.errors import NotFound
from governance.edits import EditInput
from governance.models import AuditEvent
from tests.agents.conftest import contract
from tests.cast import publish, revision
from tests.routing.conftest import TYPES, World, propose_rules, publish_rules, rule, rules, to

ALL = rule("all", then=to("first", "second"))


def end(world: World, key: str) -> None:
    """The text is over: from now on it is stale."""
    publish(world.cast, EditInput(operation="retire", key=key))


def test_ask__all_context_there__first_agent_with_the_other_as_fallback(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    said = world.ask().verdict.said
    assert (said["kind"], said["agent"], said["contract"]) == ("agent", "first", "review")
    assert said["fallbacks"] == [{"agent": "second", "contract": "review"}]


def test_ask__context_incomplete__refused_with_the_gaps_whatever_the_rule_says(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    end(world, "legal/cap")
    answer = world.ask()
    assert (answer.verdict.kind, answer.verdict.said["code"]) == ("refuse", "context-incomplete")
    assert [(gap["requirement"], gap["code"]) for gap in answer.verdict.said["gaps"]] == [("legal/cap", "stale")]
    assert answer.facts.values["context.stale"] == ("legal/cap",)
    assert answer.facts.values["context.complete"] is False


@pytest.mark.parametrize(
    ("incomplete", "kind", "code"),
    [
        ({"do": "refuse"}, "refuse", "context-incomplete"),
        ({"do": "person", "to": "person:owner"}, "human", "context-incomplete"),
        ({"do": "wait", "hours": 4, "then": "person", "to": "domain owner"}, "human", "wait"),
        ({"do": "narrower", "targets": [{"agent": "first", "contract": "narrow"}]}, "agent", "narrower"),
    ],
)
def test_ask__context_incomplete__the_rule_says_what_then(world: World, incomplete: dict, kind: str, code: str) -> None:
    narrow(world)
    publish_rules(world.cast, rules(rule("all", then=to("first", incomplete=incomplete))))
    end(world, "legal/cap")
    said = world.ask().verdict.said
    assert (said["kind"], said["code"]) == (kind, code)
    if code == "wait":
        assert said["wait_until"] > timezone.now().isoformat()
        assert said["then_to"] == "domain owner"
    if code == "narrower":
        assert (said["agent"], said["contract"]) == ("first", "narrow")


def test_ask__narrower_agent_lacks_context_too__is_refused(world: World) -> None:
    narrow(world)
    narrower = {"do": "narrower", "targets": [{"agent": "first", "contract": "narrow"}]}
    publish_rules(world.cast, rules(rule("all", then=to("first", incomplete=narrower))))
    for key in ("legal/cap", "legal/terms"):
        end(world, key)
    said = world.ask().verdict.said
    assert (said["kind"], "No narrower agent" in said["reason"]) == ("refuse", True)


def test_ask__balanced_by_weights__runs_are_shared(world: World) -> None:
    publish_rules(world.cast, rules(rule("all", then=to("first", "second", balance="weights"))))
    first = {world.ask(run=str(number)).verdict.said["agent"] for number in range(12)}
    assert first == {"first", "second"}


def narrow(world: World) -> None:
    contract(world.cast, [{"key": "legal/terms"}], slug="narrow")
    world.first.agent.contracts.add(type(world.review).objects.get(slug="narrow"))


def test_ask__agent_reads_less__it_is_passed_over_for_one_that_reads_enough(world: World) -> None:
    publish(world.cast, revision("legal/cap", sensitivity="confidential"))
    second = world.second.agent
    second.clearance = 2
    second.save()
    publish_rules(world.cast, rules(ALL))
    said = world.ask().verdict.said
    assert said["agent"] == "second"
    assert [each["agent"] for each in said["left_out"]] == ["first"]


def test_ask__agent_suspended__next_agent_and_nobody_is_a_refusal(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    for presented in (world.first, world.second):
        set_state(actor=world.cast.admin, agent=presented.agent, state="suspended", reason="", now=timezone.now())
        said = world.ask().verdict.said
        if presented is world.first:
            assert (said["agent"], said["left_out"]) == ("second", [{"agent": "first", "why": "it is suspended"}])
    assert (said["kind"], said["code"]) == ("refuse", "no-agent")


@pytest.mark.parametrize(
    ("nobody", "kind", "rule_name"),
    [({"nobody": "person", "to": "owner"}, "human", "first"), ({"nobody": "next"}, "agent", "all")],
)
def test_ask__no_agent_of_a_rule_may__a_person_or_the_next_rule_as_it_says(
    world: World, nobody: dict[str, str], kind: str, rule_name: str
) -> None:
    publish_rules(world.cast, rules(rule("first", then=to("first", **nobody)), ALL))
    set_state(actor=world.cast.admin, agent=world.first.agent, state="suspended", reason="", now=timezone.now())
    said = world.ask().verdict.said
    assert (said["kind"], said["rule"]) == (kind, rule_name)


def test_ask__rules_in_order__each_tried_says_why_it_did_not_match(world: World) -> None:
    publish_rules(
        world.cast,
        rules(
            rule("large", ("field.value", ">", 100_000), then={"do": "human", "to": "domain owner"}),
            rule("odd", then={"do": "refuse", "why": "Odd."}, condition="field.value == 7.0"),
            ALL,
        ),
    )
    answer = world.ask(task={"value": 5000})
    assert [(each["name"], each["matched"]) for each in answer.trace()] == [
        ("large", False),
        ("odd", False),
        ("all", True),
    ]
    assert answer.trace()[0]["why"] == "Total value is 5,000; the rule asks that it is above 100,000."
    assert world.ask(task={"value": 100_001}).verdict.kind == "human"
    assert world.ask(task={"value": 7}).verdict.said["reason"].endswith("Odd.")


def test_ask__condition_without_an_answer__refused_and_not_passed_over(world: World) -> None:
    publish_rules(
        world.cast, rules(rule("cel", then={"do": "human", "to": "owner"}, condition="field.value > 1.0"), ALL)
    )
    answer = world.ask(task={})
    assert (answer.verdict.kind, answer.verdict.said["code"]) == ("refuse", "condition-error")
    assert "field.value" in answer.trace()[-1]["why"]


def test_ask__conditions_about_agents__keep_those_that_meet_them(world: World) -> None:
    agent = world.second.agent
    agent.capabilities = ["dutch"]
    agent.save()
    asked = rule("dutch", ("agent.capabilities", "has all of", ["dutch"]), then=to("first", "second"))
    publish_rules(world.cast, rules(asked, rule("rest", then={"do": "human", "to": "owner"})))
    assert world.ask().verdict.said["agent"] == "second"
    agent.capabilities = []
    agent.save()
    answer = world.ask()
    assert answer.verdict.kind == "human"
    assert answer.trace()[0]["why"] == "No agent of it meets its conditions about agents."


def test_ask__budget_and_runs_in_hand__are_facts_where_a_rule_asks(world: World) -> None:
    asked = rule("free", ("agent.load", "<", 3), ("agent.budget_left", "is absent"), then=to("first"))
    publish_rules(world.cast, rules(asked))
    assert world.ask().verdict.said["agent"] == "first"


def test_ask__free_text__its_type_is_told_by_declared_rules(world: World) -> None:
    types = [*TYPES, {"name": "claim", "contract": "review", "clues": [{"pattern": r"\bCL-[0-9]{4}\b"}]}]
    publish_rules(
        world.cast, rules(rule("claims", ("task.type", "is", "claim"), then={"do": "refuse"}), ALL, task_types=types)
    )
    by = [world.ask(task_type=None, text=text) for text in ("Please read this CONTRACT.", "See CL-2041.", "Good day")]
    assert [answer.task_type for answer in by] == ["review", "claim", ""]
    assert [answer.facts.values["task.typed_by"] for answer in by] == ["declared rule", "declared rule", "nothing"]
    assert [answer.verdict.kind for answer in by] == ["agent", "refuse", "refuse"]


def test_ask__classifier_configured__its_output_is_one_more_recorded_fact(world: World, settings: object) -> None:
    settings.ROUTING_CLASSIFIERS = {"stub": "tests.routing.test_asking.stub_classifier"}
    publish_rules(world.cast, rules(ALL, classifier="stub"))
    values = world.ask(task_type=None, text="Good day").facts.values
    assert (values["task.type"], values["task.typed_by"]) == ("review", "classifier")
    assert (values["classifier.label"], values["classifier.score"]) == ("review", 0.75)


def stub_classifier(text: str, types: list[str]) -> tuple[str, float]:
    return types[0], 0.75


def test_ask__rule_set_of_another_domain__does_not_exist(world: World) -> None:
    publish_rules(world.cast, rules(ALL, domain="legal"))
    with pytest.raises(NotFound):
        ask(
            principal=principal_for(world.cast.outsider),
            name="outsider",
            question=Question(rule_set="routes", task_type="review"),
            now=timezone.now(),
        )


def test_publish__draft_of_rules__nothing_routes_by_it_until_published(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    propose_rules(world.cast, rules(rule("all", then={"do": "refuse"})))
    assert world.ask().verdict.kind == "agent"
    publish_rules(world.cast, rules(rule("none", then={"do": "refuse"})), slug="routes")
    assert world.ask().verdict.kind == "refuse"
    assert list(RuleSetVersion.objects.order_by("number").values_list("number", flat=True)) == [1, 2]


@pytest.mark.parametrize(
    "faulty",
    [
        rule("a", ("field.nothing", "is given"), then=to("first")),
        rule("a", ("field.value", "is", "x"), then=to("first")),
        rule("a", then=to("nobody-there")),
        rule("a", then=to("first"), condition="field.value > 'x'"),
        rule("a", then={"do": "human", "to": "group:nobody"}),
    ],
)
def test_propose__unknown_facts_types_or_names__refused_with_the_place(world: World, faulty: dict) -> None:
    with pytest.raises(RuleSetInvalid) as refusal:
        propose_rules(world.cast, rules(faulty))
    assert str(refusal.value.field).startswith("rules.0.")


def test_record__decision__is_stored_with_its_event_and_replays_to_the_same_digest(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    events = AuditEvent.objects.count()
    principal = principal_for(world.cast.owner)
    decision = record_decision(principal=principal, answer=world.ask(task={"value": 1.5}), now=timezone.now())
    assert AuditEvent.objects.count() == events + 1
    assert AuditEvent.objects.latest("sequence").action == "agents.decision.made"
    publish_rules(world.cast, rules(rule("none", then={"do": "refuse"})))
    stored = Decision.objects.get(pk=decision.pk)
    assert replay(stored).same
    assert replay(stored).verdict.said == stored.outcome


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agents_decision SET kind = 'refuse', agent_id = NULL",
        "DELETE FROM agents_decision",
        "UPDATE agents_rulesetversion SET payload = '{}'",
        "UPDATE agents_ruleset SET current_version_id = NULL",
        "INSERT INTO agents_rulesetversion (rule_set_id, number, payload, digest, author_label, approvals,"
        " published_at) SELECT id, 9, '{}', repeat('a', 64), '', '[]', now() FROM agents_ruleset",
    ],
)
def test_database__writing_past_governance__is_refused(world: World, statement: str) -> None:
    publish_rules(world.cast, rules(ALL))
    record_decision(principal=principal_for(world.cast.owner), answer=world.ask(), now=timezone.now())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert RuleSet.objects.get().current_version is not None


def test_api__dry_run__answers_with_the_trace_and_records_nothing(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    events = AuditEvent.objects.count()
    answer = world.call("decide/", {"task_type": "review", "task": {"value": 3}})
    body = json.loads(answer.content)
    assert (answer.status_code, body["outcome"]["agent"]) == (200, "first")
    assert body["trace"] == [{"rule": 1, "name": "all", "matched": True, "why": "It matched."}]
    assert body["facts"]["caller.name"] == "first"
    assert (Decision.objects.count(), AuditEvent.objects.count()) == (0, events)


def test_api__agent_without_the_contract__is_not_told_what_others_lack(world: World) -> None:
    publish_rules(
        world.cast, rules(rule("gap", ("context.stale", "is empty"), then=to("first")), rule("rest", then=to("second")))
    )
    end(world, "legal/cap")
    world.first.agent.contracts.clear()
    told = world.call("decide/", {"task_type": "review", "rule_set": "routes"})
    assert (told.status_code, json.loads(told.content)["names_withheld"]) == (200, True)
    assert b"legal/cap" not in told.content
    held = world.call("decide/", {"task_type": "review", "rule_set": "routes"}, by=world.second)
    assert b"legal/cap" in held.content


def test_api__decision_recorded__read_listed_and_replayed_by_who_asked_alone(world: World) -> None:
    publish_rules(world.cast, rules(ALL))
    made = world.call("decisions/", {"task_type": "review", "run": "run-1"})
    assert made.status_code == 201, made.content
    number = json.loads(made.content)["id"]
    assert json.loads(world.call(f"decisions/{number}/replay/", {}).content)["same"] is True
    listed = json.loads(world.call("decisions/?run=run-1", None, method="get").content)["results"]
    assert [each["id"] for each in listed] == [number]
    assert world.call(f"decisions/{number}/", None, method="get", by=world.second).status_code == 404
    assert world.call(f"decisions/{number}/replay/", {}, by=world.second).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"task_type": "nothing"}, {"rule_set": "none"}, {"what": 1}, {"task": {"a": "\x00"}}, {"text": 5}, [], b"{",
        {"run": "x" * 65}, {"task": {"a": "x" * 300_000}},
    ],
)  # fmt: skip
def test_api__bad_question__is_a_problem_that_names_the_field(world: World, body: object) -> None:
    publish_rules(world.cast, rules(ALL))
    answer = world.call("decide/", body)
    assert 400 <= answer.status_code < 500
    assert json.loads(answer.content)["type"]
