"""Keeps decisions with their facts, and replays them; rows are only added, and nothing here changes an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from agents.models import Agent, Decision
from agents.routing.asking import Answer
from agents.routing.decide import Verdict
from agents.routing.facts import facts_from
from agents.routing.rule_sets import decider_of
from context.access import Principal
from context.request_id import current_request_id
from governance.audit import ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """The decision made again from its recorded facts by its recorded version."""

    decision: Decision
    verdict: Verdict

    @property
    def same(self) -> bool:
        return self.verdict.digest == self.decision.digest


def record_decision(*, principal: Principal, answer: Answer, run: str = "", now: datetime) -> Decision:
    """Store the decision and its event in one transaction."""
    with transaction.atomic():
        decision, entry = keep_decision(principal=principal, answer=answer, run=run, now=now)
        ledger.append_all(actor=principal, entries=[entry], now=now)
    return decision


def keep_decision(
    *, principal: Principal, answer: Answer, run: str = "", now: datetime
) -> tuple[Decision, ledger.Entry]:
    """Store the decision inside the caller's transaction; the caller appends the event, last."""
    said = answer.verdict.said
    agent = Agent.objects.only("pk").get(slug=said["agent"]) if answer.verdict.kind == "agent" else None
    decision = Decision.objects.create(
        rule_set_version=answer.version,
        run=run,
        task_type=answer.task_type,
        facts=answer.facts.as_json(),
        tried=answer.verdict.trail,
        outcome=said,
        kind=answer.verdict.kind,
        agent=agent,
        digest=answer.verdict.digest,
        asked_by_kind=principal.kind,
        asked_by_id=principal.id,
        asked_by_label=principal.label[:200],
        decided_at=now,
        request_id=current_request_id(),
    )
    rule_set = answer.version.rule_set
    entry = ledger.Entry(
        action="agents.decision.made",
        subject=ledger.Subject(
            type="decision",
            id=str(decision.pk),
            label=f"{rule_set.name} (version {answer.version.number})",
            sensitivity=rule_set.sensitivity,
        ),
        data={
            "rule_set": rule_set.slug,
            "version": answer.version.number,
            "task_type": answer.task_type or None,
            "outcome": answer.verdict.kind,
            "agent": said.get("agent"),
            "rule": said["rule"],
            "run": run or None,
        },
        after=decision.digest,
    )
    return decision, entry


def replay(decision: Decision) -> Replay:
    """Make the recorded decision again. `decision.rule_set_version.rule_set` is read where it is not at hand."""
    version = decision.rule_set_version
    decider = decider_of(version, slug=version.rule_set.slug)
    return Replay(decision=decision, verdict=decider.decide(facts_from(decision.facts)))
