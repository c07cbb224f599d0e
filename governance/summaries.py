"""What a change would do, in figures and in one sentence, for who must decide on it; must not decide anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from context.diffs import count_words, diff_text
from context.material import Weight
from context.models import ContextVersion, Sensitivity
from context.term_lookup import OpenTerms, open_terms
from governance.governed import governed, noun_of
from governance.governed_diffs import record_differences
from governance.governed_edits import record_bases
from governance.models import ITEM, Edit, Operation
from governance.policies import WHOLE
from governance.proposals import Payload, differences, state_of

# Up to this many revisions are compared word by word when the page opens; above it each says so when opened.
COMPARED_AT_ONCE = 25
_VERBS = {
    Operation.CREATE.value: "adds",
    Operation.REVISE.value: "changes",
    Operation.RETIRE.value: "retires",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EditFigures:
    """One edit in figures. `fields` counts those beside the text; words are None where they were not compared.

    `weight` counts the passages of a revised text that changed in substance, and in form, in view of the `terms` (the
    defined ones) that stand in it.
    """

    edit: Edit
    base: Payload | None
    fields: int
    words_added: int | None
    words_removed: int | None
    weight: Weight | None = None
    terms: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        return self.edit.label

    @property
    def noun(self) -> str:
        return noun_of(self.edit)[0]

    @property
    def url(self) -> str:
        """The page of what there is of it already; empty where it is new."""
        if self.edit.record != ITEM:
            return governed(self.edit.record).address(self.edit.key) if self.edit.base_version else ""
        return f"/items/{self.edit.key}/" if self.edit.item is not None else ""

    @property
    def where(self) -> str:
        return self.edit.domain.name if self.edit.domain is not None else WHOLE


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeSummary:
    """The whole change: `sentence` says it, `edits` has the figures of those asked for."""

    sentence: str
    edits: tuple[EditFigures, ...]


def figures_of(edits: Sequence[Edit], *, compare: bool | None = None) -> list[EditFigures]:
    """Each edit against the version it was made on. One query for all versions, and one for terms where texts differ.

    `compare` says whether texts are compared word by word; by default only where there are few.
    """
    revisions = [edit for edit in edits if edit.operation != Operation.CREATE]
    compare = len(revisions) <= COMPARED_AT_ONCE if compare is None else compare
    bases = base_states(revisions)
    terms = terms_of(edits, bases) if compare else {}
    return [
        _figures(edit, bases.get(edit.pk), compare=compare, terms=terms.get(edit.pk, frozenset())) for edit in edits
    ]


def terms_of(edits: Iterable[Edit], bases: Mapping[int, Payload]) -> dict[int, frozenset[str]]:
    """The defined terms in each text that an edit changes, by the edit's id. One query, or none."""
    revised = [
        edit
        for edit in edits
        if edit.record == ITEM and edit.pk in bases and bases[edit.pk].get("body") != edit.payload.get("body")
    ]
    known = open_terms() if revised else OpenTerms()
    return {edit.pk: _terms(known, bases[edit.pk], edit.payload) for edit in revised}


def _terms(known: OpenTerms, base: Payload, payload: Payload) -> frozenset[str]:
    both = (base, payload)
    least = min(Sensitivity.from_word(str(each["sensitivity"])) for each in both if each.get("sensitivity"))
    return known.standing_in(*(str(each.get("body") or "") for each in both), sensitivity=least)


def weight_of(edits: Sequence[Edit]) -> Weight | None:
    """The passages of all revised texts that change in substance and in form; None where none is compared."""
    return _weight(figures_of(edits))


def _weight(figures: Iterable[EditFigures]) -> Weight | None:
    weights = [each.weight for each in figures if each.weight is not None]
    return sum(weights, start=Weight(substantive=0, editorial=0)) if weights else None


def summarise(edits: Sequence[Edit]) -> ChangeSummary:
    """The sentence over all edits, with the figures of each. One query."""
    figures = figures_of(edits)
    if not edits:
        return ChangeSummary(sentence="Changes nothing yet.", edits=())
    parts = [_counted(operation, edits) for operation in Operation.values]
    doing = _listed([part for part in parts if part])
    fields = sum(each.fields for each in figures if each.edit.operation in (Operation.REVISE, Operation.REVERT))
    compared = [each for each in figures if each.words_added is not None]
    numbers = [f"{fields} field{'' if fields == 1 else 's'}"] if fields else []
    texts = [each for each in figures if each.edit.operation != Operation.RETIRE and each.edit.record == ITEM]
    if len(compared) == len(texts):
        added, removed = (
            sum(getattr(each, name) or 0 for each in compared) for name in ("words_added", "words_removed")
        )
        weight = _weight(compared)
        numbers = [str(weight), *numbers] if weight is not None else numbers
        numbers += [f"{added:,} word{'' if added == 1 else 's'} added"] if added else []
        numbers += [f"{removed:,} removed" if added else f"{removed:,} words removed"] if removed else []
    sentence = f"{doing[0].upper()}{doing[1:]}{': ' if numbers else ''}{', '.join(numbers)}."
    return ChangeSummary(sentence=sentence, edits=tuple(figures))


def base_states(edits: Iterable[Edit]) -> dict[int, Payload]:
    """The state of the version each edit was made on, by the edit's id. One query, and one for each other record."""
    edits = list(edits)
    found = record_bases(edits)
    wanted = {(edit.item_id, edit.base_version): edit for edit in edits if edit.item is not None}
    if not wanted:
        return found
    places = Q(pk__in=[])
    numbers: dict[int, list[int]] = {}
    for item_id, number in wanted:
        numbers.setdefault(number or 0, []).append(item_id or 0)
    for number, item_ids in numbers.items():
        places |= Q(item_id__in=item_ids, number=number)
    for version in ContextVersion.objects.filter(places):
        edit = wanted[version.item_id, version.number]
        if edit.item is not None:
            found[edit.pk] = state_of(edit.item, version)
    return found


def _figures(edit: Edit, base: Payload | None, *, compare: bool, terms: frozenset[str]) -> EditFigures:
    if edit.operation == Operation.RETIRE:
        return EditFigures(edit=edit, base=base, fields=0, words_added=None, words_removed=None)
    if edit.record != ITEM:
        fields = len(record_differences(governed(edit.record), base, edit.payload)) if base is not None else 0
        return EditFigures(edit=edit, base=base, fields=fields, words_added=None, words_removed=None)
    body = str(edit.payload.get("body", ""))
    if base is None:
        return EditFigures(edit=edit, base=None, fields=0, words_added=count_words(body), words_removed=0)
    fields = sum(1 for each in differences(base, edit.payload) if each.field != "body")
    if not compare:
        return EditFigures(edit=edit, base=base, fields=fields, words_added=None, words_removed=None)
    text = diff_text(str(base.get("body", "")), body, terms=terms)
    return EditFigures(
        edit=edit,
        base=base,
        fields=fields,
        words_added=text.words_added,
        words_removed=text.words_removed,
        weight=text.weight if text.changed else None,
        terms=terms,
    )


def _counted(operation: str, edits: Sequence[Edit]) -> str:
    chosen = [edit for edit in edits if edit.operation == operation]
    if not chosen:
        return ""
    nouns = Counter(noun_of(edit) for edit in chosen)
    if len(nouns) == 1:
        (one, many), count = next(iter(nouns.items()))
        what = f"{count:,} {one.lower() if count == 1 else many.lower()}"
    else:
        what = f"{len(chosen):,} records of {len(nouns)} kinds"
    domains = sorted({edit.domain.name if edit.domain is not None else WHOLE for edit in chosen})
    where = domains[0] if len(domains) == 1 else f"{len(domains)} domains"
    if operation == Operation.REVERT:
        return f"returns {what} in {where} to an older version"
    return f"{_VERBS[operation]} {what} in {where}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
