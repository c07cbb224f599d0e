"""Finds which passages and which declared claims of different items contradict each other; must not write findings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from context.claims.claim import Claim
from context.claims.conflicts import Clash, clash_of
from context.claims.deciding import Contradiction, contradiction
from context.claims.declared import declared_claims, place_in
from context.claims.places import stand_apart, words_in
from context.models import ContextVersion, Relation
from context.passages import FACTS_ANCHOR
from governance.drift.duplicates_passages import PassageText, read_texts
from governance.drift.neighbourhood import pairs_to_compare

DETECTOR_NAME = "contradiction"
# Relations that say themselves that one text differs from the other, and why.
ANSWERED = ("exception_to", "replaced_by", "translation", "conflicts_with")
TEXTS_AT_ONCE = 4_000
LEAST_AMONG_MANY = 0.85
MOST_NEIGHBOURS = 24  # of one passage that are compared with it
FEWEST_WORDS_OF_FACT = 5
_FACT = re.compile(r"[^;\n]*(?:[;\n]|\Z)")
MOST_ALIKE_CLAIMS = 200  # items that declare claims of one subject and measure; more is a template, not a rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two texts that contradict each other: the item's version, and what to show of it."""

    item_id: int
    key: str
    title: str
    version: int
    published_at: datetime
    heading: str
    anchor: str
    text: str
    sentence: tuple[int, int]
    focus: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Two sides in the order of their keys, by which rule, and why in one sentence."""

    rule: str
    a: Side
    b: Side
    sentence: str
    declared: bool = False


def conflicts_in_texts(*, at: datetime, least: float, item_ids: Sequence[int] | None = None) -> Iterator[Conflict]:
    """Of all passages in force that are near each other, or near one of these items, those that contradict."""
    pairs = pairs_to_compare(
        detector=DETECTOR_NAME,
        at=at,
        least=least,
        least_among_many=LEAST_AMONG_MANY,
        most=MOST_NEIGHBOURS,
        item_ids=item_ids,
    )
    answered = _answered()
    for part in _parts(pairs):
        texts = read_texts({passage for pair in part for passage in pair})
        for one, other in part:
            if one in texts and other in texts and (texts[one].item_id, texts[other].item_id) not in answered:
                found_here = between(texts[one], texts[other])
                if found_here is not None:
                    yield found_here


def between(one: PassageText, other: PassageText) -> Conflict | None:
    """Whether two passages contradict each other, as they stand in their items."""
    if one.key > other.key:
        one, other = other, one
    shared = _shared_scope(one.applies_to, other.applies_to)
    if one.applies_to and other.applies_to and not shared:
        return None
    if stand_apart(f"{one.title} {one.heading}", f"{other.title} {other.heading}"):
        return None
    found = contradiction(_prose(one), _prose(other), shared_scope=shared)
    return None if found is None else _conflict(one, other, found)


def _shared_scope(one: Sequence[str], other: Sequence[str]) -> frozenset[str]:
    """The words of what both apply to: entries of which one is the other, or a part of it."""
    pairs = [(words_in([ours]), words_in([theirs])) for ours in one for theirs in other]
    return frozenset().union(*(ours | theirs for ours, theirs in pairs if ours and (ours <= theirs or theirs <= ours)))


def _prose(passage: PassageText) -> str:
    """The passage with the labels of its facts, and facts that are no sentences, blanked out: places stay the same."""
    if passage.anchor != FACTS_ANCHOR:
        return passage.text
    parts = []
    for part in _FACT.findall(passage.text):
        label = part.rfind(": ") + 2 if ": " in part else 0
        said = part[label:]
        parts.append(" " * label + said if len(said.split()) >= FEWEST_WORDS_OF_FACT else " " * len(part))
        parts[-1] = parts[-1] if not part.endswith("\n") else parts[-1][:-1] + "\n"
    return "".join(parts)


def conflicts_in_claims(*, at: datetime, item_ids: Sequence[int] | None = None) -> Iterator[Conflict]:
    """Of the claims that items in force declare, those of one subject, measure, scope and role that clash."""
    versions = ContextVersion.objects.in_force(at).filter(item__retired_at__isnull=True).exclude(claims=[])
    declared: dict[tuple[object, ...], list[tuple[ContextVersion, Claim]]] = defaultdict(list)
    for version in versions.select_related("item").order_by("item__key"):
        for claim in declared_claims(version.claims):
            declared[claim.subject, claim.measure, claim.scope, claim.role].append((version, claim))
    wanted = None if item_ids is None else set(item_ids)
    answered = _answered()
    for group in declared.values():
        if len(group) > MOST_ALIKE_CLAIMS:
            continue
        for (one, ours), (other, theirs) in combinations(group, 2):
            if one.item_id == other.item_id or (one.item_id, other.item_id) in answered:
                continue
            if wanted is not None and one.item_id not in wanted and other.item_id not in wanted:
                continue
            clash = clash_of(ours, theirs)
            if clash is not None:
                yield between_declared(clash, (one, one.item.key, ours), (other, other.item.key, theirs))


Stated = tuple[ContextVersion, str, Claim]


def between_declared(clash: Clash, one: Stated, other: Stated) -> Conflict:
    """The conflict of two declared claims: each with its version and the key of its item."""
    first, second = (one, other) if one[1] <= other[1] else (other, one)
    return Conflict(
        rule=clash.rule,
        a=_declared_side(*first),
        b=_declared_side(*second),
        sentence=clash.sentence.format(a=_figure(first[2]), b=_figure(second[2])),
        declared=True,
    )


def said_since(sides: Iterable[Side]) -> dict[Side, datetime]:
    """Since when each side's item has had the sentence, version before version. One statement."""
    wanted = list(sides)
    held: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    ids = sorted({side.item_id for side in wanted})
    rows = ContextVersion.objects.filter(item_id__in=ids).order_by("item_id", "-number") if ids else ()
    for version in rows:
        held[version.item_id].append((version.published_at, _flat(version.body)))
    since = {}
    for side in wanted:
        sentence = _flat(side.text[slice(*side.sentence)])
        since[side] = side.published_at
        for published_at, body in held[side.item_id]:
            if published_at <= side.published_at:
                if sentence not in body:
                    break
                since[side] = published_at
    return since


def _flat(text: str) -> str:
    return " ".join(text.split())


def _declared_side(version: ContextVersion, key: str, claim: Claim) -> Side:
    """Shows the paragraph of the text that says it; where none does, the claim as it is declared."""
    place = place_in(claim, version.body)
    if place is None:
        text = _words(version.claims, claim)
        start, end, focus = 0, len(text), (0, len(text))
    else:
        first, after = _paragraph(version.body, place[0], place[1])
        text = version.body[first:after]
        start, end = place[0] - first, place[1] - first
        focus = (place[2][0] - first, place[2][1] - first)
    return Side(
        item_id=version.item_id or 0,
        key=key,
        title=version.title,
        version=version.number,
        published_at=version.published_at,
        heading="",
        anchor="",
        text=text,
        sentence=(start, end),
        focus=focus,
    )


def _conflict(one: PassageText, other: PassageText, found: Contradiction) -> Conflict:
    sides = []
    for passage, place in ((one, found.a), (other, found.b)):
        sides.append(
            Side(
                item_id=passage.item_id,
                key=passage.key,
                title=passage.title,
                version=passage.version,
                published_at=passage.published_at,
                heading=passage.heading,
                anchor=passage.anchor,
                text=passage.text,
                sentence=(place.start, place.end),
                focus=place.focus,
            )
        )
    return Conflict(rule=found.rule, a=sides[0], b=sides[1], sentence=found.sentence)


def _answered() -> frozenset[tuple[int, int]]:
    """Pairs of items, either way round, of which a relation says why they differ."""
    rows = list(Relation.objects.filter(type__in=ANSWERED).values_list("source_id", "target_id"))
    return frozenset([*rows, *((target, source) for source, target in rows)])


def _parts(pairs: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    for start in range(0, len(pairs), TEXTS_AT_ONCE):
        yield pairs[start : start + TEXTS_AT_ONCE]


def _paragraph(body: str, start: int, end: int) -> tuple[int, int]:
    before = body.rfind("\n\n", 0, start)
    after = body.find("\n\n", end)
    return before + 2 if before >= 0 else 0, after if after >= 0 else len(body)


def _figure(claim: Claim) -> str:
    return f"“{claim.quantity} {claim.unit}”"


def _words(rows: Iterable[Mapping[str, Any]], claim: Claim) -> str:
    for row in rows:
        if declared_claims([row]) == (claim,):
            return ", ".join(
                f"{name.replace('_', ' ')}: {said}" for name, said in row.items() if said not in (None, "")
            )
    return ""
