"""Gathers, over all texts, the abbreviations that nobody explains, and says where they stand; must not read rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator

from governance.drift.drafts import FindingDraft, evidence
from governance.drift.terms_texts import Text, excerpt
from governance.drift.terms_undefined import Unexplained, spelled_in, unexplained_in

FEWEST_TEXTS = 3
MOST_SHOWN = 4
_LETTERS = re.compile(r"[A-Z]{2,6}\Z")


class Unexplaineds:
    """Reads texts one by one; `findings` are those of all of them together."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._places: dict[str, list[tuple[Text, Unexplained]]] = defaultdict(list)
        self._spelled: set[str] = set()

    def read(self, text: Text) -> None:
        spelled = spelled_in(text.body)
        self._spelled |= spelled
        for each in unexplained_in(text.body, names=self._names, spelled=spelled):
            if _LETTERS.match(each.short):
                self._places[each.short].append((text, each))

    def findings(
        self,
        fewest_texts: int,
        wanted: set[int] | None,
        words_among: Callable[[Collection[str]], Collection[str]],
    ) -> Iterator[FindingDraft]:
        """One for each abbreviation. What some text spells out, or has as a word in small letters, is none.

        `words_among` tells which of some words any text has in small letters. To gather those of all texts takes
        longer than everything else, and there are few abbreviations left to ask about.
        """
        left = {
            short: places
            for short, places in sorted(self._places.items())
            if short not in self._spelled and len(places) >= fewest_texts
            if wanted is None or any(text.item_id in wanted for text, _ in places)
        }
        words = words_among(left) if left else ()
        for short, places in left.items():
            if short.lower() not in words:
                yield _finding(short, places)


def _finding(short: str, places: list[tuple[Text, Unexplained]]) -> FindingDraft:
    first = places[0][0]
    return FindingDraft(
        cause={"abbreviation": short, "what": "unexplained"},
        summary=f"Nothing explains what “{short}” stands for.",
        evidence=evidence(
            sentence=f"No term defines “{short}”, and no text spells it out.",
            passages=[excerpt(text, each.start, each.end) for text, each in places[:MOST_SHOWN]],
            figures={"texts": len(places)},
        ),
        basis={"abbreviation": short},
        item_id=first.item_id,
        other_item_ids=tuple(text.item_id for text, _ in places[1:MOST_SHOWN]),
        size=0.1,
    )
