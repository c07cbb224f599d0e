"""Finds texts whose source changed or cannot be read any more, from what was last read; must not fetch or write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import QuerySet

from context.material import PassageChange, Place, Weight, changes_of, classify, weigh
from context.models import ContextItem
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, evidence
from governance.drift.sources.drafting import proposal_for
from governance.drift.sources.places import KIND_WORDS
from governance.drift.sources.problems import Why
from governance.drift.sources.texts import MOST_COMPARED, differing, share_kept
from governance.drift.sources.watching import MOSTLY, NAME, follows
from governance.models import SourceState, WatchedSource

PASSAGES_SHOWN = 10
LONGEST_PASSAGE = 1_500
# The size of what is wrong: see governance/drift/severity.py.
EDITORIAL, SUBSTANTIVE, EACH, MOST = 0.15, 0.5, 0.1, 0.9
UNREADABLE = 0.3
# What may pass by itself becomes a finding only when it has failed so often.
_PASSING = (Why.UNREACHABLE, Why.TOO_SLOW)


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Two statements, with the texts of those alone that changed."""
    # They are few: the subjects of a scan, ten thousand at a time, would be a list that takes longer to read.
    wanted = sorted(set(_telling(now)).intersection(subjects.item_ids))
    rows = _told().filter(item_id__in=wanted).select_related("item__current_version").order_by("item_id")
    for row in rows:
        item = row.item
        if (row.kind, row.uri) != (item.source_kind, item.source_uri) or item.current_version is None:
            continue
        if row.seen_digest and not follows(row, item):
            yield _changed(row, item)
        tries = context.number("tries", item.domain_id)
        if row.why and (row.why not in _PASSING or row.failures >= tries):
            yield _unreadable(row, item)


def _told() -> QuerySet[WatchedSource]:
    return WatchedSource.objects.exclude(state__in=[SourceState.WAITING, SourceState.UNCHANGED])


def _telling(now: datetime) -> Iterable[int]:
    """The items of which what was read of their source says something. What was read is not in the ledger."""
    return _told().values_list("item_id", flat=True)


def _changed(row: WatchedSource, item: ContextItem) -> FindingDraft:
    version = item.current_version
    assert version is not None
    # Where the text repeats its source, its own words are what people know; else what the source said before.
    repeats = share_kept(version.body, row.seen_text) >= MOSTLY
    before, after, whole = differing(version.body if repeats else row.base_text, row.seen_text)
    changes = changes_of(classify(before, after))
    weight = weigh(changes)
    when = f"{row.changed_at:%d %B %Y}" if row.changed_at else ""
    proposal = proposal_for(row=row, item=item, changes=changes)
    return FindingDraft(
        cause={"item": item.key, "what": "changed"},
        summary=f"The source of “{item.title}” changed: {weight}.",
        evidence=evidence(
            sentence=f"The {KIND_WORDS[row.kind].lower()} that “{item.title}” was written from says something else "
            f"since {when}. {_counted(weight)}",
            passages=_excerpts(row, item, changes, number=version.number if repeats else 0),
            figures={
                "Changed in substance": weight.substantive,
                "Changed in form": weight.editorial,
                "Source": row.uri[:300],
                "Seen on": when,
                **({} if whole else {"Compared": f"the first {MOST_COMPARED:,} characters from where they differ"}),
            },
        ),
        basis={"from": row.base_digest, "to": row.seen_digest},
        item_id=item.pk,
        size=min(SUBSTANTIVE + EACH * (weight.substantive - 1), MOST) if weight.substantive else EDITORIAL,
        proposal=proposal,
    )


def _counted(weight: Weight) -> str:
    if not weight.substantive:
        return "Only its form changed, not what it says."
    shown = "Passages that changed in substance come first."
    return shown if weight.substantive + weight.editorial > 1 else "What changed is shown beside what stood before."


def _excerpts(row: WatchedSource, item: ContextItem, changes: Sequence[PassageChange], *, number: int) -> list[Excerpt]:
    """Pairs: what stood there, and what the source says now."""
    found = []
    for change in changes[:PASSAGES_SHOWN]:
        before = item.title if number else "The source before"
        found.append(_excerpt(item.key, before, number, change.old, [reason.old for reason in change.reasons]))
        found.append(_excerpt(item.key, "The source now", 0, change.new, [reason.new for reason in change.reasons]))
    return found


def _excerpt(key: str, title: str, number: int, place: Place | None, marks: Sequence[Place | None]) -> Excerpt:
    if place is None:
        return Excerpt(key=key, title=title, version=number, text="(Nothing stands here.)")
    inside = sorted(
        (mark.start - place.start, min(mark.end - place.start, LONGEST_PASSAGE))
        for mark in marks
        if mark is not None and place.start <= mark.start < place.start + LONGEST_PASSAGE and mark.text != place.text
    )
    text = place.text if len(place.text) <= LONGEST_PASSAGE else place.text[:LONGEST_PASSAGE] + "…"
    return Excerpt(key=key, title=title, version=number, text=text, marks=tuple(inside))


def _unreadable(row: WatchedSource, item: ContextItem) -> FindingDraft:
    since = f"{row.fetched_at:%d %B %Y}" if row.fetched_at else "never"
    return FindingDraft(
        cause={"item": item.key, "what": "unreadable"},
        summary=f"The source of “{item.title}” cannot be read. {row.reason}"[:500],
        evidence=evidence(
            sentence=f"{row.reason} Whether the text still agrees with its source is not known.",
            figures={"Source": row.uri[:300], "Read last": since},
            confirmable=False,
        ),
        basis={"why": row.why, "uri": row.uri},
        item_id=item.pk,
        size=UNREADABLE,
    )


DETECTOR = Detector(
    name=NAME,
    question="Which texts no longer agree with the source they were written from?",
    scope=Scope.ITEMS,
    detect=detect,
    options=(
        Option(
            name="tries",
            default=3,
            least=1,
            most=20,
            help="A source that cannot be reached becomes a finding when it failed so many times in a row.",
        ),
    ),
    turning=_telling,
    verifiable=True,
    hold_code="unverified",
)
