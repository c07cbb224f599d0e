"""The page of a change: should this be published? Shows it and hands each decision to one domain function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.diffs import diff_fields, diff_text
from context.errors import NotFound
from context.markdown import render as render_markdown
from context.schema_controls import schema_of
from context.views.diff_rows import folded, marked, named_changes
from context.views.facts import facts_of
from context.views.item import item_href
from context.views.pages import PageRequest, page
from context.views.substance import substance_of
from governance import reviews
from governance.approvability import stuck_stages
from governance.change_state import get_change, record_change_read
from governance.comments import LONGEST_QUOTE, Thread, threads_of
from governance.emergencies import EMERGENCY_ROLES, ratification_progress
from governance.governed import governed, split
from governance.impact import impact_of
from governance.models import ITEM, AuditEvent, Change, ChangeState, Decision, Edit, Operation
from governance.permissions import may_publish
from governance.policies import demands_of, progress_of
from governance.relation_ends import known_ends, without_unknown_ends
from governance.screening import screen_edits
from governance.summaries import EditFigures, figures_of, summarise
from governance.views.passages import lines_of, passages_of
from governance.views.record_rows import record_rows

# Up to this many edits the differences stand on the page; above it each is fetched when opened.
SHOWN_AT_ONCE = 6
EDITS_A_PAGE = 50


@require_GET
@page
def change(request: PageRequest, number: int) -> HttpResponse:
    """What it would do, who must approve it and who has, and the one thing to do next."""
    subject = get_change(principal=request.principal, change_id=number)
    edits = list(
        subject.edits.select_related(
            "kind", "domain__parent", "owner", "item__kind", "item__domain__parent", "item__current_version"
        ).order_by("key")
    )
    summary = summarise(edits)
    paginator = Paginator(summary.edits, EDITS_A_PAGE)
    asked = request.GET.get("page", "1")
    shown = paginator.get_page(asked if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1)
    in_full = len(edits) <= SHOWN_AT_ONCE
    threads = threads_of(subject)
    details = _details(request, shown, threads) if in_full else {}
    gone = {stray.comment.pk for each in details.values() for stray in each["passages"].strays}
    progress = progress_of(demands_of(edits), subject.reviews.all(), subject.digest) if edits else []
    editor = subject.editors.filter(pk=request.user.pk).exists()
    context = {
        "now": timezone.now(),
        "change": subject,
        "summary": summary,
        "edits": shown,
        "in_full": in_full,
        "details": details,
        "progress": progress,
        "stuck": stuck_stages(subject, progress),
        "verdict": reviews.may_review(subject, request.principal, progress),
        "editor": editor,
        "editors": subject.editors.exclude(pk=subject.author_id),
        "may_publish": _may_publish(subject, request, edits, editor=editor),
        "moved": [
            each.edit
            for each in summary.edits
            if each.edit.item is not None
            and subject.state != ChangeState.PUBLISHED
            and each.edit.item.current_version is not None
            and each.edit.item.current_version.number != each.edit.base_version
        ],
        "moved_records": _moved_records(subject, [each.edit for each in summary.edits]),
        "history": _history(subject),
        "reviews": list(subject.reviews.select_related("reviewer")),
        "threads": [replace(each, moved=each.moved or each.comment.pk in gone) for each in threads],
        "screening": screen_edits(edits),
        "impact": impact_of(change=subject, principal=request.principal) if _is_open(subject) else [],
        "may_hurry": _may_hurry(subject, request, edits, editor=editor),
        "ratification": ratification_progress(subject) if subject.emergency_reason else None,
        "may_ratify": _may_ratify(subject, request, editor=editor),
        "decisions": Decision,
    }
    response = render(request, "governance/change.html", context)
    if in_full:
        record_change_read(subject, request.principal, "change", timezone.now())
    return response


@require_GET
@page
def edit(request: PageRequest, number: int, edit_id: int) -> HttpResponse:
    """One edit of a change in full; a part of the page where htmx asks for it, a page of its own otherwise."""
    subject = get_change(principal=request.principal, change_id=number)
    found = subject.edits.select_related("kind", "domain", "owner", "item__current_version").filter(pk=edit_id).first()
    if found is None:
        raise NotFound("There is no such edit.")
    figures = figures_of([found], compare=True)[0]
    asked = request.GET.get("say", "")[:8]
    detail = _details(request, [figures], threads_of(subject), asked=asked)[found.pk]
    context = {
        "change": subject,
        "figures": figures,
        "detail": detail,
        "asked": detail["passages"].asked,
        "quote": request.GET.get("quote", "").replace("\x00", "").strip()[:LONGEST_QUOTE],
    }
    part = "governance/_say.html" if context["asked"] else "governance/_edit.html"
    response = render(request, part if request.htmx else "governance/edit_page.html", context)
    record_change_read(subject, request.principal, "change", timezone.now())
    return response


def _details(
    request: PageRequest, shown: Iterable[EditFigures], threads: Sequence[Thread], *, asked: str = ""
) -> dict[int, dict[str, Any]]:
    """What is to be read of each edit, with what was said of its passages, and without the relations whose other end
    this person may not know of.
    """
    listed = list(shown)
    bases = [each.base for each in listed if each.base]
    known = known_ends(principal=request.principal, edits=[each.edit for each in listed], bases=bases)
    found = {}
    for each in listed:
        detail = _detail(each, known)
        detail["passages"] = passages_of(
            edit=each.edit,
            blocks=detail.get("blocks", ()),
            fields=detail.get("fields", ()),
            threads=threads,
            asked=asked,
        )
        found[each.edit.pk] = detail
    return found


def _detail(figures: EditFigures, known: set[str]) -> dict[str, Any]:
    """Everything to be read of one edit: fields and text side by side, or the whole text of what is new."""
    edit = figures.edit
    payload = without_unknown_ends(edit.payload, known)
    base = without_unknown_ends(figures.base, known) if figures.base is not None else None
    if edit.operation == Operation.RETIRE and edit.record != ITEM:
        return {"retires": True}
    if edit.record != ITEM:
        return {"fields": record_rows(governed(edit.record), base, payload), "new": base is None, "record": True}
    schema = schema_of(edit.item_kind)
    if edit.operation == Operation.RETIRE:
        return {"retires": True, "replaced_by": payload.get("replaced_by")}
    if base is None:
        return {
            "new": True,
            "facts": facts_of(schema, payload["data"]),
            "html": render_markdown(payload["body"], item_href=item_href),
            "blocks": lines_of(payload["body"]),
            "fields": named_changes(diff_fields({}, _metadata(payload)), schema),
        }
    text = diff_text(str(base.get("body") or ""), str(payload.get("body") or ""), terms=figures.terms)
    old, new = ({**each, "body": None} for each in (base, payload))
    return {
        "fields": named_changes(diff_fields(old, new), schema),
        "text": text,
        "blocks": folded(marked(text)) if text.changed else [],
        "substance": substance_of(text),
    }


def _may_publish(subject: Change, request: PageRequest, edits: list[Edit], *, editor: bool) -> bool:
    """Whether to offer it; publishing judges for itself."""
    reviewed = subject.reviews.filter(reviewer=request.user).exists()
    return editor or reviewed or may_publish(request.principal, {edit.domain_id for edit in edits})


def _moved_records(subject: Change, edits: list[Edit]) -> list[dict[str, Any]]:
    """Edits of records that have a newer version than the one they were made on, with that version's number."""
    found = []
    for name, theirs in split(edits)[1].items() if subject.state != ChangeState.PUBLISHED else ():
        states = governed(name).states([edit.key for edit in theirs])
        found += [
            {"edit": edit, "version": states[edit.key].version, "url": governed(name).address(edit.key)}
            for edit in theirs
            if edit.key in states and states[edit.key].version != edit.base_version
        ]
    return found


def _is_open(subject: Change) -> bool:
    return subject.state in ChangeState.open_states()


def _may_hurry(subject: Change, request: PageRequest, edits: list[Edit], *, editor: bool) -> bool:
    """Whether to offer publication in an emergency; emergencies judge for themselves."""
    principal = request.principal
    return (
        subject.state == ChangeState.IN_REVIEW
        and not editor
        and all(any(principal.has_role(role, edit.domain_id) for role in EMERGENCY_ROLES) for edit in edits)
    )


def _may_ratify(subject: Change, request: PageRequest, *, editor: bool) -> bool:
    """Whether to offer the verdict afterwards; ratification judges for itself."""
    involved = editor or subject.published_by_id == request.user.pk
    return (
        bool(subject.emergency_reason)
        and not involved
        and not subject.ratifications.filter(person=request.user).exists()
    )


def _history(subject: Change) -> list[AuditEvent]:
    """The events of this change, which whoever may see the change may see."""
    return list(AuditEvent.objects.filter(subject_type="change", subject_id=str(subject.pk)).order_by("sequence")[:200])


def _metadata(payload: dict[str, Any]) -> dict[str, Any]:
    hidden = ("body", "data", "title", "kind", "domain")
    return {name: value for name, value in payload.items() if name not in hidden and value not in (None, [], "")}
