"""Who may see one change, asked often: the same as the rule, for everybody, whatever was asked before."""

from __future__ import annotations

from dataclasses import replace

from context.access import SYSTEM, principal_for
from context.models import User
from governance.models import Change
from governance.sight import may_see, seen
from tests.cast import Cast, creation, propose, submit


def test_may_see__every_reader_and_change__is_the_rule_that_lists_follow(cast: Cast) -> None:
    changes = [
        propose(cast, creation("legal/draft")),
        submit(cast, creation("legal/open")),
        submit(cast, creation("legal/secret", sensitivity="confidential")),
        submit(cast, creation("legal/ours", audiences=["counsel"], owner="owner")),
    ]
    cast.outsider.groups.add(cast.counsel)
    people = [principal_for(person) for person in User.objects.order_by("pk")]
    agents = [
        replace(people[0], kind="agent", roles=frozenset(), domains=frozenset({domain.pk}))
        for domain in (cast.legal, cast.sales)
    ]
    readers = [*people, *agents, SYSTEM, *(replace(each, clearance=0, label="Less") for each in people)]

    def stated() -> set[tuple[int, int]]:
        return {
            (number, pk)
            for number, reader in enumerate(readers)
            for pk in Change.objects.visible_to(reader).values_list("pk", flat=True)
        }

    def asked() -> set[tuple[int, int]]:
        return {
            (number, each.pk) for number, reader in enumerate(readers) for each in changes if may_see(reader, each.pk)
        }

    def got() -> set[tuple[int, int]]:
        return {
            (number, pk)
            for number, reader in enumerate(readers)
            for each in changes
            for pk in Change.objects.filter(pk__in=seen(reader, each.pk)).values_list("pk", flat=True)
        }

    before = asked()
    assert before == got() == stated()
    assert 0 < len(before) < len(readers) * len(changes)
    changes[0].editors.add(cast.reviewer)
    Change.objects.filter(pk=changes[1].pk).update(state="draft")
    assert asked() == got() == stated() != before


def test_may_see__right_given_or_taken_since__counts_at_once(cast: Cast) -> None:
    change = submit(cast, creation("legal/secret", sensitivity="confidential"))
    for clearance, expected in ((1, False), (2, True), (1, False)):
        User.objects.filter(pk=cast.outsider.pk).update(clearance=clearance)
        assert may_see(principal_for(User.objects.get(pk=cast.outsider.pk)), change.pk) is expected


def test_may_see__number_of_no_change__nobody_may(db: None) -> None:
    assert not may_see(SYSTEM, 10**30)
