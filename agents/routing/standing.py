"""What was gathered for decisions and may still stand: kept in memory, confirmed in the database at every request.

As with bundles (agents/standing.py), what a process remembers decides nothing: one statement, begun after the request
came, says whether the key holds and whether anything changed that the agents' facts were gathered from. Must not
gather anew, nor decide by anything else than the rules. What counts runs (load, budgets) is never remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agents.authentication import AuthenticatedAgent
from agents.deliveries import Conditions, conditions_of, stands
from agents.models import RuleSetVersion
from agents.routing.asking import Answer, Ground, Question, answer_on, type_in, values_of
from agents.routing.candidates import changes_by_itself
from agents.routing.decide import Decider
from agents.standing import LONGEST_UNJUDGED
from context.epochs import EVERYTHING, next_boundary

# Any rule set, any endpoint, any new agent: they change seldom, and who may lead to whom is not worked out here.
_ANY = ("rule_sets", "endpoints", "agents", "programs")


@dataclass(frozen=True, kw_only=True, slots=True)
class StandingGround:
    """What was gathered for one caller and one type of task, and on what it stands."""

    agent: AuthenticatedAgent
    version: RuleSetVersion
    decider: Decider
    ground: Ground
    conditions: Conditions


def gathered(agent: AuthenticatedAgent, answer: Answer, *, now: datetime) -> StandingGround | None:
    """What may be remembered of an answer that was given just now. At most one statement."""
    ground = answer.ground
    if changes_by_itself(answer.decider.table):
        return None
    contexts = [each.context for each in ground.targets.values() if each.context is not None]
    begun = min((each.judged_at for each in contexts if each.judged_at is not None), default=None)
    ends = [each.stands_until for each in contexts]
    if begun is not None:
        ends.append(next_boundary(clock=agent.clock, at=begun))
    readers = [agent.principal, *(each.principal for each in ground.candidates.values())]
    named = {contract for _, contract in ground.targets}
    held = [agent.contracts, *(each.contracts for each in ground.candidates.values())]
    contracts = {each[slug].contract_id for each in held for slug in named if slug in each}
    conditions = conditions_of(
        key=agent.key_id,
        until=min([now + LONGEST_UNJUDGED, *(moment for moment in ends if moment is not None)]),
        epoch=agent.clock,
        subjects=(
            *(EVERYTHING, *_ANY),
            *sorted({f"agent:{reader.id}" for reader in readers}),
            *sorted(f"contract:{contract}" for contract in contracts),
        ),
        # Whatever one of them may see: more than each of them may, so that nothing is overlooked.
        clearance=max(reader.clearance for reader in readers),
        domains=sorted({domain for reader in readers for domain in reader.domains or ()}),
        groups=sorted({group for reader in readers for group in reader.groups}),
    )
    return StandingGround(
        agent=agent, version=answer.version, decider=answer.decider, ground=ground, conditions=conditions
    )


def answer_again(known: StandingGround, question: Question, *, now: datetime) -> Answer | None:
    """Decide on what was gathered before, if it stands and is for a task of that type. One statement."""
    values = values_of(known.decider.table, question)
    if type_in(values) != known.ground.task_type or stands(known.conditions) is None:
        return None
    return answer_on(
        known.ground, version=known.version, decider=known.decider, question=question, values=values, now=now
    )
