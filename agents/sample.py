"""Registers the sample's agents and contracts, and mints sign-ins and keys for it; must not write context."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from agents.as_of import rights_begin
from agents.contract_proposals import edit_of_contract
from agents.keys import issue_key, revoke_key
from agents.models import Agent, AgentKey, ContextContract, ModelEndpoint, Scope
from agents.registry import save_agent
from agents.sample_changes import agree, person
from agents.sample_routing import register_endpoints
from context.access import SYSTEM
from context.models import Domain, PersonalToken, Sensitivity, User
from governance.audit import ledger
from governance.personal_tokens import issue_token, revoke_token
from governance.sample.history import Step, moment
from governance.sample.reading import Sample

ISSUED_AS = "Sample sign-in"


def registration(sample: Sample) -> Step:
    """The step of the history in which the administrator registers contracts and agents."""
    return Step(name="register agents", at=moment(sample.agents["registered"]), run=lambda now: _register(sample, now))


def issue_credentials(sample: Sample, *, now: datetime) -> dict[str, Any]:
    """New passwords, personal tokens and agents' keys, as `credentials.json` has them; earlier ones of ours end."""
    people = {}
    admin = _administrator(sample)
    with transaction.atomic():
        for entry in sample.people["people"]:
            if "cast" in entry:
                people[entry["cast"]] = _sign_in(User.objects.get(username=entry["username"]), now)
        agents = {}
        for said in sample.agents["agents"]:
            agent = Agent.objects.get(slug=said["slug"])
            for key in AgentKey.objects.filter(agent=agent, name=ISSUED_AS, revoked_at=None):
                revoke_key(actor=admin, key=key, now=now)
            issued = issue_key(actor=admin, agent=agent, name=ISSUED_AS, scopes=Scope.values, now=now)
            agents[agent.slug] = {"key": issued.bearer, "contract": said["contracts"][0]}
    order = ("author", "reviewer", "owner", "auditor", "admin", "outsider")
    trio_first = sorted(agents, key=lambda slug: slug != "terms-comparer")
    return {"people": {role: people[role] for role in order}, "agents": {slug: agents[slug] for slug in trio_first}}


def _sign_in(person: User, now: datetime) -> dict[str, str]:
    password = secrets.token_urlsafe(15)
    person.set_password(password)
    person.save(update_fields=["password"])
    ledger.append(
        actor=SYSTEM,
        action="context.user.password_set",
        subject=ledger.Subject(type="user", id=str(person.pk), label=person.display_name),
        now=now,
    )
    for token in PersonalToken.objects.filter(user=person, name=ISSUED_AS, revoked_at=None):
        revoke_token(token=token, actor=SYSTEM, now=now)
    token_text = issue_token(user=person, name=ISSUED_AS, actor=SYSTEM, now=now).text
    return {"username": person.username, "password": password, "token": token_text}


def _register(sample: Sample, now: datetime) -> None:
    admin = _administrator(sample)
    stated = {said["slug"]: said for said in sample.agents["contracts"]}
    for said in sample.agents["contract_changes"]:
        _agree(said, [stated[slug] for slug in said["contracts"]], now)
        now += timedelta(seconds=80)
    register_endpoints(sample, admin, now)
    with rights_begin(now):
        _register_agents(sample, admin, now)


def _register_agents(sample: Sample, admin: User, now: datetime) -> None:
    for said in sample.agents["agents"]:
        save_agent(
            actor=admin,
            slug=said["slug"],
            name=said["name"],
            purpose=said["purpose"],
            owner=person(said["owner"]),
            clearance=Sensitivity.from_word(said["clearance"]),
            domains=list(Domain.objects.filter(slug__in=said["domains"])),
            contracts=list(ContextContract.objects.filter(slug__in=said["contracts"])),
            endpoint=ModelEndpoint.objects.filter(slug=said.get("endpoint")).first(),
            capabilities=said.get("capabilities", ()),
            programs=said.get("programs", ()),
            now=now,
        )


def _agree(said: Mapping[str, Any], contracts: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Contracts come into force as texts do: proposed, approved by somebody else, published."""
    edits = [
        edit_of_contract(slug=each["slug"], payload={name: value for name, value in each.items() if name != "slug"})
        for each in contracts
    ]
    agree(said, edits, now)


def _administrator(sample: Sample) -> User:
    return person(next(entry["username"] for entry in sample.people["people"] if entry.get("cast") == "admin"))
