"""The editor of a flow: a draft that is checked and drawn before it is saved as a change; must not judge it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents.flows.checks import Checked, check_flow
from agents.flows.mapping import map_of_draft
from agents.flows.reading import find_flow
from agents.flows.record import RECORD
from agents.models import Agent, ContextContract, FlowVersion, RuleSet
from agents.problems import Problem
from agents.use import visible_agents
from agents.views.flow_form import FlowForm, read_form
from agents.views.flow_map import COMPACT_FROM, draw_map
from agents.views.flow_schema import TYPES
from agents.views.flow_triggers import ON
from agents.views.record_drafts import draft_of, save_draft
from agents.views.routes import may_propose_some, problems_by_level
from context.errors import DomainError, NotFound, NotPermitted
from context.models import Domain, Kind, Sensitivity, User
from context.views.pages import PageRequest, page
from governance.forms.edit_form import said
from governance.models import Change, Edit, Operation

PEOPLE_LISTED = 500
# Beyond so many steps each is folded but the one at work; beyond so many names they are typed, with suggestions.
OPEN_AT_MOST = 6
LISTED_AT_MOST = 80
PLAIN_FIELDS = ("name", "key", "slug", "purpose", "domain", "owner", "sensitivity", "reason")
FAILURES = (
    ("", "nothing is said"),
    ("person", "a person carries on"),
    ("stop", "the flow stops"),
    ("retry", "it is tried again"),
    ("other_agent", "another agent tries"),
)


@require_http_methods(["GET", "POST"])
@page
def new_flow(request: PageRequest) -> HttpResponse:
    """A flow that is not there yet."""
    if not may_propose_some(request.principal):
        raise NotPermitted("You may not propose flows.", fix="Ask the owner of a domain, or an administrator.")
    base: dict[str, Any] = {
        "name": "",
        "purpose": "",
        "domain": None,
        "owner": request.user.get_username(),
        "sensitivity": "internal",
        "input_schema": {"type": "object", "required": [], "properties": {}},
        "steps": [],
        "output": [],
        "triggers": [],
    }
    return _edit(request, slug="", base=base, version=None, edit=None)


@require_http_methods(["GET", "POST"])
@page
def edit_flow(request: PageRequest, slug: str) -> HttpResponse:
    """The flow as it stands, or a draft of it, opened for editing."""
    edit = draft_of(request, record=RECORD, key=slug)
    if edit is not None and edit.operation == Operation.CREATE:
        return _edit(request, slug=slug, base=dict(edit.payload), version=None, edit=edit)
    found = find_flow(principal=request.principal, slug=slug)
    version = found.current_version
    state = RECORD.states([slug])[slug]
    if version is None or not RECORD.may_propose(request.principal, state.facets, new=False):
        raise NotPermitted("You may not propose edits of this flow.", fix="Ask its owner, or an administrator.")
    base = dict(edit.payload) if edit is not None and "steps" in edit.payload else dict(version.payload)
    return _edit(request, slug=slug, base=base, version=version, edit=edit)


def _edit(
    request: PageRequest, *, slug: str, base: Mapping[str, Any], version: FlowVersion | None, edit: Edit | None
) -> HttpResponse:
    if request.method == "GET":
        form = FlowForm.of(
            base,
            slug=slug,
            change_id=edit.change_id if edit is not None else None,
            base_version=version.number if version is not None else None,
            reason=edit.change.reason if edit is not None else "",
        )
        return _show(request, form, slug=slug, version=version)
    form = read_form(request.POST, base=base)
    form.slug = slug or form.slug
    do = request.POST.get("do", "check")
    if form.unread or do != "save":
        # A button that adds or moves a row is about that row: what is wrong elsewhere does not take the focus from it.
        asked = do in ("save", "check")
        return _show(request, form, slug=slug, version=version, status=422 if asked and form.unread else 200)
    try:
        change = _save(request, form, slug=slug, edit=edit)
    except NotFound:
        raise
    except DomainError as error:
        return _show(request, form, slug=slug, version=version, error=error, status=error.status)
    messages.success(request, "Drafted. Read what it would do, then submit it for review.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))


def _save(request: PageRequest, form: FlowForm, *, slug: str, edit: Edit | None) -> Change:
    return save_draft(
        request,
        record=RECORD,
        key=form.slug,
        payload=form.payload,
        base_version=form.base_version,
        reason=form.reason,
        edit=edit,
        creates=not slug or (edit is not None and edit.operation == Operation.CREATE),
        called=f"the flow {form.payload['name'] or form.slug}",
    )


def _show(
    request: PageRequest,
    form: FlowForm,
    *,
    slug: str,
    version: FlowVersion | None,
    status: int = 200,
    error: DomainError | None = None,
) -> HttpResponse:
    principal = request.principal
    checked, problems = _checked(request, form)
    mine = visible_agents(principal)
    named = {each.get("agent") for each in form.payload["steps"]} | {
        (each.get("on_failure") or {}).get("agent") for each in form.payload["steps"]
    }
    drawing = None
    if checked is not None and checked.edges:
        drawn = map_of_draft(principal=principal, checked=checked, now=timezone.now())
        drawing = draw_map(drawn, known_agents=set(mine.values_list("slug", flat=True)))
    contracts = ContextContract.objects.visible_to(principal).filter(current_version__isnull=False, retired_at=None)
    context: dict[str, Any] = {
        "form": form,
        "slug": slug,
        "version": version,
        "steps": [
            {
                "said": each,
                "input": form.steps_text[place],
                "errors": _beside(f"steps.{place}", form, problems),
                "open": len(form.payload["steps"]) <= OPEN_AT_MOST or place == form.opened or not each["name"],
            }
            for place, each in enumerate(form.payload["steps"])
        ],
        "triggers": [
            {"said": each, "errors": _beside(f"triggers.{place}", form, problems)}
            for place, each in enumerate(form.triggers)
        ],
        "trigger_kinds": ON,
        "fields": [
            {"said": each, "errors": form.wrong.get(f"input_schema.{place}", [])}
            for place, each in enumerate(form.fields or [])
        ],
        "field_types": TYPES,
        "errors": {
            "output": _beside("output", form, problems),
            "input_schema": [
                *form.wrong.get("input_schema", []),
                *(f"{each.message} {each.fix}" for each in problems if each.place.startswith("input_schema")),
            ],
            **({error.field: [said(error)]} if error is not None and error.field in PLAIN_FIELDS else {}),
        },
        "long_lists": contracts.count() + mine.count() > LISTED_AT_MOST,
        "kinds": Kind.objects.order_by("name"),
        "failures": FAILURES,
        "problems": problems_by_level(problems),
        "checked": request.method == "POST" or version is not None,
        "drawing": drawing,
        "many": len(form.payload["steps"]) >= COMPACT_FROM,
        "agents": list(Agent.objects.filter(Q(pk__in=mine) | Q(slug__in=named - {None})).order_by("name")),
        "contracts": contracts.order_by("name"),
        "rule_sets": RuleSet.objects.visible_to(principal).order_by("name"),
        "domains": Domain.objects.order_by("name"),
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
        "sensitivities": [each.word for each in Sensitivity if each <= principal.clearance],
        "error": said(error) if error is not None else "",
        "told_first": status != 200,
    }
    return render(request, "agents/flow_edit.html", context, status=status)


def _beside(place: str, form: FlowForm, problems: Sequence[Problem]) -> dict[str, list[str]]:
    """What is wrong there, by the field beside which it is told; under `general` where it is about all of it."""
    told = [(each.place, f"{each.message} {each.fix}".strip()) for each in problems if each.level == "error"]
    told += [(at, text) for at, texts in form.wrong.items() for text in texts]
    found: dict[str, list[str]] = {}
    for at, text in told:
        if at == place or at.startswith(f"{place}."):
            found.setdefault(at[len(place) + 1 :].partition(".")[0] or "general", []).append(text)
    return found


def _checked(request: PageRequest, form: FlowForm) -> tuple[Checked | None, list[Problem]]:
    if not form.payload["steps"]:
        return None, []
    try:
        RECORD.clean({**form.payload, "name": form.payload["name"] or "unnamed"})
        checked = check_flow(form.payload, principal=request.principal)
    except DomainError as error:
        return None, [Problem.of_error(error)]
    return checked, list(checked.problems)
