"""The inbox: what waits for me, in which order? Must not order or judge it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.views.pages import PageRequest, page
from governance.inbox import InboxEntry, inbox_for

KINDS = {
    "review": ("eye", "Decide"),
    "ratification": ("warn", "Ratify"),
    "verification": ("shield", "Verify"),
    "finding": ("flag", "Look into"),
    "draft": ("pencil", "Draft"),
    "changes_requested": ("undo", "Mend"),
    "approved": ("check", "Publish"),
    "suspended": ("warn", "Suspended"),
    "rejected": ("no", "Rejected"),
    "escalation": ("late", "Late"),
    "recall": ("undo", "Recall"),
    "run_review": ("eye", "Review output"),
    "run_stopped": ("people", "Carry on"),
}
MOST_SHOWN = 200


@require_GET
@page
def inbox(request: PageRequest) -> HttpResponse:
    """Everything that waits, by the day it is due, then by how much a wrong text would hurt."""
    now = timezone.now()
    entries = inbox_for(principal=request.principal, now=now)
    kind = request.GET.get("kind", "")
    counts: dict[str, int] = {}
    for entry in entries:
        counts[entry.kind] = counts.get(entry.kind, 0) + 1
    chosen = [entry for entry in entries if not kind or entry.kind == kind]
    context = {
        "now": now,
        "kind": kind,
        "total": len(entries),
        "overdue": sum(entry.is_overdue(now) for entry in entries),
        "kinds": [(name, word_of(name)[1], count) for name, count in counts.items()],
        "entries": [shown(entry) for entry in chosen[:MOST_SHOWN]],
        "not_shown": max(0, len(chosen) - MOST_SHOWN),
    }
    return render(request, "governance/inbox.html", context)


def word_of(kind: str) -> tuple[str, str]:
    """The icon and the word of a kind; those of upper floors are said as they are called."""
    return KINDS.get(kind, ("dot", kind.replace("_", " ").capitalize()))


def shown(entry: InboxEntry) -> dict[str, object]:
    """An entry with the icon and the word of its kind, and the key of the text that may be verified at once."""
    icon, word = word_of(entry.kind)
    key = entry.subject.removeprefix("item:") if entry.kind == "verification" else ""
    return {"entry": entry, "icon": icon, "word": word, "verify": key}
