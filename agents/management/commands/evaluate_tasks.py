"""`manage.py evaluate_tasks DIR`: how much of what governs real tasks their bundles hold; must not touch other data."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.benchmarks.scratch import scratch_database
from agents.task_quality.measuring import Outcome, measure
from agents.task_quality.reading import PREFACE, Collection, read_tasks
from context.errors import DomainError
from governance.management.progress import Progress

WORST = 8


class Command(BaseCommand):
    help = (
        "Import the policy of a folder (policy.md, tasks.json) into a scratch database as people would, ask a bundle "
        "for each task, and say whose governing sections were all in it, within which token budget."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            collection = read_tasks(options["directory"])
            with scratch_database():
                outcomes = measure(collection, now=timezone.now(), progress=Progress(sys.stderr))
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.fix or ''}".strip()) from error
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(collection, outcomes)))
            return
        self._print(collection, outcomes)

    def _print(self, collection: Collection, outcomes: list[Outcome]) -> None:
        told = _as_json(collection, outcomes)
        self.stdout.write(
            f"{told['tasks']} tasks of {collection.name}, {told['sections']} sections; governed beside the preface: "
            f"{told['by_actions']} by their actions, {told['by_words']} by words of what must not be done, "
            f"{told['by_preface']} by the preface alone."
        )
        self.stdout.write(
            f"{'way':<10} {'budget':>7} {'tasks with all':>15} {'passages':>9} {'tokens':>8} {'refused':>8}"
        )
        for outcome in outcomes:
            row = outcome.as_json()
            self.stdout.write(
                f"{row['way']:<10} {row['token_budget']:>7} {row['tasks_with_all']:>15.1%} "
                f"{row['passages_there']:>9.1%} {row['tokens_mean']:>8.0f} {row['refused']:>8}"
            )
        for outcome in outcomes:
            for task, names in sorted(outcome.missed, key=lambda each: -len(each[1]))[:WORST]:
                shown = ", ".join(name or "(preface)" for name in names)
                self.stdout.write(f"  {outcome.way} {outcome.budget}: task {task} lacked {shown}")


def _as_json(collection: Collection, outcomes: list[Outcome]) -> dict[str, Any]:
    governed = [task for task in collection.tasks if task.needed]
    return {
        "name": collection.name,
        "tasks": len(collection.tasks),
        "sections": len([section for section in collection.sections if section.heading != PREFACE]) + 1,
        "by_actions": sum(not task.from_words for task in governed),
        "by_words": sum(task.from_words for task in governed),
        "by_preface": len(collection.tasks) - len(governed),
        "outcomes": [outcome.as_json() for outcome in outcomes],
    }
