"""A hundred rules decide ten thousand tasks a second on one core, each with its trace."""

from __future__ import annotations

import time

from agents.benchmarks.routing import facts, rules
from agents.routing.decide import compile_table
from agents.routing.table import table_of

GOAL_PER_SECOND = 10_000


def test_decide__a_hundred_rules__ten_thousand_tasks_a_second_of_processor_time() -> None:
    decider = compile_table(table_of(rules(types=1), slug="bench", number=1, digest=""))
    given = [facts(number, types=1) for number in range(2_000)]
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        for each in given:
            decider.decide(each)
        best = max(best, len(given) / (time.process_time() - begun))
    assert best >= GOAL_PER_SECOND
