"""Reads items and their versions as they are, or as they were known at a moment; must not find what is hidden."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from context.access import Principal, domain_ids_at_or_below
from context.diffs import FieldChange, TextDiff, diff_fields, diff_text
from context.errors import InvalidInput, NotFound
from context.models import ContextItem, ContextVersion, Domain, Kind, Relation, Sensitivity
from context.states import with_state
from context.term_lookup import open_terms

IN_FORCE_THEN = "in_force_then"
TEXT_FIELDS = ("body", "data", "claims")


class UnknownFilter(InvalidInput):
    """A filter names a kind or domain that there is not: an empty answer would read as if there were no items."""

    type = "invalid-parameter"
    title = "A query parameter is not valid"
    status = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemFilters:
    """Which items are asked for. `domain` includes those below it; an item has all of `tags`. Empty: not filtered."""

    kind: str = ""
    domain: str = ""
    owner: str = ""
    sensitivity: str = ""
    tags: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemReading:
    """An item, the version in force at the moment asked for (None: none was), and the visible ends of its relations."""

    item: ContextItem
    version: ContextVersion | None
    relations: tuple[Relation, ...]
    replaced_by: ContextItem | None


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionReading:
    """A version with the relations it was approved with, as far as the principal may know their other ends."""

    item: ContextItem
    version: ContextVersion
    relations: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionComparison:
    """What differs between two versions of an item."""

    old: ContextVersion
    new: ContextVersion
    body: TextDiff
    fields: tuple[FieldChange, ...]


def items_in_force(*, principal: Principal, filters: ItemFilters, at: datetime) -> QuerySet[ContextItem]:
    """The visible items with a version in force at `at`, that version (without its text) in `in_force_then`.

    Judged by the item's metadata now. Two queries when read, whatever their number.
    """
    versions = ContextVersion.objects.visible_to(principal).in_force(at)
    items = ContextItem.objects.visible_to(principal).filter(Exists(versions.filter(item=OuterRef("pk"))))
    if filters.kind:
        items = items.filter(kind=_kind(filters.kind))
    if filters.domain:
        items = items.filter(domain_id__in=domain_ids_at_or_below([_domain(filters.domain)]))
    if filters.owner:
        items = items.filter(owner__username=filters.owner)
    if filters.sensitivity:
        items = items.filter(sensitivity=Sensitivity.from_word(filters.sensitivity))
    if filters.tags:
        items = items.filter(tags__contains=list(filters.tags))
    for word in filters.words.split()[:20]:
        items = items.filter(Q(title__icontains=word) | Q(key__icontains=word) | Q(tags__contains=[word]))
    return (
        with_state(items, at=at)
        .select_related("kind", "domain", "owner")
        .prefetch_related(Prefetch("versions", queryset=versions.defer(*TEXT_FIELDS), to_attr=IN_FORCE_THEN))
    )


def read_item(*, principal: Principal, key: str, at: datetime) -> ItemReading:
    """One item as it stood at `at`. NotFound where it is not there, or not the principal's to see."""
    items = with_state(ContextItem.objects.visible_to(principal), at=at).select_related(
        "kind", "domain", "owner", "verified_by", "replaced_by"
    )
    item = items.prefetch_related("stewards", "audiences").filter(key=key).first()
    if item is None:
        raise _no_such_item()
    visible = ContextItem.objects.visible_to(principal)
    relations = Relation.objects.filter(source=item, target__in=visible).select_related("target")
    replaced_by = item.replaced_by
    if replaced_by is not None and not visible.filter(pk=replaced_by.pk).exists():
        replaced_by = None
    return ItemReading(
        item=item,
        version=ContextVersion.objects.visible_to(principal).in_force(at).filter(item=item).first(),
        relations=tuple(relations.order_by("type", "target__key")),
        replaced_by=replaced_by,
    )


def versions_of(*, principal: Principal, key: str) -> QuerySet[ContextVersion]:
    """The versions of a visible item, without their text, newest first."""
    _require_item(principal, key)
    return ContextVersion.objects.visible_to(principal).filter(item__key=key).defer(*TEXT_FIELDS).order_by("-number")


def read_version(*, principal: Principal, key: str, number: int) -> VersionReading:
    """One version with its text, whether or not it is in force."""
    version = _version(principal, key, number)
    stated = version.metadata.get("relations") or []
    seen = set(
        ContextItem.objects.visible_to(principal)
        .filter(key__in=[relation["key"] for relation in stated])
        .values_list("key", flat=True)
    )
    return VersionReading(
        item=version.item,
        version=version,
        relations=tuple(relation for relation in stated if relation["key"] in seen),
    )


def compare_versions(*, principal: Principal, key: str, old: int, new: int) -> VersionComparison:
    """What `new` says otherwise than `old`: text by word, everything else by field."""
    before = read_version(principal=principal, key=key, number=old)
    after = read_version(principal=principal, key=key, number=new)
    texts = before.version.body, after.version.body
    least = min(Sensitivity.from_word(each.version.metadata["sensitivity"]) for each in (before, after))
    return VersionComparison(
        old=before.version,
        new=after.version,
        body=diff_text(*texts, terms=open_terms().standing_in(*texts, sensitivity=least)),
        fields=tuple(diff_fields(_fields(before), _fields(after))),
    )


def require_items(*, principal: Principal, keys: Collection[str]) -> None:
    """NotFound unless the principal may see every one of these items. One query."""
    if ContextItem.objects.visible_to(principal).filter(key__in=keys).count() < len(set(keys)):
        raise _no_such_item()


def kinds() -> list[Kind]:
    """Every kind, by name. One query."""
    return list(Kind.objects.order_by("name"))


def domains_of(*, principal: Principal) -> list[Domain]:
    """The domains, by name; for an agent those it reads in. One query."""
    domains = Domain.objects.select_related("parent", "owner").order_by("name")
    return list(domains if principal.domains is None else domains.filter(pk__in=principal.domains))


def _fields(reading: VersionReading) -> dict[str, object]:
    version = reading.version
    return {
        "title": version.title,
        "data": version.data,
        "claims": version.claims,
        "locale": version.locale,
        "valid_to": version.valid_to.isoformat() if version.valid_to else None,
        "metadata": {**version.metadata, "relations": list(reading.relations)},
    }


def _version(principal: Principal, key: str, number: int) -> ContextVersion:
    _require_item(principal, key)
    versions = ContextVersion.objects.visible_to(principal).select_related("item")
    version = versions.filter(item__key=key, number=number).first()
    if version is None:
        raise NotFound("There is no such version.")
    return version


def _require_item(principal: Principal, key: str) -> None:
    if not ContextItem.objects.visible_to(principal).filter(key=key).exists():
        raise _no_such_item()


def _no_such_item() -> NotFound:
    return NotFound("There is no such item.")


def _kind(slug: str) -> Kind:
    kinds = {kind.slug: kind for kind in Kind.objects.all()}
    if slug not in kinds:
        raise UnknownFilter("There is no such kind.", field="kind", fix=f"Use one of: {', '.join(sorted(kinds))}.")
    return kinds[slug]


def _domain(slug: str) -> Domain:
    domain = Domain.objects.filter(slug=slug).first()
    if domain is None:
        raise UnknownFilter("There is no such domain.", field="domain", fix="Take a slug from the list of domains.")
    return domain
