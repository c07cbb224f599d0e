"""Knows served text again: what an agent was given is no new evidence when it comes back; must not judge what is new.

Words are compared without case, marks and Markdown, in runs of five (shingles). Of each four neighbouring hashes the
least is kept (winnowing): a run of eight words in common is then always noticed, and the exact comparison follows.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.models import Bundle, TextPrint
from context.markdown import plain_text
from context.models import ContextVersion
from context.row_security import reading_as_system

SHINGLE, WINDOW = 5, 4
ECHO_SHARE = 0.6
REMEMBERED = timedelta(days=90)
MOST_BUNDLES, MOST_TEXTS, MOST_COMPARED = 2_000, 5_000, 50
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Echo:
    """How much of a text was served: the share of its words, and the texts they stand in (key, version), most first."""

    share: float
    texts: tuple[tuple[str, int], ...]

    @property
    def is_echo(self) -> bool:
        return self.share >= ECHO_SHARE


NOTHING = Echo(share=0.0, texts=())


def echo_of(*, text: str, served: Collection[int]) -> Echo:
    """How much of `text` stands in these versions. Texts of fewer than five words are no echo of anything."""
    words = words_of(text)
    own = prints_of(words)
    if not own or not served:
        return NOTHING
    _ensure_prints(served)
    alike = TextPrint.objects.filter(version__in=list(served), prints__overlap=sorted(own))
    with reading_as_system():
        versions = list(
            ContextVersion.objects.filter(pk__in=alike.values("version_id")).select_related("item")[:MOST_COMPARED]
        )
    shingles = _shingles(words)
    covered: set[int] = set()
    texts: list[tuple[int, str, int]] = []
    for version in versions:
        there = set(_shingles(words_of(_whole(version))))
        places = {place + step for place, each in enumerate(shingles) if each in there for step in range(SHINGLE)}
        if places:
            covered |= places
            texts.append((-len(places), version.item.key, version.number))
    return Echo(share=len(covered) / len(words), texts=tuple((key, number) for _, key, number in sorted(texts)))


def served_to(*, agent_id: int, now: datetime) -> set[int]:
    """The ids of the versions in the bundles that the agent received lately, the newest bundles first."""
    bundles = Bundle.objects.filter(receipts__agent=agent_id, receipts__served_at__gte=now - REMEMBERED)
    found: set[int] = set()
    for ids in bundles.order_by("-created_at").distinct().values_list("version_ids", flat=True)[:MOST_BUNDLES]:
        found.update(ids)
        if len(found) >= MOST_TEXTS:
            break
    return found


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def prints_of(words: Sequence[str]) -> set[int]:
    """The winnowed hashes of the shingles, as PostgreSQL's bigints."""
    hashes = [_hash(shingle) for shingle in _shingles(words)]
    if len(hashes) <= WINDOW:
        return set(hashes)
    return {min(hashes[start : start + WINDOW]) for start in range(len(hashes) - WINDOW + 1)}


def _shingles(words: Sequence[str]) -> list[str]:
    return [" ".join(words[start : start + SHINGLE]) for start in range(len(words) - SHINGLE + 1)]


def _hash(shingle: str) -> int:
    return int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "big", signed=True)


def _whole(version: ContextVersion) -> str:
    return f"{version.title}\n{plain_text(version.body)}\n{' '.join(_strings(version.data))}"


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _ensure_prints(version_ids: Collection[int]) -> None:
    """Take the prints of versions that have none yet. A version never changes, so once is enough."""
    missing = set(version_ids) - set(
        TextPrint.objects.filter(version__in=list(version_ids)).values_list("version_id", flat=True)
    )
    if not missing:
        return
    with reading_as_system():
        versions = list(ContextVersion.objects.filter(pk__in=missing))
    made = [
        TextPrint(version_id=version.pk, prints=sorted(prints_of(words_of(_whole(version))))) for version in versions
    ]
    TextPrint.objects.bulk_create(made, ignore_conflicts=True)
