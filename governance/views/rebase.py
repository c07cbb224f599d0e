"""Setting an edit on a newer version, passage by passage: shows both sides and takes the choices; must not merge."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from context.diffs import diff_text
from context.errors import DomainError, NotFound, NotPermitted
from context.schema_controls import schema_of
from context.views.diff_rows import folded, label_of, words_of
from context.views.pages import PageRequest, page
from governance.change_state import get_change
from governance.forms.edit_form import said
from governance.governed import governed
from governance.governed_diffs import path_of
from governance.models import ITEM, Edit
from governance.rebasing import PassageConflict, plan_rebase, rebase_edit
from governance.views.record_rows import place_in_words


@require_http_methods(["GET", "POST"])
@page
def rebase(request: PageRequest, number: int, edit_id: int) -> HttpResponse:
    """What both changed, beside each other, with a choice for each; then one call that decides them all."""
    subject = get_change(principal=request.principal, change_id=number)
    edit = subject.edits.select_related("item__current_version", "item__domain", "kind").filter(pk=edit_id).first()
    if edit is None:
        raise NotFound("There is no such edit.")
    at = reverse("governance:change", args=[number])
    try:
        plan = plan_rebase(edit=edit)
        if request.method == "POST":
            choices: dict[str, Any] = {
                conflict.place: chosen
                for conflict in plan.conflicts
                if (chosen := request.POST.get(f"choice.{conflict.place}", ""))
            }
            rebase_edit(actor=request.user, change_id=number, key=edit.address, choices=choices, now=timezone.now())
            messages.success(request, f"The edit stands on version {plan.onto_version} now. Read it once more.")
            return HttpResponseRedirect(at)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        messages.error(request, said(error))
        if request.method == "GET":
            return HttpResponseRedirect(at)
        plan = plan_rebase(edit=edit)
    schema = schema_of(edit.kind) if edit.kind is not None else {}
    context = {
        "change": subject,
        "edit": edit,
        "plan": plan,
        "taken_over": [_label(edit, name, schema) for name in plan.taken_over],
        "conflicts": [_shown(edit, conflict, schema, request) for conflict in plan.conflicts],
    }
    return render(request, "governance/rebase.html", context)


def _label(edit: Edit, place: str, schema: Any) -> str:
    if edit.record != ITEM:
        return place_in_words(governed(edit.record), path_of(place))
    return label_of(place.split("."), schema)


def _shown(edit: Edit, conflict: PassageConflict, schema: Any, request: PageRequest) -> dict[str, Any]:
    """One conflict: each side against what both began with."""
    is_text = edit.record == ITEM and conflict.place.startswith("body.")
    base, mine, theirs = (words_of(value) for value in (conflict.base, conflict.mine, conflict.theirs))
    return {
        "place": conflict.place,
        "label": "Text" if is_text else _label(edit, conflict.place, schema),
        "may_keep_both": is_text,
        "mine": folded(diff_text(base, mine).rows),
        "theirs": folded(diff_text(base, theirs).rows),
        "chosen": request.POST.get(f"choice.{conflict.place}", ""),
    }
