"""Search as callers ask for it, kinds and domains by name; must not rank (context/search.py does)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from context.access import Principal, domain_ids_at_or_below
from context.models import Domain, Kind
from context.reading import UnknownFilter
from context.search import SearchAnswer, search


def find_passages(
    *,
    principal: Principal,
    query: str,
    limit: int,
    at: datetime,
    kinds: Collection[str] = (),
    domains: Collection[str] = (),
) -> SearchAnswer:
    """The passages in force that answer `query` best, in any of the kinds and of the domains or below them.

    UnknownFilter where a name is none: no hits would read as if nothing were known.
    """
    _check("kind", kinds, Kind.objects.values_list("slug", flat=True) if kinds else ())
    found = list(Domain.objects.filter(slug__in=domains)) if domains else []
    _check("domain", domains, [domain.slug for domain in found])
    below = Domain.objects.filter(pk__in=domain_ids_at_or_below(found)) if found else Domain.objects.none()
    return search(
        principal=principal,
        query=query,
        limit=limit,
        at=at,
        kinds=sorted(set(kinds)) or None,
        domains=sorted(below.values_list("slug", flat=True)) if found else None,
    )


def _check(name: str, wanted: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        raise UnknownFilter(f"There is no such {name}.", field=name, fix=f"Take a slug from the list of {name}s.")
