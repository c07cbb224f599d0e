"""Says in words, for each rule that was tried, why it did not match; must not decide anew."""

from __future__ import annotations

from typing import Any

from agents.routing.conditions import EvaluationFailed, Expression
from agents.routing.decide import EXPRESSION, MATCHED, NO_AGENT_FITS, NO_AGENT_MAY, Verdict
from agents.routing.definitions import Table
from agents.routing.facts import Facts


def explain(table: Table, facts: Facts, verdict: Verdict) -> list[dict[str, Any]]:
    """For each rule tried, in order, whether it matched and otherwise why not, in words."""
    found = []
    for place, code in verdict.tried:
        rule = table.rules[place]
        match code:
            case _ if code == MATCHED:
                why = "It matched."
            case _ if code == EXPRESSION and rule.expression is not None:
                why = _why_not(rule.expression, facts)
            case _ if code == NO_AGENT_FITS:
                why = "No agent of it meets its conditions about agents."
            case _ if code == NO_AGENT_MAY:
                why = (
                    "No agent of it is sanctioned and holds the contract, and it then leaves the task to the next rule."
                )
            case _:
                condition = rule.conditions[code]
                why = condition.why_not(facts.values.get(condition.fact.name))
                why = f"{why[0].upper()}{why[1:]}."
        found.append({"rule": place + 1, "name": rule.name, "matched": code == MATCHED, "why": why})
    return found


def _why_not(expression: Expression, facts: Facts) -> str:
    try:
        expression.holds(facts.values)
    except EvaluationFailed as error:
        return f"The condition {expression.text} has no answer: {error}."
    return f"The condition {expression.text} is not true."
