"""The editor of the decision table: a draft that is checked, tried and replayed before it is saved; must not judge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents.models import Agent, ContextContract, RuleSetVersion
from agents.problems import Problem
from agents.routing.facts import Fact
from agents.routing.forms import RuleSetForm, cells_of, clues_as_text, read_form, targets_of
from agents.routing.operators import OPERATORS
from agents.routing.record import RECORD, problems_of
from agents.routing.simulating import decider_of_draft, rerun
from agents.routing.table import DEFAULT_OTHERWISE
from agents.routing.words import facts_of_payload
from agents.use import visible_agents
from agents.views.record_drafts import draft_of, save_draft
from agents.views.routes import may_propose_some, problems_by_level, rows_of, rule_set_of, tried
from context.errors import DomainError, NotFound, NotPermitted
from context.models import Domain, Sensitivity, User
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said
from governance.models import Change, Edit, Operation

_FIELD_TYPES = (("text", "text"), ("number", "number"), ("integer", "whole number"), ("truth", "true or false"),
                ("set", "several words"))  # fmt: skip


@require_http_methods(["GET", "POST"])
@page
def new_route(request: PageRequest) -> HttpResponse:
    """A rule set that is not there yet."""
    if not may_propose_some(request.principal):
        raise NotPermitted("You may not propose rule sets.", fix="Ask the owner of a domain, or an administrator.")
    base: dict[str, Any] = {
        "name": "",
        "purpose": "",
        "domain": None,
        "owner": request.user.username,
        "sensitivity": "internal",
        "task_types": [],
        "fields": [],
        "rules": [],
        "otherwise": dict(DEFAULT_OTHERWISE),
        "classifier": "",
    }
    return _edit(request, slug="", base=base, version=None, edit=None)


@require_http_methods(["GET", "POST"])
@page
def edit_route(request: PageRequest, slug: str) -> HttpResponse:
    """The current table, or a draft of it, opened for editing."""
    edit = draft_of(request, record=RECORD, key=slug)
    if edit is not None and edit.operation == Operation.CREATE:
        return _edit(request, slug=slug, base=dict(edit.payload), version=None, edit=edit)
    _, version = rule_set_of(request, slug)
    state = RECORD.states([slug])[slug]
    if not RECORD.may_propose(request.principal, state.facets, new=False):
        raise NotPermitted("You may not propose edits of these rules.", fix="Ask their owner, or an administrator.")
    base = dict(edit.payload) if edit is not None and "rules" in edit.payload else dict(version.payload)
    return _edit(request, slug=slug, base=base, version=version, edit=edit)


def _edit(
    request: PageRequest, *, slug: str, base: Mapping[str, Any], version: RuleSetVersion | None, edit: Edit | None
) -> HttpResponse:
    if request.method == "GET":
        form = RuleSetForm(payload=dict(base), slug=slug, change_id=edit.change_id if edit is not None else None)
        form.base_version = version.number if version is not None else None
        form.reason = edit.change.reason if edit is not None else ""
        return _show(request, form, slug=slug, version=version)
    form = read_form(request.POST, base=base)
    form.slug = slug or form.slug
    if form.unread or request.POST.get("do") != "save":
        return _show(request, form, slug=slug, version=version, status=422 if form.unread else 200)
    try:
        change = _save(request, form, slug=slug, edit=edit)
    except NotFound:
        raise
    except DomainError as error:
        return _show(request, form, slug=slug, version=version, error=error, status=error.status)
    messages.success(request, "Drafted. Read what it would do, then submit it for review.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))


def _save(request: PageRequest, form: RuleSetForm, *, slug: str, edit: Edit | None) -> Change:
    return save_draft(
        request,
        record=RECORD,
        key=form.slug,
        payload=form.payload,
        base_version=form.base_version,
        reason=form.reason,
        edit=edit,
        creates=not slug or (edit is not None and edit.operation == Operation.CREATE),
        called=f"the routes {form.payload['name'] or form.slug}",
    )


def _show(
    request: PageRequest,
    form: RuleSetForm,
    *,
    slug: str,
    version: RuleSetVersion | None,
    status: int = 200,
    error: DomainError | None = None,
) -> HttpResponse:
    payload = form.payload
    facts = facts_of_payload(payload)
    problems = _problems(form)
    rows = [
        {**row, "json": json.dumps(rule, ensure_ascii=False), "problems": _of_rule(problems, place)}
        for place, (row, rule) in enumerate(zip(rows_of(payload), payload["rules"], strict=True))
    ]
    opened = payload["rules"][form.opened] if form.opened is not None else None
    context: dict[str, Any] = {
        "form": form,
        "slug": slug,
        "version": version,
        "rules": rows,
        "opened": opened,
        "cells": cells_of(opened) if opened is not None else [],
        "then": (opened or {}).get("then") or {},
        "targets": targets_of(((opened or {}).get("then") or {}).get("targets")),
        "narrower": targets_of((((opened or {}).get("then") or {}).get("incomplete") or {}).get("targets")),
        "types": [*({**each, "clue_text": clues_as_text(each.get("clues"))} for each in payload["task_types"]), {}],
        "fields": [*payload["fields"], {}],
        "field_types": _FIELD_TYPES,
        "facts": _grouped(facts),
        "operators": list(OPERATORS.values()),
        "agents": _agents(request, payload),
        "contracts": ContextContract.objects.visible_to(request.principal)
        .filter(current_version__isnull=False)
        .order_by("name"),
        "domains": Domain.objects.order_by("name"),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username"),
        "groups": Group.objects.order_by("name"),
        "sensitivities": [each.word for each in Sensitivity if each <= request.principal.clearance],
        "problems": problems_by_level(problems),
        "elsewhere": [each for each in problems if not each.place.startswith("rules.")],
        "error": said(error) if error is not None else "",
        "asked": {"fields": [{"field": each, "value": ""} for each in payload["fields"]]},
    }
    if not problems_by_level(problems)["error"]:
        context |= _simulated(request, form, version)
    return render(request, "agents/route_edit.html", context, status=status)


def _simulated(request: PageRequest, form: RuleSetForm, version: RuleSetVersion | None) -> dict[str, Any]:
    """The last recorded decisions under the draft, and the task that is tried, once somebody asks for either."""
    if request.POST.get("do") not in ("check", "try"):
        return {}
    slug = form.slug or "new"
    draft = decider_of_draft(form.payload, slug=slug)
    found: dict[str, Any] = {}
    if version is not None:
        found["rerun"] = rerun(principal=request.principal, slug=slug, draft=draft, now=timezone.now())
    unsaved = RuleSetVersion(number=0, payload=form.payload, digest=f"draft of {request.user.pk}")
    return {**found, **tried(request, draft.table, unsaved, decider=draft)}


def _problems(form: RuleSetForm) -> list[Problem]:
    try:
        RECORD.clean(form.payload)
    except DomainError as error:
        return [Problem.of_error(error)]
    return problems_of(form.payload, slug=form.slug or "new")


def _of_rule(problems: list[Problem], place: int) -> list[Problem]:
    start = f"rules.{place}"
    return [each for each in problems if each.place == start or each.place.startswith(f"{start}.")]


def _agents(request: PageRequest, payload: Mapping[str, Any]) -> list[Agent]:
    """Those that one may know of, and those that the rules name already."""
    named = {target["agent"] for rule in payload["rules"] for target in (rule.get("then") or {}).get("targets") or []}
    known = visible_agents(request.principal)
    return list(Agent.objects.filter(Q(pk__in=known) | Q(slug__in=named)).order_by("name"))


def _grouped(facts: Mapping[str, Fact]) -> dict[str, list[Fact]]:
    """The facts by what they are about, for the list to choose from."""
    titles = {"task": "The task", "field": "Its fields", "classifier": "The classifier", "context": "The context",
              "agent": "The agent", "caller": "Who asks"}  # fmt: skip
    found: dict[str, list[Fact]] = {title: [] for title in titles.values()}
    for fact in facts.values():
        found[titles[fact.name.partition(".")[0]]].append(fact)
    return {title: listed for title, listed in found.items() if listed}
