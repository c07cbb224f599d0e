"""Proposing a contract: a new one, a revision, its end, a return to an older version; each drafts a change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from agents.contract_fields import LABELS, terms_in
from agents.contract_form import ContractForm, read_form
from agents.contract_record import CONTRACTS
from agents.contract_shapes import FOLLOWED
from agents.contracts import Terms, requirements_of
from agents.models import ContextContract, WhenIncomplete
from context.availability import resolve
from context.bundles import Order, cost_of_required
from context.errors import DomainError, NotFound, NotPermitted
from context.models import Domain, Kind, RelationType, Role, Sensitivity, User
from context.tokens import TOKENIZERS
from context.views.pages import PageRequest, page
from governance.changes import create_change, put_edit
from governance.edits import EditInput
from governance.forms.edit_form import said
from governance.governed import Facets
from governance.models import Change, ChangeState, Edit, Operation

PEOPLE_LISTED = 500


@require_http_methods(["GET", "POST"])
@page
def new_contract(request: PageRequest) -> HttpResponse:
    """A contract that is not there yet: its requirements as rows."""
    domains = domains_to_propose_in(request)
    if not domains and request.principal.has_role(Role.ADMINISTRATOR):
        raise NotPermitted("There is no domain yet that a contract could belong to. Add a domain first.")
    if not domains:
        raise NotPermitted("You may not propose contracts. A steward or owner of a domain may, and administrators.")
    if request.method == "GET":
        payload = {
            **Terms(requirements=[], token_budget=4_000).as_json(),
            "domain": domains[0].slug,
            "owner": request.user.username,
            "sensitivity": Sensitivity.INTERNAL.word,
        }
        return _show(request, ContractForm(payload=payload), domains=domains)
    form = read_form(request.POST, {})
    return _save(request, form, Operation.CREATE, form.slug, domains=domains, title=f"Add the contract {form.slug}")


@require_http_methods(["GET", "POST"])
@page
def edit_contract(request: PageRequest, slug: str) -> HttpResponse:
    """A revision on the version that stands, or the proposal that a draft holds already."""
    params = request.POST if request.method == "POST" else request.GET
    draft = _draft(request, slug, params.get("change", ""))
    contract = ContextContract.objects.visible_to(request.principal).filter(slug=slug).first()
    if contract is None or contract.current_version is None:
        if draft is None:
            raise NotFound("There is no such contract.")
        base, operation = dict(draft.payload), Operation.CREATE
    else:
        state = CONTRACTS.states([slug])[slug]
        if not CONTRACTS.may_propose(request.principal, state.facets, new=False):
            raise NotPermitted("You may not propose edits of this contract. Its owner and stewards may.")
        base, operation = state.payload, Operation.REVISE
    if request.method == "GET":
        version = contract.current_version.number if contract is not None and contract.current_version else None
        form = ContractForm(payload=dict(base), slug=slug, base_version=version)
        if draft is not None:
            form = ContractForm(
                payload=dict(draft.payload),
                slug=slug,
                base_version=draft.base_version,
                change_id=draft.change_id,
                reason=draft.change.reason,
            )
        return _show(request, form, contract=contract, draft=draft)
    form = read_form(request.POST, base)
    title = f"Revise the contract {form.payload['name']}"[:200]
    return _save(request, form, operation, slug, contract=contract, draft=draft, title=title)


@require_POST
@page
def retire_contract(request: PageRequest, slug: str) -> HttpResponse:
    """Propose that no agent gets it any more."""
    edit = EditInput(operation=Operation.RETIRE, record=CONTRACTS.name, key=slug)
    return _propose(request, slug, edit, title=f"Retire the contract {slug}", reason=request.POST.get("reason", ""))


@require_POST
@page
def revert_contract(request: PageRequest, slug: str, number: int) -> HttpResponse:
    """Propose to return to an older version."""
    edit = EditInput(operation=Operation.REVERT, record=CONTRACTS.name, key=slug, revert_to=number)
    reason = request.POST.get("reason", "") or f"Version {number} is to be in force again."
    return _propose(request, slug, edit, title=f"Return the contract {slug} to version {number}", reason=reason)


def _propose(request: PageRequest, slug: str, edit: EditInput, *, title: str, reason: str) -> HttpResponse:
    try:
        change = create_change(actor=request.user, title=title[:200], reason=reason, edits=[edit], now=timezone.now())
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("agents:contract", args=[slug]))
    messages.success(request, "Drafted. Read what it would do, then submit it for review.")
    return HttpResponseRedirect(reverse("governance:change", args=[change.pk]))


def _save(
    request: PageRequest, form: ContractForm, operation: Operation, slug: str, *, title: str, **about: Any
) -> HttpResponse:
    action = request.POST.get("do", "save")
    if action.startswith(("add", "remove:")):
        return _show(request, form, **about)
    if action == "preview" or form.errors:
        return _show(request, form, preview=True, status=422 if form.errors else 200, **about)
    edit = EditInput(
        operation=operation,
        record=CONTRACTS.name,
        key=slug,
        payload=form.payload,
        base_version=form.base_version if operation == Operation.REVISE else None,
    )
    now = timezone.now()
    try:
        if form.change_id is not None:
            put_edit(actor=request.user, change_id=form.change_id, edit=edit, now=now)
            number = form.change_id
        else:
            made = create_change(actor=request.user, title=title, reason=form.reason, edits=[edit], now=now)
            number = made.pk
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        form.add(error)
        return _show(request, form, status=error.status, **about)
    messages.success(request, "Saved to the draft. Nothing is in force until somebody else approves it.")
    return HttpResponseRedirect(reverse("governance:change", args=[number]))


def _show(
    request: PageRequest,
    form: ContractForm,
    *,
    contract: ContextContract | None = None,
    draft: Edit | None = None,
    domains: list[Domain] | None = None,
    preview: bool = False,
    status: int = 200,
) -> HttpResponse:
    drafts = Change.objects.visible_to(request.principal).filter(state=ChangeState.DRAFT, editors=request.user)
    followed = [(value, RelationType(value).label) for value in FOLLOWED]
    context = {
        "form": form,
        "contract": contract,
        "draft": draft,
        "preview": _preview(request, form) if preview else None,
        "kinds": Kind.objects.order_by("name"),
        "domains": Domain.objects.order_by("name"),
        "domains_to_propose_in": domains or domains_to_propose_in(request),
        "followed": followed,
        "people": User.objects.filter(is_active=True).order_by("first_name", "username")[:PEOPLE_LISTED],
        "levels": [level for level in Sensitivity if level <= request.principal.clearance],
        "tokenizers": TOKENIZERS,
        "behaviours": WhenIncomplete.choices,
        "labels": LABELS,
        "drafts": list(drafts.order_by("-updated_at")[:20]),
    }
    return render(request, "agents/contract_form.html", context, status=status)


def _preview(request: PageRequest, form: ContractForm) -> dict[str, Any] | None:
    """What each requirement brings now and what the required ones cost, as far as this person may see."""
    try:
        CONTRACTS.prepare(
            key=form.slug or "new", payload=form.payload, base=None, principal=request.principal, created={}
        )
    except DomainError as error:
        form.add(error)
        if not error.field or not error.field.startswith("token_budget"):
            return None
    terms = terms_in(form.payload)
    requirements = requirements_of(terms.requirements)
    available = resolve(principal=request.principal, requirements=requirements)
    order = Order(requirements=requirements, token_budget=terms.token_budget, tokenizer=terms.tokenizer, heading={})
    gaps = {gap.requirement: gap for gap in available.gaps}
    return {
        "rows": [
            {
                "requirement": requirement,
                "chosen": [each for each in available.chosen if each.requirement == requirement],
                "gap": gaps.get(requirement.name),
            }
            for requirement in requirements
        ],
        "complete": available.complete,
        "cost": cost_of_required(principal=request.principal, order=order),
        "budget": terms.token_budget,
    }


def _draft(request: PageRequest, slug: str, number: str) -> Edit | None:
    """The proposal of this contract in the draft asked for, where it is this person's to see."""
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    change = Change.objects.visible_to(request.principal).filter(pk=int(number)).first()
    return change.edits.filter(record=CONTRACTS.name, key=slug).first() if change is not None else None


def domains_to_propose_in(request: PageRequest) -> list[Domain]:
    """The domains for which this person may propose a contract that is not there yet."""
    return [
        domain
        for domain in Domain.objects.select_related("parent").order_by("name")
        if CONTRACTS.may_propose(
            request.principal, Facets(label="", domain=domain, sensitivity=0, owner=None), new=True
        )
    ]
