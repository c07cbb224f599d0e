"""The page of a change: should this be published? Shows it and hands each decision to one domain function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.diffs import diff_fields, diff_text
from context.errors import DomainError, NotFound
from context.markdown import render as render_markdown
from context.models import ContextItem
from context.schema_controls import schema_of
from context.views.diff_rows import folded, named_changes
from context.views.facts import facts_of
from context.views.item import item_href
from context.views.pages import PageRequest, page
from governance import publishing, reviews
from governance.change_state import get_change
from governance.changes import describe_change, remove_edit, reopen_change, submit_change, withdraw_change
from governance.forms.edit_form import said
from governance.models import AuditEvent, Change, ChangeState, Decision, Edit, Operation
from governance.permissions import may_publish
from governance.policies import demands_of, progress_of
from governance.summaries import EditFigures, figures_of, summarise

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
    progress = progress_of(demands_of(edits), subject.reviews.all(), subject.digest) if edits else []
    editor = subject.editors.filter(pk=request.user.pk).exists()
    context = {
        "now": timezone.now(),
        "change": subject,
        "summary": summary,
        "edits": shown,
        "in_full": in_full,
        "details": _details(request, shown) if in_full else {},
        "progress": progress,
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
        "history": _history(subject),
        "reviews": list(subject.reviews.select_related("reviewer")),
        "decisions": Decision,
    }
    return render(request, "governance/change.html", context)


@require_GET
@page
def edit(request: PageRequest, number: int, edit_id: int) -> HttpResponse:
    """One edit of a change in full; a part of the page where htmx asks for it, a page of its own otherwise."""
    subject = get_change(principal=request.principal, change_id=number)
    found = subject.edits.select_related("kind", "domain", "owner", "item__current_version").filter(pk=edit_id).first()
    if found is None:
        raise NotFound("There is no such edit.")
    figures = figures_of([found], compare=True)[0]
    context = {"change": subject, "figures": figures, "detail": _details(request, [figures])[found.pk]}
    return render(request, "governance/_edit.html" if request.htmx else "governance/edit_page.html", context)


def _details(request: PageRequest, shown: Iterable[EditFigures]) -> dict[int, dict[str, Any]]:
    """What is to be read of each edit, without the relations whose other end this person may not know of."""
    listed = list(shown)
    payloads = [payload for each in listed for payload in (each.edit.payload, each.base) if payload]
    related = {entry["key"] for payload in payloads for entry in payload.get("relations") or []}
    known = set(ContextItem.objects.visible_to(request.principal).filter(key__in=related).values_list("key", flat=True))
    if related - known:
        # Also what this change creates: whoever may see the change may see all of it.
        changes = {each.edit.change_id for each in listed}
        known |= set(Edit.objects.filter(change__in=changes, item__isnull=True).values_list("key", flat=True))
    return {each.edit.pk: _detail(each, known) for each in listed}


def _detail(figures: EditFigures, known: set[str]) -> dict[str, Any]:
    """Everything to be read of one edit: fields and text side by side, or the whole text of what is new."""
    edit = figures.edit
    payload = _without_unknown(edit.payload, known)
    base = _without_unknown(figures.base, known) if figures.base is not None else None
    schema = schema_of(edit.kind)
    if edit.operation == Operation.RETIRE:
        return {"retires": True, "replaced_by": edit.payload.get("replaced_by")}
    if base is None:
        return {
            "new": True,
            "facts": facts_of(schema, payload["data"]),
            "html": render_markdown(payload["body"], item_href=item_href),
            "fields": named_changes(diff_fields({}, _metadata(payload)), schema),
        }
    text = diff_text(str(base.get("body") or ""), str(payload.get("body") or ""))
    old, new = ({**each, "body": None} for each in (base, payload))
    return {
        "fields": named_changes(diff_fields(old, new), schema),
        "text": text,
        "blocks": folded(text.rows) if text.changed else [],
    }


@require_POST
@page
def submit(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: submit_change(actor=request.user, change_id=number, now=timezone.now()),
        "Submitted. Its approvers see it on their home page.",
    )


@require_POST
@page
def withdraw(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: withdraw_change(actor=request.user, change_id=number, now=timezone.now()),
        "Withdrawn. Nothing was published; it can be reopened.",
    )


@require_POST
@page
def reopen(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: reopen_change(actor=request.user, change_id=number, now=timezone.now()),
        "It is a draft again. What was approved is void.",
    )


@require_POST
@page
def describe(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: describe_change(
            actor=request.user,
            change_id=number,
            title=request.POST.get("title"),
            reason=request.POST.get("reason"),
            now=timezone.now(),
        ),
        "Saved.",
    )


@require_POST
@page
def remove(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: remove_edit(actor=request.user, change_id=number, key=request.POST.get("key", ""), now=timezone.now()),
        "Taken out of the change.",
    )


@require_POST
@page
def review(request: PageRequest, number: int) -> HttpResponse:
    """A decision on the digest that the page displayed."""
    done = {
        Decision.APPROVE.value: "You approved it.",
        Decision.REQUEST_CHANGES.value: "Sent back to its author with your comment.",
        Decision.REJECT.value: "Rejected, with your reason.",
    }
    decision = request.POST.get("decision", "")
    return _act(
        request,
        number,
        lambda: reviews.review_change(
            actor=request.user,
            change_id=number,
            decision=decision,
            digest=request.POST.get("digest", ""),
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
        ),
        done.get(decision, "Recorded."),
        keep_comment=True,
    )


@require_POST
@page
def publish(request: PageRequest, number: int) -> HttpResponse:
    """Now, or at the time given."""
    now = timezone.now()
    at = _moment(request.POST.get("at", "")) if request.POST.get("when") == "at" else None
    if request.POST.get("when") == "at" and at is None:
        messages.error(request, "Give the day and time at which it is to be published.")
        return HttpResponseRedirect(reverse("governance:change", args=[number]))
    later = at is not None and at > now
    return _act(
        request,
        number,
        lambda: publishing.publish_change(actor=request.user, change_id=number, now=now, at=at),
        "Scheduled." if later else "Published. Agents get the new text from now on.",
    )


@require_POST
@page
def undo(request: PageRequest, number: int) -> HttpResponse:
    """Draft the change that undoes a published one."""
    try:
        made = publishing.revert_change(
            actor=request.user,
            change_id=number,
            reason=request.POST.get("reason", "") or f"Undoes change {number}.",
            now=timezone.now(),
        )
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        return HttpResponseRedirect(reverse("governance:change", args=[number]))
    messages.success(request, f"Drafted. It undoes change {number} once it is approved and published.")
    return HttpResponseRedirect(reverse("governance:change", args=[made.pk]))


def _act(
    request: PageRequest, number: int, action: Callable[[], object], done: str, *, keep_comment: bool = False
) -> HttpResponse:
    """Run one domain call and say on the page of the change how it went."""
    at = reverse("governance:change", args=[number])
    try:
        action()
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        comment = request.POST.get("comment", "") if keep_comment else ""
        if comment:
            messages.info(request, f"Your comment was not stored: {comment}")
        return HttpResponseRedirect(at)
    messages.success(request, done)
    return HttpResponseRedirect(at)


def _may_publish(subject: Change, request: PageRequest, edits: list[Edit], *, editor: bool) -> bool:
    """Whether to offer it; publishing judges for itself."""
    reviewed = subject.reviews.filter(reviewer=request.user).exists()
    return editor or reviewed or may_publish(request.principal, {edit.domain_id for edit in edits})


def _history(subject: Change) -> list[AuditEvent]:
    """The events of this change, which whoever may see the change may see."""
    return list(AuditEvent.objects.filter(subject_type="change", subject_id=str(subject.pk)).order_by("sequence")[:200])


def _without_unknown(payload: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    relations = [entry for entry in payload.get("relations") or [] if entry["key"] in known]
    return {**payload, "relations": relations} if "relations" in payload else dict(payload)


def _metadata(payload: dict[str, Any]) -> dict[str, Any]:
    hidden = ("body", "data", "title", "kind", "domain")
    return {name: value for name, value in payload.items() if name not in hidden and value not in (None, [], "")}


def _moment(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
