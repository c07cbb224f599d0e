"""Finds the people here whom a tree's CODEOWNERS names; must not make people or give rights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.contrib.auth.models import Group

from context.models import Domain, User
from governance.codeowners import find

MOST_STEWARDS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """The username that owns a page and those that steward it; the names nobody here answers to."""

    owner: str | None
    stewards: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


class Owners:
    """Who owns the pages of one tree.

    The first person named owns it, the others and the members of named teams steward it. Where no person is named
    the domain's owner does.
    """

    def __init__(self, root: Path, domain: Domain) -> None:
        self._rules = find(root)
        self._default = domain.owner.username if domain.owner is not None else None
        self._known: dict[str, tuple[list[str], bool] | None] = {}

    def of(self, path: PurePosixPath) -> Ownership:
        people: list[str] = []
        members: list[str] = []
        unmatched: list[str] = []
        for name in self._rules.owners_of(path):
            found = self._lookup(name)
            if found is None:
                unmatched.append(name)
            elif found[1]:
                members += found[0]
            else:
                people += found[0]
        owner = people[0] if people else self._default
        others = [name for name in dict.fromkeys(people + members) if name != owner]
        return Ownership(owner=owner, stewards=tuple(sorted(others[:MOST_STEWARDS])), unmatched=tuple(unmatched))

    def _lookup(self, name: str) -> tuple[list[str], bool] | None:
        """The usernames a name stands for, and whether it is a team's; None where nobody answers to it."""
        if name not in self._known:
            self._known[name] = _team(name) if "/" in name else _person(name)
        return self._known[name]


def _person(name: str) -> tuple[list[str], bool] | None:
    active = User.objects.filter(is_active=True)
    if name.startswith("@"):
        found = active.filter(username__iexact=name[1:]).first()
    else:
        found = active.filter(email__iexact=name).first()
    return ([found.username], False) if found is not None else None


def _team(name: str) -> tuple[list[str], bool] | None:
    whole = name.removeprefix("@")
    short = whole.rpartition("/")[2]
    group = Group.objects.filter(name__iexact=whole).first() or Group.objects.filter(name__iexact=short).first()
    if group is None:
        return None
    members = User.objects.filter(groups=group, is_active=True).order_by("username").values_list("username", flat=True)
    return list(members), True
