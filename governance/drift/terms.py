"""Detector: where do texts use the wrong words for a thing? Must not judge one text (terms_checking.py does)."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import partial
from operator import attrgetter

from django.conf import settings
from django.utils.module_loading import import_string

from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, Place, Proposal, evidence
from governance.drift.terms_checking import TermUse, check_terms, expansions_in
from governance.drift.terms_reading import TERM_KIND, Term, Terms, read_terms
from governance.drift.terms_seeking import MOST_SOUGHT, all_texts, small_words_among, texts_of, texts_saying
from governance.drift.terms_texts import Text, excerpt
from governance.drift.terms_undefined import names_of, unexplained_in
from governance.drift.terms_unexplained import FEWEST_TEXTS, Unexplaineds
from governance.models import Finding

MOST_SHOWN = 5  # places of one finding
LEAST_FORM = 0.75  # likeness of two names, letter by letter, to be forms of one
MOST_MEANINGS = 8  # of one abbreviation that are shown


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherText:
    """A text of an upper floor that uses terms, a contract for one. TERM_SOURCES gives them."""

    place: Place
    text: str
    domain_id: int | None = None


@dataclass(frozen=True, slots=True)
class _Spelling:
    """Where a text spells out an abbreviation."""

    text: Text
    start: int
    end: int
    long: str


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Terms are few and texts many: each text is read once, whatever the number of terms."""
    terms = read_terms(at=now)
    wanted = None if subjects.everything else set(subjects.item_ids)
    texts = _texts(terms, wanted, now)
    spelled: dict[str, list[_Spelling]] = defaultdict(list)
    unexplained = Unexplaineds(names_of(terms)) if context.option("undefined") else None
    for text in texts:
        if unexplained is not None:
            unexplained.read(text)
        for each in expansions_in(text.body):
            spelled[each.short].append(_Spelling(text, each.start, each.end, each.long))
        yield from _wrong_names(text, terms, wanted)
    if context.option("abbreviations"):
        yield from _ambiguous(terms, spelled, wanted)
    if unexplained is not None:
        words_among = partial(small_words_among, at=now)
        yield from unexplained.findings(int(context.number("undefined_in")), wanted, words_among)
    yield from _other_texts(terms)


def _texts(terms: Terms, wanted: set[int] | None, at: datetime) -> Iterable[Text]:
    """The texts to read, by their items: all, or the wanted ones with those that share an abbreviation with them or
    may use a wrong name of a wanted term. Of no other text do their findings depend.
    """
    if wanted is None:
        return all_texts(at=at)
    own = list(texts_of(wanted, at=at))
    changed = [term for term in terms.terms if term.item_id in wanted]
    names = {name for term in changed for name in (*term.deprecated, *(name for name, _ in term.former))}
    shorts = {term.abbreviation for term in changed if term.abbreviation}
    known = names_of(terms)
    for text in own:
        shorts |= {each.short for each in expansions_in(text.body)}
        shorts |= {each.short for each in unexplained_in(text.body, names=known)}
    if len(shorts) + len(names) > MOST_SOUGHT:
        return all_texts(at=at)
    others = texts_saying(shorts=shorts, names=names, but_of=wanted, at=at)
    return heapq.merge(own, others, key=attrgetter("item_id"))


def _wrong_names(text: Text, terms: Terms, wanted: set[int] | None) -> Iterator[FindingDraft]:
    """One finding for each term that the text calls by a wrong name."""
    uses: dict[str, list[TermUse]] = defaultdict(list)
    for use in check_terms(text.body, terms=terms, title=text.title, own_key=text.key):
        uses[use.meaning.term.key].append(use)
    for found in uses.values():
        term = found[0].meaning.term
        if wanted is None or text.item_id in wanted or term.item_id in wanted:
            yield _wrong_name(text, term, found)


def _wrong_name(text: Text, term: Term, uses: Sequence[TermUse]) -> FindingDraft:
    written = sorted({use.written for use in uses})
    return FindingDraft(
        cause={"item": text.key, "term": term.key, "what": "wrong name"},
        summary=f"“{text.title}” calls “{term.title}” by a name that should not be used.",
        evidence=evidence(
            sentence=uses[0].sentence,
            passages=[
                *(excerpt(text, use.start, use.end) for use in uses[:MOST_SHOWN]),
                Excerpt(key=term.key, title=term.title, version=term.version, text=_said_of(term)),
            ],
            figures={"places": len(uses)},
        ),
        basis={"written": written, "places": len(uses), "term": term.title},
        item_id=text.item_id,
        other_item_ids=(term.item_id,),
        size=0.3,
        proposal=Proposal(
            key=text.key,
            reason=f"The term is “{term.title}” now.",
            replacements=tuple((name, term.title) for name in written),
        ),
    )


def _ambiguous(
    terms: Terms, spelled: Mapping[str, Sequence[_Spelling]], wanted: set[int] | None
) -> Iterator[FindingDraft]:
    """One finding for each abbreviation that stands for two things: of two terms, or as texts spell it out."""
    by_short: dict[str, list[Term]] = defaultdict(list)
    for term in terms.terms:
        if term.abbreviation:
            by_short[term.abbreviation].append(term)
    for short in sorted({*by_short, *spelled}):
        owners = by_short.get(short, [])
        others = [each for each in spelled.get(short, ()) if not any(_is_named(term, each.long) for term in owners)]
        meanings: dict[str, list[_Spelling]] = defaultdict(list)
        for each in others:
            meanings[_plain(each.long)].append(each)
        if len(owners) + len(_distinct(meanings)) < 2:
            continue
        items = {term.item_id for term in owners} | {each.text.item_id for each in others}
        if wanted is None or items & wanted:
            yield _two_meanings(short, owners, [meanings[name][0] for name in _distinct(meanings)], items)


def _two_meanings(short: str, owners: Sequence[Term], spellings: Sequence[_Spelling], items: set[int]) -> FindingDraft:
    said = [*(term.title for term in owners), *(each.long for each in spellings)][:MOST_MEANINGS]
    passages = [
        *(
            Excerpt(key=term.key, title=term.title, version=term.version, text=f"{term.title} ({short})")
            for term in owners
        ),
        *(excerpt(each.text, each.start, each.end) for each in spellings),
    ]
    about = spellings[-1].text.item_id if spellings else owners[-1].item_id
    return FindingDraft(
        cause={"abbreviation": short, "what": "two meanings"},
        summary=f"“{short}” stands for more than one thing.",
        evidence=evidence(
            sentence=f"“{short}” stands for {' and for '.join(f'“{each}”' for each in said)}.",
            passages=passages[:MOST_MEANINGS],
        ),
        basis={"meanings": sorted(said)},
        item_id=about,
        other_item_ids=tuple(sorted(items - {about}))[:MOST_MEANINGS],
        size=0.3,
    )


def _other_texts(terms: Terms) -> Iterator[FindingDraft]:
    for source in settings.TERM_SOURCES.values():
        for other in import_string(source)():
            for use in check_terms(other.text, terms=terms):
                yield FindingDraft(
                    cause={"place": [other.place.type, other.place.id], "term": use.meaning.term.key},
                    summary=f"“{other.place.label}” calls “{use.instead}” by a name that should not be used.",
                    evidence=evidence(sentence=use.sentence, written=use.written),
                    place=other.place,
                    domain_id=other.domain_id,
                    other_item_ids=(use.meaning.term.item_id,),
                    size=0.3,
                )


def _distinct(meanings: Mapping[str, Sequence[_Spelling]]) -> list[str]:
    """The spelled-out names that are not forms of one another."""
    kept: list[str] = []
    for name in sorted(meanings):
        if not any(_are_forms(name, other) for other in kept):
            kept.append(name)
    return kept


def _are_forms(one: str, other: str) -> bool:
    """Whether two names are the same thing: request for quote, requests for quotation."""
    if set(one.split()) == set(other.split()):
        return True
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= LEAST_FORM


def _is_named(term: Term, long: str) -> bool:
    return any(_are_forms(_plain(long), _plain(name)) for name in (*term.names, *term.deprecated))


def _plain(name: str) -> str:
    return " ".join(word.removesuffix("s") for word in name.lower().replace("-", " ").split())


def _said_of(term: Term) -> str:
    aliases = f" Also: {', '.join(term.aliases)}." if term.aliases else ""
    wrong = f" No longer: {', '.join(term.deprecated)}." if term.deprecated else ""
    return f"{term.title}.{aliases}{wrong}"


def _neighbours(item_ids: Sequence[int]) -> Iterable[int]:
    """What was found before: a new term, or a text that spells a name out, settles it wherever it stands. Of what lies
    in several texts all of them, so that it is seen again though one of them no longer says it.
    """
    held = Finding.objects.unsettled().filter(detector="terminology", item__isnull=False)
    found = set(held.values_list("item_id", flat=True))
    concerned = Finding.concerned.through._default_manager.filter(finding_id__in=held.values("pk"))
    found.update(concerned.exclude(contextitem__kind__slug=TERM_KIND).values_list("contextitem_id", flat=True))
    return found


DETECTOR = Detector(
    name="terminology",
    question="Where do texts use the wrong words for a thing?",
    scope=Scope.PAIRS,
    detect=detect,
    neighbours=_neighbours,
    options=(
        Option(name="abbreviations", default=True, help="Whether abbreviations with two meanings are reported."),
        Option(name="undefined", default=True, help="Whether abbreviations that nothing explains are reported."),
        Option(
            name="undefined_in",
            default=FEWEST_TEXTS,
            help="In how many texts an abbreviation must stand to be reported as unexplained.",
            least=1,
            most=100,
        ),
    ),
)
