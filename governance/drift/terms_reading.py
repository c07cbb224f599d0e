"""The organisation's terms as they are written, rightly and wrongly, now and before; must not look at other texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from context.access import SYSTEM, Principal
from context.models import ContextVersion
from governance.drift.terms_matching import Matcher, Name, is_distinctive

TERM_KIND = "term"
Standing = Literal["right", "deprecated", "renamed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One term in force. `former` are names that an earlier version had and no version in force of any term has."""

    item_id: int
    key: str
    title: str
    version: int
    abbreviation: str
    aliases: tuple[str, ...]
    deprecated: tuple[str, ...]
    former: tuple[tuple[str, int], ...] = ()
    definition: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What may be written for it, the title first."""
        return tuple(name for name in (self.title, *self.aliases, self.abbreviation) if name)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name stands for, and whether it may be used. `since` is the version that renamed the term."""

    term: Term
    standing: Standing
    since: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """All terms a reader may know, and what finds them in a text."""

    terms: tuple[Term, ...]
    matcher: Matcher[Meaning]


def read_terms(*, at: datetime, principal: Principal = SYSTEM) -> Terms:
    """The terms in force that the principal may know. Two statements."""
    versions = ContextVersion.objects.visible_to(principal).in_force(at).filter(item__kind__slug=TERM_KIND)
    rows = list(versions.filter(item__retired_at__isnull=True).select_related("item").order_by("item__key"))
    return terms_of([_term(row) for row in rows], former=_former(rows, principal))


def terms_of(terms: Sequence[Term], *, former: Sequence[tuple[str, int, str]] = ()) -> Terms:
    """The terms with what finds them. `former`: key of the term, the version before it had another name, that name."""
    right = {name.casefold() for term in terms for name in term.names}
    wrong = {name.casefold() for term in terms for name in term.deprecated}
    gone: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, version, name in former:
        known = {said.casefold() for said, _ in gone[key]}
        if name.casefold() not in right | wrong | known:
            gone[key].append((name, version))
    held = tuple(
        Term(
            item_id=term.item_id,
            key=term.key,
            title=term.title,
            version=term.version,
            abbreviation=term.abbreviation,
            aliases=term.aliases,
            # What is deprecated for one term may be another's right name: then only people can tell.
            deprecated=tuple(name for name in term.deprecated if name.casefold() not in right),
            former=tuple(gone[term.key]),
            definition=term.definition,
        )
        for term in terms
    )
    return Terms(held, Matcher(_names(held)))


def _names(terms: Iterable[Term]) -> Iterable[Name[Meaning]]:
    for term in terms:
        for name in term.names:
            yield Name(name, Meaning(term, "right"), is_distinctive(name))
        for name in term.deprecated:
            yield Name(name, Meaning(term, "deprecated"), is_distinctive(name))
        for name, since in term.former:
            yield Name(name, Meaning(term, "renamed", since), is_distinctive(name))


def _term(version: ContextVersion) -> Term:
    return Term(
        item_id=version.item_id,
        key=version.item.key,
        title=version.title,
        version=version.number,
        abbreviation=str(version.data.get("abbreviation") or ""),
        aliases=_texts(version.data.get("aliases")),
        deprecated=_texts(version.data.get("deprecated_aliases")),
        definition=str(version.data.get("definition") or ""),
    )


def _former(rows: Sequence[ContextVersion], principal: Principal) -> list[tuple[str, int, str]]:
    """Titles and aliases of earlier versions: key, the version that came after, the name."""
    keys = {row.item_id: (row.item.key, row.number) for row in rows if row.number > 1}
    earlier = (
        ContextVersion.objects.visible_to(principal).filter(item_id__in=sorted(keys)).order_by("item_id", "-number")
    )
    found = []
    for item_id, number, title, data in earlier.values_list("item_id", "number", "title", "data"):
        key, current = keys[item_id]
        if number < current:
            names = (title, str(data.get("abbreviation") or ""), *_texts(data.get("aliases")))
            found += [(key, number + 1, name) for name in names if name]
    return found


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value if str(each).strip()) if isinstance(value, list) else ()
