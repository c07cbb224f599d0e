"""Detector: which texts stand twice, and which of two were edited alone? Must not judge meaning, nor write findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from context.passages import FACTS_ANCHOR
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, Proposal, evidence
from governance.drift.duplicates_divergence import Divergence, divergences
from governance.drift.duplicates_likeness import likeness, words_of
from governance.drift.duplicates_passages import PassageText, read_texts
from governance.drift.neighbourhood import pairs_to_compare

DETECTOR_NAME = "duplicate"
LEAST_COSINE = 0.85  # of passages that are read at all
LEAST_LIKENESS = 0.9
FEWEST_WORDS = 20
TEXTS_AT_ONCE = 4_000
MOST_NEIGHBOURS = 12  # of one passage that are compared with it
MOST_TOLD = 3  # pairs of passages shown for one pair of items


@dataclass(frozen=True, slots=True)
class Twin:
    """Two passages of different items, in the order of their keys, and how much they are the same."""

    a: PassageText
    b: PassageText
    likeness: float


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    least = context.number("likeness")
    fewest = int(context.number("fewest_words"))
    item_ids = None if subjects.everything else subjects.item_ids
    near = list(_near_passages(at=now, item_ids=item_ids, fewest_words=fewest))
    apart: dict[tuple[str, str], list[Divergence]] = defaultdict(list)
    for divergence in divergences([(twin.a, twin.b) for twin in near if twin.likeness < 1.0], fewest_words=fewest):
        apart[divergence.stayed.key, divergence.edited.key].append(divergence)
    alike: dict[tuple[str, str], list[Twin]] = defaultdict(list)
    for twin in near:
        if twin.likeness >= least:
            alike[twin.a.key, twin.b.key].append(twin)
    for found in apart.values():
        yield _diverged(found)
    told = {frozenset(keys) for keys in apart}
    for keys, twins in alike.items():
        if frozenset(keys) not in told:
            yield _duplicate(twins)


def _near_passages(*, at: datetime, item_ids: Sequence[int] | None, fewest_words: int) -> Iterator[Twin]:
    """Pairs of passages of different items that are near in meaning, with their likeness word by word."""
    pairs = pairs_to_compare(detector=DETECTOR_NAME, at=at, least=LEAST_COSINE, most=MOST_NEIGHBOURS, item_ids=item_ids)
    for start in range(0, len(pairs), TEXTS_AT_ONCE):
        part = pairs[start : start + TEXTS_AT_ONCE]
        texts = read_texts({passage for pair in part for passage in pair})
        words = {number: words_of(text.text) for number, text in texts.items()}
        yield from _twins(part, texts, words, fewest_words)


def _twins(
    pairs: Iterable[tuple[int, int]],
    texts: Mapping[int, PassageText],
    words: Mapping[int, tuple[str, ...]],
    fewest_words: int,
) -> Iterator[Twin]:
    for first, second in pairs:
        if first not in texts or second not in texts:
            continue
        one, other = texts[first], texts[second]
        if FACTS_ANCHOR in (one.anchor, other.anchor) or min(len(words[first]), len(words[second])) < fewest_words:
            continue
        alike = likeness(words[first], words[second], least=0.5)
        if alike >= 0.5:
            yield Twin(one, other, alike) if one.key <= other.key else Twin(other, one, alike)


def _duplicate(twins: Sequence[Twin]) -> FindingDraft:
    ordered = sorted(twins, key=lambda twin: (-len(twin.a.text), twin.a.id, twin.b.id))
    a, b = ordered[0].a, ordered[0].b
    mend, keep = (a, b) if (a.published_at, a.key) >= (b.published_at, b.key) else (b, a)
    count = "The same passage stands" if len(ordered) == 1 else f"{len(ordered)} passages stand"
    words = sum(len(words_of(twin.a.text)) for twin in ordered)
    return FindingDraft(
        cause={"items": [a.key, b.key], "what": "duplicate"},
        summary=f"“{a.title}” and “{b.title}” say the same in the same words.",
        evidence=evidence(
            sentence=f"{count} in both. An edit of one will not reach the other: keep it in one, and refer to it.",
            passages=[_excerpt(passage) for twin in ordered[:MOST_TOLD] for passage in (twin.a, twin.b)],
            figures={"passages": len(ordered), "words": words, "likeness": round(ordered[0].likeness, 3)},
        ),
        basis={"texts": sorted({passage.text for twin in ordered for passage in (twin.a, twin.b)})},
        item_id=mend.item_id,
        other_item_ids=(keep.item_id,),
        size=0.2,
    )


def _diverged(found: Sequence[Divergence]) -> FindingDraft:
    first = found[0]
    stayed, edited = first.stayed, first.edited
    return FindingDraft(
        cause={"items": sorted((stayed.key, edited.key)), "what": "divergence"},
        summary=f"“{stayed.title}” still says what “{edited.title}” said before it was edited.",
        evidence=evidence(
            sentence=(
                f"Both said the same until version {first.version} of “{edited.title}”, which changed it there alone. "
                f"{first.why}"
            ).strip(),
            passages=[
                excerpt
                for each in found[:MOST_TOLD]
                for excerpt in (
                    _excerpt(each.stayed, (each.stayed_place,)),
                    _excerpt(each.edited, (each.edited_place,)),
                )
            ],
            figures={"passages": len(found)},
        ),
        basis={"texts": sorted({text for each in found for text in (each.stayed_text, each.edited_text)})},
        item_id=stayed.item_id,
        other_item_ids=(edited.item_id,),
        size=0.6,
        proposal=Proposal(
            key=stayed.key,
            reason=f"Version {first.version} of “{edited.title}” changed the same passage.",
            replacements=tuple((each.stayed_text, each.edited_text) for each in found),
        ),
    )


def _excerpt(passage: PassageText, marks: tuple[tuple[int, int], ...] = ()) -> Excerpt:
    return Excerpt(
        key=passage.key,
        title=passage.title,
        version=passage.version,
        text=passage.text,
        marks=marks,
        heading=passage.heading,
        anchor=passage.anchor,
    )


DETECTOR = Detector(
    name=DETECTOR_NAME,
    question="Which texts stand twice, and which were edited in one place only?",
    scope=Scope.PAIRS,
    detect=detect,
    options=(
        Option(
            name="likeness",
            default=LEAST_LIKENESS,
            help="Share of words two passages have in common, in order, to count as the same.",
            least=0.7,
            most=1.0,
        ),
        Option(
            name="fewest_words",
            default=FEWEST_WORDS,
            help="Shorter passages are not looked at: standing phrases are meant to be alike.",
            least=5,
            most=200,
        ),
    ),
)
