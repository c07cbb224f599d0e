"""What payloads name, looked up once each and as the actor may see it; must not write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group

from context.access import Principal
from context.errors import DomainError
from context.models import ContextItem, Domain, Kind, User
from context.row_security import reading_as_system
from governance.intervals import interval_for
from governance.models import ReviewInterval


class UnknownReference(DomainError):
    """A named kind, domain, person, group or item is not there, or not the actor's to see."""

    type = "unknown-reference"
    title = "Something named here does not exist"
    status = 422


@dataclass(kw_only=True)
class References:
    """Looks up what payloads name, each thing once, so that 250 edits cost a handful of queries."""

    principal: Principal
    # What the same change creates: the payloads of those items, as far as they were given, by key.
    created: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _kinds: dict[str, Kind] = field(default_factory=dict)
    _intervals: list[ReviewInterval] | None = None
    _domains: dict[str, Domain] = field(default_factory=dict)
    _groups: dict[str, Group] = field(default_factory=dict)
    _users: dict[str, User | None] = field(default_factory=dict)
    _items: dict[str, ContextItem | None] = field(default_factory=dict)
    _taken: dict[str, bool] = field(default_factory=dict)

    @property
    def created_keys(self) -> set[str]:
        return set(self.created)

    def kind(self, slug: Any) -> Kind:
        if not self._kinds:
            self._kinds = {kind.slug: kind for kind in Kind.objects.all()}
        if not isinstance(slug, str) or slug not in self._kinds:
            known = ", ".join(sorted(self._kinds))
            raise UnknownReference(f"There is no kind {shown(slug)}.", field="kind", fix=f"Use one of: {known}.")
        return self._kinds[slug]

    def interval(self, kind: Kind, sensitivity: int) -> int:
        """Days until a new item of this kind at this sensitivity is to be confirmed."""
        if self._intervals is None:
            self._intervals = list(ReviewInterval.objects.all())
        return interval_for(kind=kind, sensitivity=sensitivity, intervals=self._intervals)

    def domain(self, slug: Any) -> Domain:
        if not isinstance(slug, str) or slug not in self._domains:
            self._domains = {domain.slug: domain for domain in Domain.objects.select_related("parent", "owner")}
        if not isinstance(slug, str) or slug not in self._domains:
            known = ", ".join(sorted(self._domains)) or "none yet: an administrator adds the first"
            raise UnknownReference(f"There is no domain {shown(slug)}.", field="domain", fix=f"Use one of: {known}.")
        return self._domains[slug]

    def user(self, username: Any, *, field_name: str) -> User:
        if isinstance(username, str) and username not in self._users:
            self._users[username] = User.objects.filter(username=username).first()
        found = self._users.get(username) if isinstance(username, str) else None
        if found is None:
            raise UnknownReference(
                f"There is no person {shown(username)}.", field=field_name, fix="Give the username of a person."
            )
        return found

    def group(self, name: Any) -> Group:
        if not isinstance(name, str) or name not in self._groups:
            self._groups = {group.name: group for group in Group.objects.all()}
        if not isinstance(name, str) or name not in self._groups:
            raise UnknownReference(
                f"There is no audience {shown(name)}.", field="audiences", fix="Give the name of a group."
            )
        return self._groups[name]

    def load_items(self, keys: Iterable[str]) -> None:
        """Fetch these items in one query, so that `item` does not ask for each."""
        wanted = {key for key in keys if key not in self._items}
        if not wanted:
            return
        found = ContextItem.objects.visible_to(self.principal).select_related(
            "kind", "domain__parent", "owner", "current_version"
        )
        by_key = {item.key: item for item in found.filter(key__in=wanted)}
        self._items.update({key: by_key.get(key) for key in wanted})

    def load_taken(self, keys: Iterable[str]) -> None:
        """Ask for these keys in one query, so that `is_taken` does not ask for each."""
        wanted = {key for key in keys if key not in self._taken}
        if wanted:
            with reading_as_system():
                present = set(ContextItem.objects.filter(key__in=wanted).values_list("key", flat=True))
            self._taken.update({key: key in present for key in wanted})

    def is_taken(self, key: str) -> bool:
        """Whether there is such an item, the actor's to see or not: keys are names, not secrets."""
        self.load_taken([key])
        return self._taken[key]

    def item(self, key: str) -> ContextItem | None:
        """The item, or None where there is none or the actor may not know of it."""
        if key not in self._items:
            self.load_items([key])
        return self._items[key]


def shown(value: Any) -> str:
    return repr(value)[:80]
