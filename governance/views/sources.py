"""The source of an item: what was last read of it, and what its people may do about it; must not fetch or judge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from context.errors import DomainError, InvalidInput, NotFound
from context.models import ContextItem
from context.views.item import visible_item
from context.views.pages import PageRequest, page
from governance.drift.sources.asking import (
    INTERVALS,
    check_now,
    may_tend,
    set_interval,
    source_of,
    upload_source,
)
from governance.drift.sources.places import KIND_WORDS, UPLOAD, WATCHED
from governance.drift.sources.texts import LARGEST_TEXT
from governance.forms.edit_form import said
from governance.models import Finding, SourceUpload

NAME = "source"


def item_source(*, request: PageRequest, item: ContextItem, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """The source that the item names, its state and the steps open to this person."""
    if item.source_kind not in WATCHED or item.retired_at is not None:
        return None
    return "governance/_source.html", _shown(request, item)


@require_GET
@page
def source(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """The same part alone, asked for again while a reading is under way."""
    item = visible_item(request, f"{domain}/{slug}", timezone.now())
    if item.source_kind not in WATCHED or item.retired_at is not None:
        raise NotFound("This text names no source that is watched.")
    if not request.htmx:
        return HttpResponseRedirect(_back(domain, slug))
    return render(request, "governance/_source.html", _shown(request, item))


@require_POST
@page
def check(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """Ask for a reading now."""
    return _act(
        request,
        domain,
        slug,
        lambda key, now: check_now(actor=request.principal, key=key, now=now),
        "Asked for. The source is read within a few seconds.",
    )


@require_POST
@page
def interval(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """Say how often."""
    hours = request.POST.get("hours", "")
    asked = int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 6 else 0
    return _act(
        request,
        domain,
        slug,
        lambda key, now: set_interval(actor=request.principal, key=key, hours=asked, now=now),
        "Kept.",
    )


@require_POST
@page
def upload(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """Take a file as what the source says now."""
    # Before the file is looked at: what is said of a missing one would tell that there is such a text.
    visible_item(request, f"{domain}/{slug}", timezone.now())
    file = request.FILES.get("file")

    def step(key: str, now: datetime) -> object:
        if file is None or not file.name:
            raise InvalidInput("No file was chosen.", field="file", fix="Choose the file first.")
        # One byte more than a text may have is enough to refuse it.
        content = file.read(LARGEST_TEXT + 1)
        return upload_source(actor=request.principal, key=key, name=file.name, content=content, now=now)

    return _act(request, domain, slug, step, "Taken, and compared with the text in force.")


def _act(
    request: PageRequest, domain: str, slug: str, step: Callable[[str, datetime], object], done: str
) -> HttpResponse:
    try:
        step(f"{domain}/{slug}", timezone.now())
    except NotFound:
        raise
    except DomainError as error:
        messages.error(request, said(error))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(_back(domain, slug))


def _back(domain: str, slug: str) -> str:
    return f"{reverse('context:item', args=[domain, slug])}#source"


def _shown(request: PageRequest, item: ContextItem) -> dict[str, Any]:
    row = source_of(principal=request.principal, key=item.key)
    findings = Finding.objects.visible_to(request.principal).filter(detector=NAME, item=item).unsettled()
    return {
        "item": item,
        "source": row,
        "kind": KIND_WORDS[item.source_kind],
        "findings": findings.order_by("-severity", "pk"),
        "may_tend": may_tend(request.principal, item),
        "takes_file": item.source_kind == UPLOAD,
        "upload": SourceUpload.objects.filter(item=item).select_related("uploaded_by").first(),
        "intervals": INTERVALS,
        "is_link": item.source_kind == "url" and item.source_uri.startswith("https://"),
    }
