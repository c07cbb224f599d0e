"""The pages of an item: what is in force, an older version, and two versions side by side; must not change anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from context.errors import NotFound
from context.markdown import render as render_markdown
from context.models import ContextItem, ContextVersion, Relation
from context.reading import compare_versions, versions_of
from context.restricted_reads import of_version, record_restricted
from context.schema_controls import schema_of
from context.states import with_state
from context.term_links import DefinedTerm, link_terms
from context.views.diff_rows import folded, marked, named_changes
from context.views.facts import facts_of
from context.views.pages import PageRequest, page
from context.views.panels import panels
from context.views.relation_map import relation_map
from context.views.substance import substance_of
from context.views.timeline import day_named, timeline_of

DEFINITION_SHOWN = 220


@require_GET
@page
def item(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """What is in force, may I rely on it, who uses it? With `?as_of=` what was, on that day."""
    now = timezone.now()
    subject = visible_item(request, f"{domain}/{slug}", now)
    versions = list(versions_of(principal=request.principal, key=subject.key))
    asked = request.GET.get("as_of", "") or day_named(request.GET.get("day", ""), versions=versions, now=now)
    moment = _moment(asked, now)
    if asked:
        shown = next((version for version in versions if _in_force(version, moment)), None)
    else:
        shown = next((version for version in versions if _in_force(version, now)), versions[0] if versions else None)
    return _render_item(request, subject, shown, versions, now=now, as_of=asked, moment=moment)


@require_GET
@page
def version(request: PageRequest, domain: str, slug: str, number: int) -> HttpResponse:
    """One version as it was approved."""
    now = timezone.now()
    subject = visible_item(request, f"{domain}/{slug}", now)
    versions = list(versions_of(principal=request.principal, key=subject.key))
    shown = next((each for each in versions if each.number == number), None)
    if shown is None:
        raise NotFound("There is no such version.")
    return _render_item(request, subject, shown, versions, now=now, as_of="", moment=now, by_number=True)


@require_GET
@page
def diff(request: PageRequest, domain: str, slug: str) -> HttpResponse:
    """What changed between two versions, word by word and field by field."""
    subject = visible_item(request, f"{domain}/{slug}", timezone.now())
    versions = list(versions_of(principal=request.principal, key=subject.key))
    latest = versions[0].number if versions else 0
    new = _number(request.GET.get("to"), latest)
    compared = compare_versions(
        principal=request.principal,
        key=subject.key,
        old=_number(request.GET.get("from"), max(1, new - 1)),
        new=new,
    )
    context = {
        "item": subject,
        "old": compared.old,
        "new": compared.new,
        "versions": versions,
        "text": compared.body,
        "blocks": folded(marked(compared.body)),
        "substance": substance_of(compared.body),
        "fields": named_changes(compared.fields, schema_of(subject.kind)),
    }
    response = render(request, "context/diff.html", context)
    shown = [of_version(subject, compared.old), of_version(subject, compared.new)]
    record_restricted(principal=request.principal, texts=shown, how="diff", now=timezone.now())
    return response


def visible_item(request: PageRequest, key: str, now: datetime) -> ContextItem:
    """The item of that key with its state, or NotFound where there is none for this person."""
    items = ContextItem.objects.visible_to(request.principal).select_related(
        "kind", "domain", "domain__owner", "owner", "verified_by", "current_version", "replaced_by"
    )
    found = with_state(items, at=now).filter(key=key).first()
    if found is None:
        raise NotFound("There is no such item.")
    return found


def item_href(key: str) -> str:
    """The page of an item by its key; the page itself says where there is none."""
    domain, _, slug = key.partition("/")
    try:
        return reverse("context:item", args=[domain, slug])
    except ValueError:
        return "#"


def _render_item(
    request: PageRequest,
    subject: ContextItem,
    shown: ContextVersion | None,
    versions: list[ContextVersion],
    *,
    now: datetime,
    as_of: str,
    moment: datetime,
    by_number: bool = False,
) -> HttpResponse:
    principal = request.principal
    # The list of versions comes without their texts; the one that is shown is read whole.
    shown = ContextVersion.objects.get(pk=shown.pk) if shown is not None else None
    in_force = next((each for each in versions if _in_force(each, now)), None)
    rendered = render_markdown(shown.body, item_href=item_href) if shown else ""
    permitted = ContextItem.objects.visible_to(principal)
    outgoing = Relation.objects.filter(source=subject, target__in=permitted).select_related("target__kind")
    incoming = Relation.objects.filter(target=subject, source__in=permitted).select_related("source__kind")
    context = {
        "now": now,
        "item": subject,
        "shown": shown,
        "in_force": in_force,
        "versions": versions,
        "by_number": by_number,
        "as_of": as_of,
        "moment": moment,
        "html": link_terms(rendered, _terms(request, subject)),
        "facts": facts_of(schema_of(subject.kind), shown.data) if shown else [],
        "claims": shown.claims if shown else [],
        "line": timeline_of(versions=versions, shown=shown, now=now, moment=moment),
        "map": relation_map(title=subject.title, outgoing=outgoing, incoming=incoming),
        "outgoing": outgoing,
        "incoming": incoming,
        "stewards": subject.stewards.all(),
        "audiences": subject.audiences.all(),
        "may_see_replacement": subject.replaced_by_id is not None
        and permitted.filter(pk=subject.replaced_by_id).exists(),
        "panels": panels(settings.ITEM_PANELS, request, item=subject, now=now),
    }
    response = render(request, "context/item.html", context)
    if shown is not None:
        record_restricted(principal=principal, texts=[of_version(subject, shown)], how="page", now=now)
    return response


def _terms(request: PageRequest, subject: ContextItem) -> list[DefinedTerm]:
    """Every term in force that the person may see. One query."""
    terms = (
        ContextVersion.objects.visible_to(request.principal)
        .in_force(timezone.now())
        .filter(item__kind__slug="term")
        .exclude(item=subject)
        .values_list("item__key", "title", "data")
    )
    return [
        DefinedTerm(
            words=(title, *_strings(data.get("aliases")), *_strings([data.get("abbreviation")])),
            href=item_href(key),
            definition=str(data.get("definition", ""))[:DEFINITION_SHOWN],
        )
        for key, title, data in terms
    ]


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(entry for entry in value if isinstance(entry, str) and entry) if isinstance(value, list) else ()


def _in_force(version: ContextVersion, at: datetime) -> bool:
    return (
        version.published_at <= at
        and version.valid_from <= at
        and (version.valid_to is None or version.valid_to > at)
        and (version.superseded_at is None or version.superseded_at > at)
    )


def _moment(asked: str, now: datetime) -> datetime:
    """The end of the day asked for, or now where that day is not over or says nothing."""
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        return now
    return min(now, datetime.combine(day, time.max, tzinfo=UTC))


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else default
