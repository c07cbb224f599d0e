"""The pages of routes: what happens to this task, and why? Must hold no rule of routing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.models import Agent, Decision, RuleSet, RuleSetVersion
from agents.problems import Problem
from agents.routing.asking import Question
from agents.routing.checks import check_table
from agents.routing.decide import Decider
from agents.routing.decisions import replay
from agents.routing.definitions import Table
from agents.routing.forms import typed
from agents.routing.presenting import shown_decision
from agents.routing.record import RECORD
from agents.routing.references import check_references
from agents.routing.rule_sets import decider_of
from agents.routing.simulating import Trial, try_task
from agents.routing.words import (
    conditions_in_words,
    facts_of_payload,
    incomplete_in_words,
    labels_of,
    outcome_in_words,
    person_in_words,
)
from context.access import Principal
from context.errors import DomainError, NotFound
from context.models import Role
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said
from governance.models import ChangeState, Edit

LATELY = timedelta(days=30)
SHOWN = 15
ON_A_PAGE = 50
LONGEST_TEXT = 20_000


@require_GET
@page
def routes(request: PageRequest) -> HttpResponse:
    """The rule sets in force, and where tasks went lately."""
    since = timezone.now() - LATELY
    listed = list(
        RuleSet.objects.visible_to(request.principal)
        .filter(retired_at__isnull=True, current_version__isnull=False)
        .select_related("owner", "domain", "current_version")
        .order_by("name")
    )
    lately = Q(decided_at__gte=since)
    counts = {
        row["rule_set_version__rule_set"]: row
        for row in Decision.objects.filter(lately, rule_set_version__rule_set__in=listed)
        .order_by()
        .values("rule_set_version__rule_set")
        .annotate(
            agent=Count("pk", filter=Q(kind="agent")),
            human=Count("pk", filter=Q(kind="human")),
            refuse=Count("pk", filter=Q(kind="refuse")),
        )
    }
    shown = page_of(request, listed, ON_A_PAGE)
    context = {
        "known": len(listed),
        "page": shown,
        "rule_sets": [{"rule_set": each, "counts": counts.get(each.pk)} for each in shown.object_list],
        "types": sum(len(each.current_version.payload["task_types"]) for each in listed if each.current_version),
        "totals": {
            "agent": sum(row["agent"] for row in counts.values()),
            "human": sum(row["human"] for row in counts.values()),
            "refuse": sum(row["refuse"] for row in counts.values()),
        },
        "may_propose": may_propose_some(request.principal),
    }
    return render(request, "agents/routes.html", context)


@require_GET
@page
def route(request: PageRequest, slug: str) -> HttpResponse:
    """One rule set: its table in words, what its checks say, a task to try, and what it decided lately."""
    rule_set, version = rule_set_of(request, slug)
    decider = decider_of(version, slug=slug)
    table = decider.table
    state = RECORD.states([slug])[slug]
    decisions = Decision.objects.filter(rule_set_version__rule_set=rule_set)
    context = {
        "rule_set": rule_set,
        "version": version,
        "rules": rows_of(version.payload),
        "otherwise": outcome_in_words(version.payload["otherwise"], {}),
        "problems": problems_by_level([*check_references(table), *check_table(table)]),
        "table": table,
        "versions": rule_set.versions.order_by("-number")[:20],
        "decisions": decisions.select_related("agent").order_by("-id")[:SHOWN],
        "labels": labels_of(version.payload),
        "decided": decisions.filter(decided_at__gte=timezone.now() - LATELY).count(),
        "may_propose": RECORD.may_propose(request.principal, state.facets, new=False),
        "drafts": open_edits(request, slug),
        **tried(request, table, version),
    }
    return render(request, "agents/route.html", context)


@require_GET
@page
def decision(request: PageRequest, number: int) -> HttpResponse:
    """One recorded decision: where the task went, why, and whether it still replays."""
    found = (
        Decision.objects.visible_to(request.principal)
        .select_related("rule_set_version__rule_set", "agent")
        .filter(pk=min(number, 2**63 - 1))
        .first()
    )
    if found is None:
        raise NotFound("There is no such decision.")
    shown = shown_decision(found, request.principal)
    context = {
        "decision": found,
        "shown": shown,
        "to": person_in_words(found.outcome.get("to")),
        "same": replay(found).same,
        "may_read_rules": RuleSet.objects.visible_to(request.principal)
        .filter(pk=found.rule_set_version.rule_set_id)
        .exists(),
    }
    return render(request, "agents/decision.html", context)


def rule_set_of(request: PageRequest, slug: str) -> tuple[RuleSet, RuleSetVersion]:
    """The rule set of that name with its current version, where this person may know of it."""
    found = (
        RuleSet.objects.visible_to(request.principal)
        .select_related("owner", "domain", "current_version")
        .filter(slug=slug)
        .first()
    )
    if found is None or found.current_version is None:
        raise NotFound("There is no such rule set.")
    return found, found.current_version


def rows_of(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rules in words, with agents by their names. One query."""
    facts, labels = facts_of_payload(payload), labels_of(payload)
    names = dict(Agent.objects.values_list("slug", "name"))
    return [
        {
            "name": rule.get("name", ""),
            "when": conditions_in_words(rule, facts, labels),
            "free": bool(rule.get("condition")),
            "then": outcome_in_words(rule.get("then"), names),
            "kind": (rule.get("then") or {}).get("do", ""),
            "incomplete": incomplete_in_words(rule.get("then"), names),
        }
        for rule in payload.get("rules") or []
    ]


def problems_by_level(problems: list[Problem]) -> dict[str, list[Problem]]:
    """Errors, warnings and notes apart, each with the number of its rule where it is about one."""
    return {level: [each for each in problems if each.level == level] for level in ("error", "warning", "note")}


def tried(
    request: PageRequest, table: Table, version: RuleSetVersion, *, decider: Decider | None = None
) -> dict[str, Any]:
    """The task that the address asks to try, tried by these rules."""
    given = request.GET if request.method == "GET" else request.POST
    asked = {
        "on": given.get("try", "") or given.get("do") == "try",
        "task_type": given.get("task_type", ""),
        "text": given.get("text", "")[:LONGEST_TEXT],
        "run": given.get("run", "")[:64],
        "fields": [{"field": each, "value": given.get(f"task-{each.name}", "")} for each in table.fields],
    }
    if not asked["on"]:
        return {"asked": asked}
    try:
        made = decider or decider_of(version, slug=table.slug)
        return {"asked": asked, "trial": _try(request, made, version, asked)}
    except DomainError as error:
        return {"asked": asked, "trial_error": said(error)}


def _try(request: PageRequest, decider: Decider, version: RuleSetVersion, asked: Mapping[str, Any]) -> Trial:
    task: dict[str, Any] = {}
    for row in asked["fields"]:
        text = str(row["value"]).strip()
        if text:
            parts = [part.strip() for part in text.split(",")]
            value = parts if row["field"].type == "set" else typed(text, row["field"].type)
            place = task
            for part in row["field"].path[:-1]:
                place = place.setdefault(part, {})
            place[row["field"].path[-1]] = value
    question = Question(
        task=task, text=asked["text"].replace("\x00", ""), task_type=asked["task_type"] or None, run=asked["run"]
    )
    return try_task(
        principal=request.principal,
        name=request.user.username,
        decider=decider,
        version=version,
        question=question,
        now=timezone.now(),
    )


def open_edits(request: PageRequest, slug: str) -> list[Edit]:
    """Proposals of this rule set that are under way and that this person may read."""
    found = Edit.objects.filter(record=RECORD.name, key=slug, change__state__in=ChangeState.open_states())
    return [each for each in found.select_related("change__author") if _may_read(request.principal, each)]


def _may_read(principal: Principal, edit: Edit) -> bool:
    return type(edit.change).objects.visible_to(principal).filter(pk=edit.change_id).exists()


def may_propose_some(principal: Principal) -> bool:
    """Whether to offer a new rule set; proposing judges for itself."""
    return any(role in (Role.STEWARD, Role.ADMINISTRATOR, "domain_owner") for role, _ in principal.roles)
