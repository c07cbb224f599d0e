"""Small worlds of texts, drawn at random, written fast, and judged by a second reading of the rules; no tests.

A world is written under the pen of a change that was published in the same transaction: some rows in each of six
tables, in as many statements, so that thousands can be tried. `permitted` says by hand, in Python, what a reader may
be given at a moment; the product says it in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from hypothesis import strategies as st

from context.access import Principal
from context.models import ContextItem, ContextVersion, Kind, Passage, Relation, Sensitivity
from tests.cast import Cast

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Version:
    """Days are counted from the present; `known` is when it was published."""

    known: int
    begins: int
    ends: int | None
    sensitivity: int
    board: bool


@dataclass(frozen=True, kw_only=True)
class Item:
    place: int
    sales: bool
    tag: bool
    versions: tuple[Version, ...]
    retired: int | None
    leads_to: frozenset[int] = frozenset()

    @property
    def key(self) -> str:
        return f"{'sales' if self.sales else 'legal'}/text-{self.place}"

    @property
    def now(self) -> Version:
        """The version whose metadata the item's row has: the last one that was published."""
        return self.versions[-1]

    def superseded(self, number: int) -> int | None:
        """The day from which another version is in force instead of this one, or the item is retired."""
        ends = [max(later.known, later.begins) for later in self.versions[number:]]
        return min([*ends, *([self.retired] if self.retired is not None else [])], default=None)

    def in_force(self, day: float) -> int | None:
        """The number of the version in force."""
        for number in range(len(self.versions), 0, -1):
            version, until = self.versions[number - 1], self.superseded(number)
            if (
                version.known <= day
                and version.begins <= day
                and (version.ends is None or day < version.ends)
                and (until is None or day < until)
            ):
                return number if self.retired is None or day < self.retired else None
        return None


@dataclass(frozen=True, kw_only=True)
class World:
    """`absent` are items that are not there, though the texts of others may name their keys."""

    items: tuple[Item, ...]
    absent: tuple[Item, ...] = ()

    @property
    def named(self) -> list[Item]:
        return sorted((*self.items, *self.absent), key=lambda item: item.place)

    def without_hidden_from(self, reader: Reader) -> World:
        """The world as the reader may know it."""
        seen = [reader.may(item, item.now) for item in self.items]
        return World(
            items=tuple(item for item, kept in zip(self.items, seen, strict=True) if kept),
            absent=tuple(item for item, kept in zip(self.items, seen, strict=True) if not kept),
        )


@dataclass(frozen=True, kw_only=True)
class Reader:
    clearance: int
    board: bool
    sales: bool
    legal: bool

    def may(self, item: Item, version: Version) -> bool:
        return (
            version.sensitivity <= self.clearance
            and (self.board or not version.board)
            and (self.sales if item.sales else self.legal)
        )

    def principal(self, cast: Cast, then: Reader | None = None) -> Principal:
        domains = {cast.sales.pk: self.sales, cast.legal.pk: self.legal}
        return Principal(
            kind="agent",
            id=1,
            label="Agent",
            clearance=self.clearance,
            groups=frozenset([cast.counsel.pk] if self.board else []),
            domains=frozenset(pk for pk, held in domains.items() if held),
            then=then.principal(cast) if then is not None else None,
        )


def permitted(world: World, reader: Reader, day: float | None, then: Reader | None) -> set[tuple[str, int]]:
    """What may be given: in force at that moment, open to the reader as it stands, as it was, and as they were."""
    found = set()
    for item in world.items:
        number = item.in_force(0 if day is None else day)
        if number is None or not reader.may(item, item.now):
            continue
        version = item.versions[number - 1]
        if reader.may(item, version) and (day is None or then is None or then.may(item, version)):
            found.add((item.key, number))
    return found


@st.composite
def versions(draw: st.DrawFn) -> tuple[Version, ...]:
    count = draw(st.integers(1, 3))
    known = sorted(draw(st.lists(st.integers(-9, -1), min_size=count, max_size=count, unique=True)))
    made = []
    for day in known:
        begins = draw(st.sampled_from([day, day, day - 3, day + 2, 4]))
        ends = draw(st.sampled_from([None, None, begins + 2, begins + 6]))
        made.append(
            Version(
                known=day,
                begins=begins,
                ends=ends,
                sensitivity=draw(st.integers(0, 3)),
                board=draw(st.booleans()),
            )
        )
    return tuple(made)


@st.composite
def worlds(draw: st.DrawFn, most: int = 5) -> World:
    count = draw(st.integers(1, most))
    made = []
    for place in range(count):
        own = draw(versions())
        retired = draw(st.sampled_from([None, None, None, 0])) if own[-1].known < 0 else None
        targets = draw(st.frozensets(st.integers(0, count - 1), max_size=2)) - {place}
        made.append(
            Item(
                place=place,
                sales=draw(st.booleans()),
                tag=draw(st.booleans()),
                versions=own,
                retired=retired,
                leads_to=targets,
            )
        )
    return World(items=tuple(made))


readers = st.builds(Reader, clearance=st.integers(0, 3), board=st.booleans(), sales=st.booleans(), legal=st.booleans())


def marker(key: str, number: int) -> str:
    """A word that stands in the text of this version alone."""
    return "mark" + key.replace("/", "").replace("-", "") + "v" + str(number)


def write(world: World, cast: Cast, *, present: datetime, change: int) -> None:
    """Insert the world as publication would have left it, by the pen of `change`, published in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('plumbline.pen', %s, true)", [f"publish:{change}"])
    policy = Kind.objects.get(slug="policy")

    def moment(day: int) -> datetime:
        return present + day * DAY

    def until(day: int | None) -> datetime | None:
        return None if day is None else moment(day)

    items = ContextItem.objects.bulk_create(
        ContextItem(
            key=item.key,
            kind=policy,
            domain=cast.sales if item.sales else cast.legal,
            title=f"Text {item.place}",
            sensitivity=item.now.sensitivity,
            tags=["tagged"] if item.tag else [],
            retired_at=until(item.retired),
            verified_at=moment(item.now.known),
            verified_until=present + 100 * DAY,
            created_at=present - 20 * DAY,
        )
        for item in world.items
    )
    rows = dict(zip([item.place for item in world.items], items, strict=True))
    audiences = ContextItem.audiences.through._default_manager
    audiences.bulk_create(
        audiences.model(contextitem_id=rows[item.place].pk, group_id=cast.counsel.pk)
        for item in world.items
        if item.now.board
    )
    made = ContextVersion.objects.bulk_create(
        ContextVersion(
            item=rows[item.place],
            number=number,
            title=f"Text {item.place}",
            body=f"Common words {marker(item.key, number)}.",
            metadata={
                "kind": "policy",
                "domain": "sales" if item.sales else "legal",
                "owner": None,
                "stewards": [],
                "sensitivity": Sensitivity(version.sensitivity).word,
                "audiences": [cast.counsel.name] if version.board else [],
                "tags": ["tagged"] if item.tag else [],
                "review_interval_days": 100,
                "relations": [
                    {"type": "depends_on", "key": other.key} for other in world.named if other.place in item.leads_to
                ],
                "source": None,
            },
            valid_from=moment(version.begins),
            valid_to=until(version.ends),
            published_at=moment(version.known),
            superseded_at=until(item.superseded(number)),
            digest=f"{item.place:032x}{number:032x}",
            change_number=number,
            author_label="Ada",
            approvals=[],
        )
        for item in world.items
        for number, version in enumerate(item.versions, start=1)
    )
    latest = {version.item_id: version for version in made}
    for row in items:
        row.current_version = latest[row.pk]
    ContextItem.objects.bulk_update(items, ["current_version"])
    Relation.objects.bulk_create(
        Relation(source=rows[item.place], target=rows[target], type="depends_on")
        for item in world.items
        for target in item.leads_to
        if target in rows
    )
    _write_passages(world, made, rows, present)


def _write_passages(
    world: World, made: Sequence[ContextVersion], rows: dict[int, ContextItem], present: datetime
) -> None:
    """Of what is in force, and of what is planned: but nothing of the former that a wider audience would find.

    What was in force otherwise is among the past ones.
    """
    by_place = {(version.item_id, version.number): version for version in made}
    wanted = []
    past = []
    for item in world.items:
        number = item.in_force(0)
        last = len(item.versions)
        for each in sorted({number or last, last}) if item.retired is None else ():
            version = by_place[rows[item.place].pk, each]
            stated = item.versions[each - 1]
            if each == number != last and not (
                stated.sensitivity <= item.now.sensitivity and (item.now.board or not stated.board)
            ):
                continue
            wanted.append(
                Passage(
                    item=rows[item.place],
                    version=version,
                    ordinal=0,
                    heading_path="",
                    anchor="",
                    text=version.body,
                    token_count=5,
                    in_force_from=max(version.published_at, version.valid_from),
                    in_force_until=min(
                        (end for end in (version.valid_to, version.superseded_at) if end is not None), default=None
                    ),
                )
            )
        present_ones = {each.version_id for each in wanted}
        for number, stated in enumerate(item.versions, start=1):
            version = by_place[rows[item.place].pk, number]
            begins = max(stated.known, stated.begins)
            ends = min((end for end in (stated.ends, item.superseded(number)) if end is not None), default=begins)
            if version.pk not in present_ones and begins < ends:
                past.append((version.item_id, version.pk, version.body, present + begins * DAY, present + ends * DAY))
    Passage.objects.bulk_create(wanted)
    with connection.cursor() as cursor:
        cursor.executemany(_PAST, past)


# Under the number of a passage, as filing has it.
_PAST = """
INSERT INTO context_pastpassage (
    id, item_id, version_id, ordinal, heading_path, anchor, text, token_count, embedding_model, words, filed,
    in_force_from, in_force_until
)
SELECT nextval(pg_get_serial_sequence('context_passage', 'id')), item, version, 0, '', '', body, 5, '',
       plumbline_words('', body), plumbline_words_alone(plumbline_filed(0, '', body)), begins, ends
FROM (SELECT %s AS item, %s AS version, %s AS body, %s::timestamptz AS begins, %s::timestamptz AS ends) AS old
"""
