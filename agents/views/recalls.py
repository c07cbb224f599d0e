"""The pages of recall: what did this version touch, and what becomes of each run and agent? Must hold no rule."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from agents.models import Agent, RecallCase, RecallEntry, RecallEntryState
from agents.recall.cases import extend_case, find_case, find_version, later_uses, open_case, trace
from agents.recall.reading import cases_with_counts
from agents.recall.rights import answers_for
from agents.recall.settling import MOST_AT_ONCE, settle_entries
from agents.recall.tracing import particulars_of
from agents.use import visible_agents
from context.errors import DomainError, NotFound, NotPermitted
from context.models import ContextVersion
from context.views.pages import PageRequest, page
from context.views.paging import page_of
from governance.forms.edit_form import said

CASES_ON_A_PAGE, ENTRIES_ON_A_PAGE = 50, 50
ERRORS_SHOWN = 3


@require_GET
@page
def recalls(request: PageRequest) -> HttpResponse:
    """The cases one may see, those that are open first."""
    which = request.GET.get("state", "")
    found = cases_with_counts(principal=request.principal)
    figures = RecallCase.objects.visible_to(request.principal).aggregate(
        all=Count("pk"), going=Count("pk", filter=Q(closed_at__isnull=True))
    )
    if which in ("open", "closed"):
        found = found.filter(closed_at__isnull=which == "open")
    context = {
        "now": timezone.now(),
        "state": which,
        "figures": figures,
        "page": page_of(request, found.order_by("closed_at", "-opened_at", "-pk"), CASES_ON_A_PAGE),
    }
    return render(request, "agents/recalls.html", context)


@page
def new_recall(request: PageRequest) -> HttpResponse:
    """What the version touched, and the reason to recall it."""
    asked = request.POST if request.method == "POST" else request.GET
    stated = asked.get("version", "")
    number = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 10 else 0
    version = find_version(principal=request.principal, key=asked.get("item", ""), number=number)
    reason, error = request.POST.get("reason", ""), ""
    if request.method == "POST":
        try:
            opened = open_case(
                actor=request.user, key=version.item.key, number=version.number, reason=reason, now=timezone.now()
            )
        except NotPermitted:
            raise
        except DomainError as raised:
            error = said(raised)
        else:
            if opened.case.closed_at is None:
                messages.success(request, "The case is open, and the owners of the agents are told.")
            else:
                messages.success(request, "Nothing had used the version: the case is on record, and closed.")
            return HttpResponseRedirect(reverse("agents:recall", args=[opened.case.pk]))
    touched = trace(principal=request.principal, version=version, now=timezone.now())
    context = {
        "now": timezone.now(),
        "version": version,
        "in_force": _is_in_force(version),
        "touched": touched,
        "owners": len({agent.owner_id for agent, _, _ in touched.agents}),
        "case": RecallCase.objects.filter(version=version, closed_at__isnull=True).first(),
        "reason": reason,
        "error": error,
    }
    return render(request, "agents/recall_new.html", context, status=422 if error else 200)


@require_GET
@page
def recall(request: PageRequest, number: int) -> HttpResponse:
    """One case: what waits, what was settled how, and what has used the version since."""
    principal = request.principal
    case = find_case(principal=principal, case_id=number)
    answers = answers_for(principal, case.version)
    everything = RecallEntry.objects.visible_to(principal, case, answers=answers)
    state, agent = _filters(request)
    shown = page_of(request, _narrowed(everything, state, agent), ENTRIES_ON_A_PAGE)
    known = particulars_of(entries=list(shown.object_list), principal=principal)
    mine = set(visible_agents(principal).values_list("pk", flat=True))
    figures = everything.aggregate(
        all=Count("pk"),
        runs=Count("pk", filter=Q(run__isnull=False)),
        left=Count("pk", filter=Q(state=RecallEntryState.OPEN)),
        accepted=Count("pk", filter=Q(state=RecallEntryState.ACCEPTED)),
        rerun=Count("pk", filter=Q(state=RecallEntryState.RERUN)),
    )
    by_agent = (
        Agent.objects.filter(pk__in=everything.values("agent"))
        .select_related("owner")
        .annotate(
            held=Count("recalled", filter=Q(recalled__case=case)),
            left=Count("recalled", filter=Q(recalled__case=case, recalled__state=RecallEntryState.OPEN)),
        )
        .order_by("-left", "name")
    )
    is_open = case.closed_at is None
    settles = is_open and (answers or by_agent.filter(owner=request.user).exists())
    context = {
        "now": timezone.now(),
        "case": case,
        "version": case.version,
        "in_force": _is_in_force(case.version),
        "figures": figures,
        "settled": figures["accepted"] + figures["rerun"],
        "state": state,
        "agent": agent,
        "states": RecallEntryState.choices,
        "agents": list(by_agent),
        "page": shown,
        "rows": [(entry, known.get(entry.pk), entry.agent_id in mine) for entry in shown.object_list],
        "settles": settles,
        "answers": answers,
        "later": len(later_uses(case=case)) if is_open and answers else 0,
        "matching": _narrowed(everything, state, agent).filter(state=RecallEntryState.OPEN).count() if settles else 0,
        "most": MOST_AT_ONCE,
        "here": request.get_full_path(),
        "narrowed": bool(agent) or state != RecallEntryState.OPEN,
    }
    return render(request, "agents/recall.html", context)


@require_POST
@page
def settle(request: PageRequest, number: int) -> HttpResponse:
    """Settle the entries that were chosen, or all open ones that the filters show."""
    case = find_case(principal=request.principal, case_id=number)
    answers = answers_for(request.principal, case.version)
    visible = RecallEntry.objects.visible_to(request.principal, case, answers=answers)
    state = request.POST.get("settle", "")
    if request.POST.get("all") == "1":
        _, agent = _filters(request)
        left = _narrowed(visible, RecallEntryState.OPEN, agent)
        chosen = list(left.values_list("pk", flat=True)[:MOST_AT_ONCE])
    else:
        chosen = [int(each) for each in request.POST.getlist("entry") if each.isascii() and each.isdigit()]
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("agents:recall", args=[number])
    try:
        done = settle_entries(
            actor=request.user,
            case_id=number,
            entry_ids=chosen,
            state=state,
            note=request.POST.get("note", ""),
            now=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(back)
    if len(done) == 1 and isinstance(done[0].error, NotFound | NotPermitted):
        raise done[0].error
    settled = sum(each.error is None for each in done)
    if settled:
        how = "accepted as they are" if state == RecallEntryState.ACCEPTED else "run again"
        messages.success(request, f"{settled} {'entry' if settled == 1 else 'entries'} {how}.")
    failed = [said(each.error) for each in done if each.error is not None]
    for text in list(dict.fromkeys(failed))[:ERRORS_SHOWN]:
        times = failed.count(text)
        messages.error(request, f"Not settled{f' ({times} entries)' if times > 1 else ''}: {text}")
    return HttpResponseRedirect(back)


@require_POST
@page
def extend(request: PageRequest, number: int) -> HttpResponse:
    """Take in what has used the version since."""
    try:
        came = extend_case(actor=request.user, case_id=number, now=timezone.now())
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, f"{came} more {'entry' if came == 1 else 'entries'} taken in.")
    return HttpResponseRedirect(reverse("agents:recall", args=[number]))


def _filters(request: PageRequest) -> tuple[str, str]:
    """Open entries unless another state, or any, is asked for; of one agent, by its slug."""
    asked = request.POST if request.method == "POST" else request.GET
    state = asked.get("state", RecallEntryState.OPEN)
    return (state if state in RecallEntryState.values else "", asked.get("agent", "")[:60])


def _narrowed(entries: Any, state: str, agent: str) -> Any:
    found = entries.select_related("agent__owner", "case", "settled_by").order_by("pk")
    if state:
        found = found.filter(state=state)
    return found.filter(agent__slug=agent) if agent else found


def _is_in_force(version: ContextVersion) -> bool:
    return ContextVersion.objects.in_force(timezone.now()).filter(pk=version.pk).exists()
