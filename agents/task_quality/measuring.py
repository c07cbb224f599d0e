"""Imports a policy, agrees on contracts and asks a bundle for each task, as people and agents do; a scratch database.

Two ways to keep a policy are measured: as one text that the contract requires whole, and as a text a section, of which
the contract requires the preface and search finds the rest within the token budget. A third, one text that nothing
requires, says what search alone gives.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.utils import timezone

from agents.authentication import AuthenticatedAgent, authenticate
from agents.contract_proposals import propose_contract
from agents.contracts import Terms
from agents.keys import issue_key
from agents.models import ContextContract, Scope
from agents.registry import save_agent
from agents.serving import BundleRequest, serve_bundle
from agents.task_quality.reading import PREFACE, Collection, Section, Task
from context.embeddings import embed_pending
from context.errors import DomainError, InvalidInput
from context.lexemes import refresh_counts
from context.models import ContextItem, Domain, RoleGrant, Sensitivity, User
from governance.changes import submit_change
from governance.importing import carry_out, plan_import
from governance.models import Change
from governance.publishing import publish_change
from governance.reviews import review_change
from governance.screening import screen_edits

BUDGETS = (500, 750, 1_000, 1_500, 2_000)
LARGEST_BUDGET = 8_000
MOST_MATCHES = 16
REQUIRED, SECTIONS, SEARCHED = "required", "sections", "searched"
_WORD = re.compile(r"[a-z0-9$]+")

Progress = Callable[[str, int, int], None]


@dataclass(kw_only=True, slots=True)
class Outcome:
    """One way and budget: tasks whose needed sections were all there, and what was missed. Tokens are of bundles."""

    way: str
    budget: int
    tasks: int = 0
    whole: int = 0
    needed: int = 0
    there: int = 0
    refused: int = 0
    tokens: int = 0
    missed: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "way": self.way,
            "token_budget": self.budget,
            "tasks": self.tasks,
            "tasks_with_all": round(self.whole / max(1, self.tasks), 4),
            "passages_there": round(self.there / max(1, self.needed), 4),
            "refused": self.refused,
            "tokens_mean": round(self.tokens / max(1, self.tasks - self.refused), 1),
            "missed": [{"task": task, "sections": list(names)} for task, names in self.missed],
        }


def measure(collection: Collection, *, now: datetime, progress: Progress) -> list[Outcome]:
    """Every way with every budget. The database must be empty but for migrations."""
    people = _People.gather()
    agents = _prepared(people, collection, now=now)
    texts = {section.heading: words_of(section.text) for section in collection.sections}
    outcomes = []
    asked = [(REQUIRED, LARGEST_BUDGET), *((SECTIONS, each) for each in BUDGETS), (SEARCHED, LARGEST_BUDGET)]
    for way, budget in asked:
        outcome = Outcome(way=way, budget=budget)
        for task in collection.tasks:
            _ask(outcome, agents[way], task, texts)
        outcomes.append(outcome)
        progress("Asking", len(outcomes), len(asked))
    return outcomes


def _ask(outcome: Outcome, agent: AuthenticatedAgent, task: Task, texts: Mapping[str, str]) -> None:
    needed = (PREFACE, *task.needed)
    outcome.tasks += 1
    outcome.needed += len(needed)
    asked = BundleRequest(contract=outcome.way, task={"request": task.text}, token_budget=outcome.budget)
    try:
        served = serve_bundle(agent=agent, asked=asked, now=timezone.now())
    except DomainError:
        outcome.refused += 1
        outcome.missed.append((task.id, needed))
        return
    answer = orjson.loads(served.answer)
    outcome.tokens += answer["manifest"]["total"]
    held = " ".join(words_of(str(entry.get("text", ""))) for entry in answer["entries"])
    missing = tuple(name for name in needed if not stands_in(texts[name], held))
    outcome.there += len(needed) - len(missing)
    if missing:
        outcome.missed.append((task.id, missing))
    else:
        outcome.whole += 1


def stands_in(section: str, held: str) -> bool:
    """Whether every line of the section stands in what the bundle holds, however it is laid out."""
    return all(line in held for line in section.split("\n"))


def words_of(text: str) -> str:
    """The lines of a text as their words alone: marks of layout are no part of what a policy says."""
    lines = (" ".join(_WORD.findall(line.lower())) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@dataclass(frozen=True, kw_only=True, slots=True)
class _People:
    author: User
    reviewer: User
    admin: User

    @classmethod
    def gather(cls) -> _People:
        made = {
            name: User.objects.create(username=f"evaluation-{name}", clearance=Sensitivity.INTERNAL)
            for name in ("author", "reviewer", "admin")
        }
        for name, role in (("author", "author"), ("reviewer", "approver"), ("admin", "administrator")):
            RoleGrant.objects.create(user=made[name], role=role)
        return cls(**made)

    def publish(self, change: Change, *, by: User, now: datetime) -> None:
        change = submit_change(actor=by, change_id=change.pk, now=now)
        seen = screen_edits(change.edits.select_related("item")).digest
        review_change(
            actor=self.reviewer, change_id=change.pk, decision="approve", digest=change.digest, screening=seen, now=now
        )
        publish_change(actor=by, change_id=change.pk, now=now)


def _prepared(people: _People, collection: Collection, *, now: datetime) -> dict[str, AuthenticatedAgent]:
    """The policy in force in both forms, and for each way an agent that sees the domain of its form alone."""
    whole = _import(people, "whole", {"policy.md": collection.policy}, now=now)
    preface = _import(people, "parts", _files(collection.sections), now=now)
    while embed_pending():
        pass
    refresh_counts(now=now)
    return {
        REQUIRED: _agent(people, REQUIRED, "whole", [{"key": whole}], now=now),
        SECTIONS: _agent(people, SECTIONS, "parts", [{"key": preface}], now=now),
        SEARCHED: _agent(people, SEARCHED, "whole", [], now=now),
    }


def _files(sections: Sequence[Section]) -> dict[str, str]:
    """A page a chapter: its section with those below it."""
    pages: dict[str, list[str]] = {}
    for section in sections:
        title = section.chapter or "Rules for every task"
        below = f"## {section.heading}\n\n" if section.heading != section.chapter else ""
        pages.setdefault(title, [f"# {title}\n"]).append(f"{below}{section.text}\n")
    return {f"{number:02}.md": "\n".join(parts) for number, parts in enumerate(pages.values())}


def _import(people: _People, slug: str, files: Mapping[str, str], *, now: datetime) -> str:
    """Bring the pages into force in a domain of their own; the key of the first."""
    Domain.objects.create(slug=slug, name=slug.capitalize(), owner=people.author)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        plan = plan_import(actor=people.author, directory=Path(folder), domain=slug, kind="policy", name=slug, now=now)
        change = carry_out(actor=people.author, plan=plan, now=now)
    if change is None or plan.unreadable:
        raise InvalidInput("The policy could not be imported.", field="directory", fix="Give it text in Markdown.")
    people.publish(change, by=people.author, now=now)
    first: str = ContextItem.objects.filter(domain__slug=slug).order_by("source_uri").values_list("key", flat=True)[0]
    return first


def _agent(
    people: _People, slug: str, domain: str, requirements: Sequence[Mapping[str, Any]], *, now: datetime
) -> AuthenticatedAgent:
    """An agent of that domain with a contract of the same name, approved as contracts are."""
    terms = Terms(requirements=requirements, token_budget=LARGEST_BUDGET, most_matches=MOST_MATCHES)
    payload = {
        "name": slug.capitalize(),
        "purpose": "To be measured",
        "owner": people.author.username,
        "domain": domain,
        **terms.as_json(),
    }
    change = propose_contract(actor=people.admin, slug=slug, payload=payload, reason="To be measured", now=now)
    people.publish(change, by=people.admin, now=now)
    agent = save_agent(
        actor=people.admin,
        slug=slug,
        name=slug.capitalize(),
        purpose="To be measured",
        owner=people.author,
        clearance=Sensitivity.INTERNAL,
        domains=[Domain.objects.get(slug=domain)],
        audiences=[],
        contracts=[ContextContract.objects.get(slug=slug)],
        now=now,
    )
    issued = issue_key(actor=people.admin, agent=agent, name="evaluation", scopes=[Scope.BUNDLES_READ], now=now)
    return authenticate(f"Bearer {issued.bearer}")
