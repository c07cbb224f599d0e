"""The catalogue: which items a principal finds by words and facets, with counts; must not show what is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Count, F, Func, Q, QuerySet

from context.access import Principal
from context.models import ContextItem, Sensitivity
from context.search import search_items
from context.states import ItemState, with_state
from context.suggestions import suggest

PAGE_SIZE: Final = 50
OPTIONS_SHOWN: Final = 40
FACETS: Final = ("kind", "domain", "state", "owner", "sensitivity", "tag")
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "title": ("title", "key"),
    "changed": ("-current_version__published_at", "key"),
    "due": ("verified_until", "key"),
    "domain": ("domain__name", "title", "key"),
}
NOBODY: Final = "nobody"
# What a list does not show of each item's current version.
TEXTS: Final = (
    "current_version__body",
    "current_version__data",
    "current_version__claims",
    "current_version__metadata",
)
MOST_NAMED: Final = 500
MOST_FOUND: Final = 30
MOST_EXPORTED: Final = 20_000
SNIPPET_LENGTH: Final = 320
_MARKUP: Final = re.compile(r"[#*|`>~]+|-{3,}|(?<!\w)-(?!\w)")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is asked for: within a facet any of the values, across facets all of them. `owner` holds user names."""

    kind: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    sensitivity: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()

    def without(self, facet: str) -> Filters:
        return replace(self, **{facet: ()})

    @property
    def chosen(self) -> bool:
        return any(getattr(self, facet) for facet in FACETS)


@dataclass(frozen=True, kw_only=True)
class Option:
    """One value of a facet, with how many items it would leave."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Facet:
    name: str
    options: tuple[Option, ...]
    more: int


@dataclass(frozen=True, kw_only=True)
class CataloguePage:
    items: tuple[ContextItem, ...]
    total: int
    known: int
    facets: tuple[Facet, ...]
    page: int
    pages: int
    order: Mapping[int, int] = field(default_factory=dict)


def find_items(*, principal: Principal, words: str, now: datetime) -> tuple[list[int], dict[int, str]]:
    """The ids of items found, best first, and for each the passage that answers best.

    What is called so, by title, key or alias as typed so far, comes before what the search finds by words and meaning.
    """
    named = [each.item_id for each in suggest(principal=principal, typed=words, limit=MOST_NAMED)]
    tagged = ContextItem.objects.visible_to(principal).filter(tags__contains=[words.lower()]).order_by("title")
    named += tagged.values_list("pk", flat=True)[:MOST_NAMED]
    hits = search_items(principal=principal, query=words, limit=MOST_FOUND, at=now)
    ranked = dict.fromkeys([*named, *(hit.item_id for hit in hits)])
    return list(ranked), {hit.item_id: _MARKUP.sub(" ", hit.text[:SNIPPET_LENGTH]) for hit in hits}


def read_catalogue(
    *,
    principal: Principal,
    filters: Filters,
    now: datetime,
    ranked: Sequence[int] | None = None,
    sort: str = "title",
    page: int = 1,
) -> CataloguePage:
    """One page of what the principal may see. `ranked` holds the ids a search found, best first.

    Costs two queries for the page, two counts, and one for each facet.
    """
    visible = ContextItem.objects.visible_to(principal)
    found = visible if ranked is None else visible.filter(pk__in=list(ranked))
    stated = with_state(found, at=now)
    matching = _narrowed(stated, filters, now)
    total = matching.count()
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(page, 1), pages)
    start = (page - 1) * PAGE_SIZE
    # First which, then what: only the page's own rows are read whole, and no version's text.
    if ranked is not None and sort not in SORTS:
        kept = set(matching.order_by().values_list("pk", flat=True))
        wanted = [pk for pk in ranked if pk in kept][start : start + PAGE_SIZE]
    else:
        ordered = matching.order_by(*SORTS.get(sort, SORTS["title"]))
        wanted = list(ordered.values_list("pk", flat=True)[start : start + PAGE_SIZE])
    listed = with_state(ContextItem.objects.filter(pk__in=wanted), at=now)
    rows = {item.pk: item for item in listed.select_related("kind", "domain", "owner", "current_version").defer(*TEXTS)}
    return CataloguePage(
        items=tuple(rows[pk] for pk in wanted if pk in rows),
        total=total,
        known=visible.not_retired().count(),
        facets=tuple(_facet(name, _narrowed(stated, filters.without(name), now), filters) for name in FACETS),
        page=page,
        pages=pages,
    )


def list_items(
    *,
    principal: Principal,
    filters: Filters,
    now: datetime,
    ranked: Sequence[int] | None = None,
    sort: str = "title",
    keys: Sequence[str] | None = None,
) -> list[ContextItem]:
    """All that a catalogue page would lead through, up to MOST_EXPORTED, or those of `keys`; without any text."""
    visible = ContextItem.objects.visible_to(principal)
    found = visible if ranked is None else visible.filter(pk__in=list(ranked))
    stated = with_state(found if keys is None else visible.filter(key__in=list(keys)), at=now)
    matching = stated if keys is not None else _narrowed(stated, filters, now)
    ordered = matching.select_related("kind", "domain", "owner", "current_version").defer(*TEXTS)
    if ranked is not None and sort not in SORTS:
        places = {pk: place for place, pk in enumerate(ranked)}
        return sorted(ordered, key=lambda item: places.get(item.pk, len(places)))[:MOST_EXPORTED]
    return list(ordered.order_by(*SORTS.get(sort, SORTS["title"]))[:MOST_EXPORTED])


def _narrowed(items: QuerySet[ContextItem], filters: Filters, now: datetime) -> QuerySet[ContextItem]:
    if filters.kind:
        items = items.filter(kind__slug__in=filters.kind)
    if filters.domain:
        items = items.filter(domain__slug__in=filters.domain)
    if filters.owner:
        named = Q(owner__username__in=filters.owner)
        items = items.filter(named | Q(owner__isnull=True) if NOBODY in filters.owner else named)
    if filters.sensitivity:
        words = {level.word: level.value for level in Sensitivity}
        items = items.filter(sensitivity__in=[words[word] for word in filters.sensitivity if word in words])
    if filters.tag:
        items = items.filter(tags__overlap=list(filters.tag))
    # What was taken out is found only by asking for it.
    return items.filter(Q(state__in=filters.state)) if filters.state else items.exclude(retired_at__lte=now)


def _facet(name: str, items: QuerySet[ContextItem], filters: Filters) -> Facet:
    chosen = getattr(filters, name)
    counted = _counted(name, items)
    options = [Option(value=value, label=label, count=count, chosen=value in chosen) for value, label, count in counted]
    kept = [option for i, option in enumerate(options) if i < OPTIONS_SHOWN or option.chosen]
    known = {option.value for option in kept}
    kept += [Option(value=value, label=value, count=0, chosen=True) for value in chosen if value not in known]
    return Facet(name=name, options=tuple(kept), more=max(0, len(options) - OPTIONS_SHOWN))


def _counted(name: str, items: QuerySet[ContextItem]) -> list[tuple[str, str, int]]:
    rows: Any = items.order_by()  # annotated, which the type of the model does not know
    if name == "kind":
        found = rows.values_list("kind__slug", "kind__plural").annotate(n=Count("pk")).order_by("kind__plural")
        return list(found)
    if name == "domain":
        return list(rows.values_list("domain__slug", "domain__name").annotate(n=Count("pk")).order_by("domain__name"))
    if name == "owner":
        owners = (
            rows.values_list("owner__username", "owner__first_name", "owner__last_name")
            .annotate(n=Count("pk"))
            .order_by("-n", "owner__username")
        )
        return [
            (username or NOBODY, " ".join(filter(None, (first, last))) or username or "Nobody", n)
            for username, first, last, n in owners
        ]
    if name == "sensitivity":
        levels = rows.values_list("sensitivity").annotate(n=Count("pk")).order_by("sensitivity")
        return [(Sensitivity(level).word, Sensitivity(level).word.capitalize(), n) for level, n in levels]
    if name == "tag":
        tags = rows.annotate(tag=Func(F("tags"), function="unnest")).values_list("tag").annotate(n=Count("pk"))
        return [(tag, tag, n) for tag, n in tags.order_by("-n", "tag")]
    states = dict(rows.values("state").annotate(n=Count("pk")).values_list("state", "n"))
    return [(state.value, str(state.label), states[state.value]) for state in ItemState if state.value in states]
