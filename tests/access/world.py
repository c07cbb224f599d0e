"""The world of the permission matrix: texts of every sensitivity in two domains, and everybody who might ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.test import Client
from django.utils import timezone

from agents.endpoints import ModelTerms, register_version
from agents.flows.starting import start_flow
from agents.models import FlowRun, Receipt, Scope, UnsanctionedUse
from agents.programs import admit_program
from agents.recall.cases import open_case
from agents.routing.asking import Question, ask
from agents.routing.decisions import record_decision
from agents.runs.starting import Assignment, RunOrder, open_run
from context.access import SYSTEM, principal_for
from context.models import RoleGrant, Sensitivity, User
from governance.audit.checkpoints import make_checkpoint
from governance.changes import create_change, submit_change
from governance.comments import add_comment
from governance.delegations import delegate
from governance.drift.findings import Sighting, open_finding
from governance.drift.scan import request_scan
from governance.drift.sources.watching import note_sources
from governance.edits import EditInput
from governance.models import Change, Edit, Review, Severity
from governance.personal_tokens import issue_token
from governance.publishing import publish_change
from governance.reviews import review_change
from tests.agents.conftest import Presented, contract, give
from tests.cast import Cast, creation, gather, propose, publish, revision, submit
from tests.routing.conftest import publish_rules, rule, rules, to

PERSONAS = (
    "anonymous", "outsider", "reader", "author", "reviewer", "owner", "auditor", "administrator", "agent",
)  # fmt: skip
# How far each may read. The domain `legal` is everybody's own; the agent reads in no other.
CLEARANCE = {
    "anonymous": -1, "outsider": 1, "reader": 1, "author": 2, "reviewer": 2, "owner": 3, "auditor": 3,
    "administrator": 2, "agent": 1,
}  # fmt: skip
OWN, OTHER = "legal", "sales"


@dataclass
class World:
    """Who asks, and what the braces of an address stand for. `changes` by domain and sensitivity."""

    clients: Mapping[str, Client]
    bearers: Mapping[str, str]
    changes: Mapping[tuple[str, int], Change]
    edits: Mapping[int, Edit]
    comments: Mapping[int, int]
    names: Mapping[str, Any]


def visible(persona: str, domain: str, sensitivity: int) -> bool:
    """The rule, stated apart from the application: clearance, and for the agent its domain."""
    return CLEARANCE[persona] >= sensitivity and (persona != "agent" or domain == OWN)


def build() -> World:
    """Everything through the functions that people use, once for the whole matrix."""
    now = timezone.now()
    cast = gather()
    RoleGrant.objects.filter(domain=cast.sales).delete()
    reader = User.objects.create_user(username="reader", password=None, clearance=Sensitivity.INTERNAL)
    RoleGrant.objects.create(user=reader, role="reader", domain=cast.legal)
    makers = _makers(cast)
    texts = [(domain, level) for domain in (OWN, OTHER) for level in Sensitivity]
    file = {"kind": "upload", "uri": "text.md"}
    publish(
        makers,
        *(
            creation(key(*text), sensitivity=text[1].word, body=f"First of {key(*text)}.", source=file)
            for text in texts
        ),
    )
    note_sources(now=now)
    publish(makers, *(revision(key(*text), body=f"Second of {key(*text)}.") for text in texts))
    changes, edits, comments = {}, {}, {}
    for text in texts:
        change = submit(makers, revision(key(*text), body=f"Third of {key(*text)}."))
        changes[text[0], int(text[1])] = change
        edits[change.pk] = change.edits.get()
        said = add_comment(actor=makers.author, change_id=change.pk, text="Is this so?", now=now)
        comments[change.pk] = said.pk
    draft = propose(cast, creation("legal/draft"))
    terms = contract(cast, [{"key": key(OWN, Sensitivity.PUBLIC)}])
    given = give(cast, terms, scopes=Scope.values)
    bundle = given.bundle()
    run = open_run(
        actor=principal_for(cast.owner),
        order=RunOrder(task_type="review", task={"clause": "We pay in 90 days."}),
        assignment=Assignment(agent=given.agent, contract_version=terms.current_version),
        now=now,
    )
    given.post({"contract": "review", "token_budget": 1})
    routed = _routed(cast, given)
    finding = open_finding(
        seen=Sighting(
            detector="test", summary="Something is off.", cause={"a": 1}, evidence={"a": 1}, severity=Severity.LOW,
            domain=cast.legal,
        ),
        now=now,
        actor=SYSTEM,
    )  # fmt: skip
    held = delegate(
        actor=cast.owner, to_person=cast.reviewer, from_at=now, until_at=now + timezone.timedelta(days=3),
        reason="Away", now=now,
    )  # fmt: skip
    token = issue_token(user=cast.owner, name="of the owner", actor=SYSTEM, now=now)
    checkpoint = make_checkpoint(now=now)
    assert checkpoint is not None
    people = {name: getattr(cast, name, None) for name in PERSONAS} | {"reader": reader, "administrator": cast.admin}
    there = {name: person for name, person in people.items() if person is not None}
    bearers = {name: issue_token(user=each, name="t", actor=SYSTEM, now=now).text for name, each in there.items()}
    recall = open_case(actor=cast.admin, key=key(OWN, Sensitivity.PUBLIC), number=2, reason="It was wrong.", now=now)
    return World(
        clients={name: _client(people.get(name)) for name in PERSONAS},
        bearers={**bearers, "agent": given.bearer},
        changes=changes,
        edits=edits,
        comments=comments,
        names={
            "draft": draft.pk,
            "draft_edit": draft.edits.get().pk,
            "token": token.token.pk,
            "delegation": held.pk,
            "finding": finding.pk,
            "scan": request_scan(actor=SYSTEM, now=now).pk,
            "checkpoint": checkpoint.sequence,
            "bundle": bundle["digest"],
            "receipt": Receipt.objects.get().pk,
            "agent": given.agent.slug,
            "prefix": given.key.prefix,
            "contract": "review",
            "run": run.pk,
            "recall": recall.case.pk,
            "recall_entry": recall.case.entries.get().pk,
            **routed,
            "flow_run": _flowing(cast, given).pk,
        },
    )


def _flowing(cast: Cast, given: Presented) -> FlowRun:
    """A flow of Legal with one step of the agent's, taking posts, and a run of it that the owner started."""
    now = timezone.now()
    posts = {"name": "mail", "on": "webhook", "input": []}
    only = {"name": "review", "task_type": "review", "agent": given.agent.slug, "contract": "review",
            "on_failure": {"do": "person"}}  # fmt: skip
    payload = {"name": "Flow", "owner": "owner", "domain": "legal", "input_schema": True, "steps": [only],
               "triggers": [posts]}  # fmt: skip
    edit = EditInput(operation="create", key="flow", payload=payload, record="flow")
    change = create_change(actor=cast.admin, title="Flow", reason="Because", edits=[edit], now=now)
    digest = submit_change(actor=cast.admin, change_id=change.pk, now=now).digest
    review_change(actor=cast.reviewer, change_id=change.pk, decision="approve", digest=digest, now=now)
    publish_change(actor=cast.admin, change_id=change.pk, now=timezone.now())
    principal = principal_for(cast.owner)
    return start_flow(actor=principal, name=cast.owner.username, slug="flow", value=None, now=timezone.now())


def _routed(cast: Cast, given: Presented) -> dict[str, Any]:
    """A rule set of Legal, a decision that the owner asked for, a model endpoint and a program that nobody declares."""
    now = timezone.now()
    publish_rules(cast, rules(rule("all", then=to(given.agent.slug))))
    principal = principal_for(cast.owner)
    question = Question(rule_set="routes", task_type="review")
    answer = ask(principal=principal, name=cast.owner.username, question=question, now=now)
    decision = record_decision(principal=principal, answer=answer, now=now)
    terms = ModelTerms(model="m", price_in=Decimal(1), price_out=Decimal(2))
    endpoint = register_version(
        actor=cast.admin, slug="house", name="House", provider="Us", owner=cast.owner, terms=terms, now=now
    ).endpoint
    admit_program(kind="user_agent", stated="stranger/1.0", agent_id=given.agent.pk)
    return {"decision": decision.pk, "endpoint": endpoint.slug, "use": UnsanctionedUse.objects.get().pk}


def key(domain: str, sensitivity: int) -> str:
    return f"{domain}/{Sensitivity(sensitivity).word}-text"


def _makers(cast: Cast) -> Cast:
    """Two people who may write and approve everything, and ask for nothing in the matrix."""
    made = []
    for name, role in (("maker", "author"), ("checker", "approver")):
        person = User.objects.create_user(username=name, password=None, clearance=Sensitivity.RESTRICTED)
        RoleGrant.objects.create(user=person, role=role)
        made.append(person)
    return replace(cast, author=made[0], reviewer=made[1])


def _client(person: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if person is not None:
        client.force_login(person)
    return client


def first_of(model: type[Model]) -> Any:
    """A row that there is for the administrator, for the pages of the configuration."""
    rows = model._default_manager.order_by("pk")
    if model is Change:
        rows = rows.filter(state="in_review")
    # Every review of this world is of a change that touches restricted text too, so there is none for them.
    if model is Review:
        return None
    return rows.first()
