"""The contracts desk of the sample: three agents put to a model over real HTTP, and the ways people change things."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone

from agents.endpoints import ModelTerms, promote, register_version
from agents.flows.starting import start_flow
from agents.management.commands import load_sample
from agents.models import Agent, FlowRun, FlowRunStep, ModelEndpoint, RuleSet, Run
from agents.push_targets import PushTerms, set_push_target
from agents.registry import save_agent
from agents.runs.pushing import push_next
from context.access import principal_for
from context.models import ContextItem, User
from governance.changes import create_change, submit_change
from governance.edits import EditInput
from governance.publishing import publish_change
from governance.reviews import review_change
from governance.sample.reading import Sample, read_sample
from tests.sample.conftest import loaded  # noqa: F401
from tests.sample_database import sample_loaded
from tests.trio.stub import Stub, serving

DOCUMENT = (
    "The Supplier's total liability in each contract year is limited to GBP 900,000. "
    "The Supplier tells the Customer of a personal data breach within 36 hours of becoming aware of it. "
    "The Customer may end this agreement for convenience on termination notice of 90 days. "
    "Undisputed invoices are due for payment 30 days from receipt."
)
INSTRUCTIONS = {
    "clause-extractor": "Find the clauses of the document by our clause library.",
    "terms-comparer": "Set each clause beside our own terms.",
    "risk-scorer": "Add up the points by our appetite, and say who decides.",
}
TRIO = tuple(INSTRUCTIONS)
LIBRARY, APPETITE = "legal/clause-library", "legal/appetite-contractual-liability"


@dataclass(frozen=True)
class Desk:
    """The desk at work: `stub` is the model, `credentials` are of people and agents."""

    stub: Stub
    credentials: Mapping[str, Any]

    def send_out(self) -> None:
        """Send every run that waits for an agent, those to be tried again too, as the schedule does."""
        while push_next(now=timezone.now()) or push_next(now=timezone.now() + timedelta(minutes=10)):
            pass

    def review(self, *, total_value: int = 84_000) -> Review:
        """Counsel starts the flow of the three, and it goes on as far as it can."""
        counsel = person("tomasz.wrona")
        started = start_flow(
            actor=principal_for(counsel),
            name=counsel.username,
            slug="contract-review",
            value={"document": DOCUMENT, "total_value": total_value},
            now=timezone.now(),
        )
        self.send_out()
        return Review(started.pk)


@dataclass(frozen=True)
class Review:
    """One run of the flow, read anew each time."""

    pk: UUID

    @property
    def state(self) -> str:
        return FlowRun.objects.get(pk=self.pk).state

    @property
    def output(self) -> Any:
        return FlowRun.objects.get(pk=self.pk).output

    def steps(self) -> dict[str, str]:
        return dict(FlowRunStep.objects.filter(flow_run=self.pk).values_list("name", "state"))

    def run(self, step: str) -> Run:
        """The latest run of the step."""
        found = Run.objects.filter(flow_try__step__flow_run=self.pk, flow_try__step__name=step)
        return found.latest("flow_try__number")


@pytest.fixture(scope="module")
def loaded_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("sample") / "credentials.json"
    with django_db_blocker.unblock(), sample_loaded(path, name="legal", load=load_legal):
        yield path


def load_legal(path: Path) -> None:
    """The sample as far as the contracts desk needs it: Legal's texts, its three agents, no vectors. A third of it."""
    with (
        patch(f"{load_sample.__name__}.embed_pending", return_value=0),
        patch(f"{load_sample.__name__}.read_sample", lambda folder: legal_part(read_sample(folder))),
    ):
        call_command("load_sample", credentials=path, verbosity=0)


def legal_part(sample: Sample) -> Sample:
    texts = {key: text for key, text in sample.texts.items() if key.startswith("legal/")}
    made_by = {slug for text in texts.values() for slug, _ in text.versions}
    agents = {
        **sample.agents,
        "contract_changes": sample.agents["contract_changes"][:1],
        "agents": [each for each in sample.agents["agents"] if each["slug"] in TRIO],
        "tasks": [],
    }
    return replace(
        sample,
        texts=texts,
        published=tuple(each for each in sample.published if each["slug"] in made_by),
        verified=tuple(each for each in sample.verified if each["domain"] == "legal"),
        unpublished=(),
        uploads=(),
        agents=agents,
    )


@pytest.fixture
def desk(loaded: Path, settings: Any) -> Iterator[Desk]:  # noqa: F811
    settings.AGENT_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.AGENT_PRIVATE_ADDRESSES = True
    with serving() as stub:
        wire(stub.url)
        yield Desk(stub=stub, credentials=json.loads(loaded.read_text()))


def person(username: str) -> User:
    return User.objects.get(username=username)


def wire(url: str) -> None:
    """The models answer at that address, and each of the trio is called there, as its owner says."""
    for endpoint in ModelEndpoint.objects.select_related("current_version"):
        put_at(url, slug=endpoint.slug, name=endpoint.name, model=f"{endpoint.slug}-1")
    for slug, instructions in INSTRUCTIONS.items():
        reach(Agent.objects.select_related("endpoint").get(slug=slug), instructions)


def put_at(url: str, *, slug: str, name: str, model: str) -> ModelEndpoint:
    """A model in use at that address."""
    now, admin = timezone.now(), person("callum.reid")
    terms = ModelTerms(
        model=model, price_in=Decimal(2), price_out=Decimal(8), currency="GBP", capabilities=["english", "json"]
    )
    version = register_version(
        actor=admin, slug=slug, name=name, provider="Local stub", owner=admin, terms=terms, base_url=url, now=now
    )
    return promote(actor=admin, endpoint=version.endpoint, number=version.number, reason="It answers here", now=now)


def reach(agent: Agent, instructions: str) -> None:
    terms = PushTerms(kind="model", instructions=instructions, timeout_seconds=1)
    set_push_target(actor=agent.owner, agent=agent, terms=terms, now=timezone.now())


def second_comparer(url: str) -> Agent:
    """An agent that may take the comparer's work, at a model of its own, reached at the same server."""
    first = Agent.objects.get(slug="terms-comparer")
    spare = save_agent(
        actor=person("callum.reid"),
        slug="second-comparer",
        name="Second comparer",
        purpose="Takes over where the comparer fails.",
        owner=first.owner,
        clearance=first.clearance,
        domains=list(first.domains.all()),
        contracts=list(first.contracts.all()),
        endpoint=put_at(url, slug="spare-model", name="Spare model", model="spare-model-1"),
        now=timezone.now(),
    )
    reach(spare, INSTRUCTIONS["terms-comparer"])
    return spare


def agree(*edits: EditInput, author: str = "harriet.okafor", approvers: tuple[str, ...] = ("tomasz.wrona",)) -> None:
    """A change on its way through the organisation: written, approved by others, published."""
    now = timezone.now()
    change = create_change(actor=person(author), title="A change", reason="It was decided", edits=list(edits), now=now)
    digest = submit_change(actor=person(author), change_id=change.pk, now=now).digest
    for username in approvers:
        review_change(
            actor=person(username), change_id=change.pk, decision="approve", digest=digest, now=timezone.now()
        )
    publish_change(actor=person(author), change_id=change.pk, now=timezone.now())


def text_edit(key: str, *pairs: tuple[str, str], **more: Any) -> EditInput:
    """A revision of a text in which each first of a pair is replaced by its second."""
    version = ContextItem.objects.select_related("current_version").get(key=key).current_version
    assert version is not None
    body = version.body
    for here, there in pairs:
        assert here in body
        body = body.replace(here, there)
    return EditInput(operation="revise", key=key, payload={"body": body, **more})


def rules_edit(**of_rules: Mapping[str, Any]) -> EditInput:
    """A revision of the rule set: for each rule by its name with underscores, what is put in its place."""
    held = RuleSet.objects.select_related("current_version").get(slug="contract-review").current_version
    assert held is not None
    payload = json.loads(json.dumps(held.payload))
    payload["rules"] = [{**each, **of_rules.get(each["name"].replace(" ", "_"), {})} for each in payload["rules"]]
    return EditInput(operation="revise", record="rule_set", key="contract-review", payload=payload)


def expire(key: str) -> None:
    """A version that was true until yesterday: from its publication on no text of that name is in force."""
    now = timezone.now()
    until = {"valid_from": (now - timedelta(days=2)).isoformat(), "valid_to": (now - timedelta(days=1)).isoformat()}
    agree(EditInput(operation="revise", key=key, payload=until), author="ines.lund")


def tighten() -> None:
    """Late breach notices weigh more, counsel decides from fewer points on, and scores agreements of half a million."""
    weighs_more = (
        ("24 hours | 10, or 25 if", "24 hours | 20, or 35 if"),
        ("A score above 40 is referred", "A score above 25 is referred"),
    )
    agree(text_edit(APPETITE, *weighs_more), author="samuel.boyd", approvers=("tomasz.wrona", "owen.fairlie"))
    large = [
        {"fact": "task.type", "op": "in", "value": ["compare-terms", "score-risk"]},
        {"fact": "field.total_value", "op": ">", "value": 500_000},
    ]
    agree(rules_edit(Large_agreements_are_compared_by_counsel={"when": large}))
