"""`manage.py import_context DIR --domain D`: a folder of Markdown as one change for review; must hold no rule."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from context.errors import DomainError
from context.models import Domain, User
from governance.import_plan import ImportPlan
from governance.importing import carry_out, plan_import
from governance.management.progress import Progress
from governance.models import Change, ChangeState, Operation
from governance.screening import screen_payload

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Read a folder of Markdown and propose its pages as context items, in one change for review. "
        "Run again, it proposes what changed since, and nothing where nothing did."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="the folder; hidden folders in it are left out")
        parser.add_argument("--domain", required=True, help="the slug of the domain the pages belong to")
        parser.add_argument("--kind", default="guideline", help="the kind of the new items (default: guideline)")
        parser.add_argument("--sensitivity", default="internal", help="of the new items (default: internal)")
        parser.add_argument("--author", help="the username that proposes the change (default: the domain's owner)")
        parser.add_argument("--name", default="", help="what the source is called (default: the folder's name)")
        parser.add_argument("--site-url", default="", help="where the pages are served: links there are links here")
        parser.add_argument("--submit", action="store_true", help="hand the change to its reviewers at once")
        parser.add_argument("--retire-missing", action="store_true", help="propose to retire what lost its file")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument("--all", action="store_true", help=f"list everything, not the first {SHOWN} of each list")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            actor = _author(options["author"], options["domain"])
            plan = plan_import(
                now=timezone.now(),
                actor=actor,
                directory=options["directory"],
                domain=options["domain"],
                kind=options["kind"],
                sensitivity=options["sensitivity"],
                name=options["name"],
                site_url=options["site_url"],
                retire_missing=options["retire_missing"],
                progress=Progress(sys.stderr),
            )
            self._say_plan(plan, everything=options["all"])
            if options["dry_run"]:
                self.stdout.write("\nDry run: nothing was written.")
                return
            change = carry_out(actor=actor, plan=plan, submit=options["submit"], now=timezone.now())
        except DomainError as error:
            raise CommandError(f"{error.detail} {error.fix or ''}".strip()) from error
        self.stdout.write(f"\n{_outcome(plan, change)}")

    def _say_plan(self, plan: ImportPlan, *, everything: bool) -> None:
        shown = None if everything else SHOWN
        created, revised, retired = (plan.of(name) for name in (Operation.CREATE, Operation.REVISE, Operation.RETIRE))
        self.stdout.write(
            f"{plan.tree} into {plan.domain}: {len(created)} to create, {len(revised)} to revise,"
            f" {len(plan.unchanged)} unchanged, {len(plan.missing)} without a file, {len(plan.unreadable)} unreadable;"
            f" {plan.relations} relations."
        )
        self._list("Create", (f"{each.key}  ←  {each.path}" for each in created), shown)
        self._list(
            "Revise",
            (f"{each.key}  ←  {each.path}" + (f"  ({each.note})" if each.note else "") for each in revised),
            shown,
        )
        self._list("Retire", (each.key for each in retired), shown)
        if not retired:
            self._list("Without a file (--retire-missing proposes to retire them)", plan.missing, shown)
        self._list("Retired here, and left so", plan.left_retired, shown)
        self._list("Unreadable, left out", (f"{each.path}: {each.reason}" for each in plan.unreadable), shown)
        self._list(
            "Owners nobody here answers to (the domain's owner stands in)", _counted(plan.unmatched_owners), shown
        )
        if plan.without_owner:
            self.stdout.write(f"\n{plan.without_owner} items have no owner: {plan.domain} has none either.")
        self._list("Links to pages that are not there", (f"{path}: {link}" for path, link in plan.broken_links), shown)
        self._list("Warnings, for whoever reviews it (nothing was changed)", _warnings(plan), shown)
        self._list("Template tags left as they are", _counted(plan.unresolved_tags), shown)
        self._list("Layout tags left out", _counted(plan.left_out_tags), shown)
        if plan.ignored:
            self.stdout.write(f"\nNot Markdown, ignored: {', '.join(_counted(plan.ignored))}.")

    def _list(self, heading: str, lines: Iterable[str], shown: int | None) -> None:
        entries = list(lines)
        if not entries:
            return
        self.stdout.write(f"\n{heading} ({len(entries)}):")
        for entry in entries[:shown]:
            self.stdout.write(f"  {entry}")
        if shown is not None and len(entries) > shown:
            self.stdout.write(f"  … and {len(entries) - shown} more (--all lists them)")


def _author(username: str | None, domain: str) -> User:
    if username is not None:
        found = User.objects.filter(username=username, is_active=True).first()
        if found is None:
            raise CommandError(f"There is no active person {username!r}. Give the username of one with --author.")
        return found
    place = Domain.objects.select_related("owner").filter(slug=domain).first()
    if place is not None and place.owner is None:
        raise CommandError(f"{place.name} has no owner who could propose the change. Name somebody with --author.")
    if place is None or place.owner is None:
        known = ", ".join(Domain.objects.order_by("slug").values_list("slug", flat=True)[:30]) or "none yet"
        raise CommandError(f"There is no domain {domain!r}. Use one of: {known}.")
    return place.owner


def _warnings(plan: ImportPlan) -> list[str]:
    """What screening finds in the pages, each with its place: hidden characters, words to a model, secrets."""
    return [
        f"{each.path}, {found.field} {found.alarm.start}: {found.alarm.why} {found.alarm.shown}"
        for each in plan.planned
        if each.edit.operation != Operation.RETIRE
        for found in screen_payload(each.edit.payload, key=each.key)
    ]


def _counted(counts: Counter[str]) -> list[str]:
    return [f"{name} × {count}" if count > 1 else name for name, count in counts.most_common()]


def _outcome(plan: ImportPlan, change: Change | None) -> str:
    if change is None:
        return "Nothing to do, no change created."
    state = str(change.get_state_display()).lower()
    if plan.pending is not None and change.row_version == plan.pending.row_version:
        return f"Nothing to do: change {change.pk}, from an earlier import, holds this already ({state})."
    waits = (
        "It waits for its reviewers." if change.state == ChangeState.IN_REVIEW else "Submit it when you have read it."
    )
    verb = "brought up to date" if plan.pending is not None else "created"
    return f"Change {change.pk} {verb} ({state}): {change.title}. {waits}"
