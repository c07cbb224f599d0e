"""`manage.py evaluate_contradictions FILE`: precision and recall on labelled pairs; must not touch the database."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from context.claims.evaluation import Outcome, Score, decide, in_half, read_pairs, score
from context.errors import DomainError

LONGEST_SHOWN = 300


class Command(BaseCommand):
    help = (
        "Decide for each pair of a file whether its texts contradict each other, and print precision, recall and F1. "
        "FILE: JSON lines with a, b and label (contradiction, entailment, neutral), or with sentence1, sentence2 and "
        "gold_label as breaking-nli has them, a .zip of one such file, or the JSON of ContractNLI."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--half", choices=["development", "held-out"], help="only this half, split by first text")
        parser.add_argument("--errors", type=int, default=0, metavar="N", help="print N wrong and N missed pairs")
        parser.add_argument(
            "--between-items", action="store_true", help="decide as between items: a country or colour is a scope"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pairs = read_pairs(options["file"])
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.fix or ''}".strip()) from error
        if options["half"]:
            pairs = in_half(pairs, options["half"])
        begun = time.perf_counter()
        outcomes = decide(pairs, one_situation=not options["between_items"])
        seconds = time.perf_counter() - begun
        total = score(outcomes)
        if options["json"]:
            self.stdout.write(json.dumps({"contradiction": _figures(total), "pairs": total.pairs, "seconds": seconds}))
            return
        self._table(outcomes, total)
        self.stdout.write(f"{total.pairs} pairs in {seconds:.2f} s")
        self._errors(outcomes, options["errors"])

    def _table(self, outcomes: Sequence[Outcome], total: Score) -> None:
        groups: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            groups[outcome.pair.category].append(outcome)
        head = f"{'':<20}{'pairs':>7}{'found':>7}{'wrong':>7}{'missed':>8}{'precision':>11}{'recall':>8}{'F1':>7}"
        self.stdout.write(head)
        for name, group in sorted(groups.items()) if len(groups) > 1 else []:
            self._row(name, score(group))
        self._row("contradiction", total)

    def _row(self, name: str, row: Score) -> None:
        self.stdout.write(
            f"{name:<20}{row.pairs:>7}{row.right:>7}{row.wrong:>7}{row.missed:>8}"
            f"{row.precision:>11.3f}{row.recall:>8.3f}{row.f1:>7.3f}"
        )

    def _errors(self, outcomes: Sequence[Outcome], most: int) -> None:
        for title, wrong in (("Alleged wrongly", True), ("Missed", False)):
            chosen = [each for each in outcomes if not each.is_right and (each.found is not None) is wrong][:most]
            for outcome in chosen:
                said = outcome.found.sentence if outcome.found is not None else outcome.pair.label
                self.stdout.write(f"\n{title}: {said}\n  a: {_short(outcome.pair.a)}\n  b: {_short(outcome.pair.b)}")


def _figures(row: Score) -> dict[str, float]:
    return {"precision": round(row.precision, 4), "recall": round(row.recall, 4), "f1": round(row.f1, 4)}


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_SHOWN else words[: LONGEST_SHOWN - 1] + "…"
