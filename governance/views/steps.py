"""What may be done to a change, each one domain call: submit, review, publish, discuss, undo; must not judge it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from context.errors import DomainError, NotFound
from context.views.pages import PageRequest, page
from governance import publishing, reviews
from governance.changes import describe_change, remove_edit, reopen_change, submit_change, withdraw_change
from governance.comments import add_comment, settle_comment
from governance.emergencies import publish_in_emergency, ratify
from governance.forms.edit_form import said
from governance.models import Decision

# The place on the page of a change that an anchored comment goes back to.
PASSAGE = re.compile(r"p-[0-9]+-f?[0-9]+\Z")


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
            screening=request.POST.get("screening", ""),
            now=timezone.now(),
        ),
        done.get(decision, "Recorded."),
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


@require_POST
@page
def comment(request: PageRequest, number: int) -> HttpResponse:
    """Say something about the change, one of its items, or in reply."""
    answering = request.POST.get("reply_to", "")
    passage = "".join(PASSAGE.findall(request.POST.get("passage", "")[:40]))
    return _act(
        request,
        number,
        lambda: add_comment(
            actor=request.user,
            change_id=number,
            text=request.POST.get("text", ""),
            key=request.POST.get("key", ""),
            field=request.POST.get("field", ""),
            quote=request.POST.get("quote", ""),
            reply_to=int(answering) if answering.isascii() and answering.isdigit() else None,
            now=timezone.now(),
        ),
        "Your comment stands beside its passage." if passage else "Your comment stands below.",
        anchor=f"#{passage}" if passage else "#discussion",
    )


@require_POST
@page
def settle(request: PageRequest, number: int, comment_id: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: settle_comment(actor=request.user, comment_id=comment_id, now=timezone.now()),
        "The thread is settled.",
        anchor="#discussion",
    )


@require_POST
@page
def emergency(request: PageRequest, number: int) -> HttpResponse:
    """Publish before the approval; two people have to ratify it afterwards."""
    return _act(
        request,
        number,
        lambda: publish_in_emergency(
            actor=request.user,
            change_id=number,
            reason=request.POST.get("reason", ""),
            screening=request.POST.get("screening", ""),
            now=timezone.now(),
        ),
        "Published in an emergency. Two other people now have to ratify it.",
    )


@require_POST
@page
def ratification(request: PageRequest, number: int) -> HttpResponse:
    return _act(
        request,
        number,
        lambda: ratify(
            actor=request.user,
            change_id=number,
            verdict=request.POST.get("verdict", ""),
            comment=request.POST.get("comment", ""),
            now=timezone.now(),
        ),
        "Your verdict is recorded.",
    )


def _act(
    request: PageRequest, number: int, action: Callable[[], object], done: str, *, anchor: str = ""
) -> HttpResponse:
    """Run one domain call and say on the page of the change how it went."""
    at = reverse("governance:change", args=[number]) + anchor
    try:
        action()
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
        typed = request.POST.get("comment") or request.POST.get("text") or ""
        if typed:
            messages.info(request, f"What you wrote was not stored: {typed}")
        return HttpResponseRedirect(at)
    messages.success(request, done)
    return HttpResponseRedirect(at)


def _moment(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
