"""Finds texts that time has overtaken: not confirmed, ended, about to end; must not look at what they say.

Ended without a successor is worst: whoever asks for the text gets none. What nobody confirmed weighs the more the
longer it is overdue, up to three review intervals. Nothing here moves by the day but the severity, upwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from context.digests import iso
from context.statements import rows
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft, Proposal, evidence

# The size of what is wrong: see governance/drift/severity.py.
JUST_OVERDUE, PER_INTERVAL, LONG_OVERDUE = 0.3, 0.25, 0.8
ENDED, ENDING = 1.0, 0.3

_DUE = """
SELECT item.id, item.domain_id, item.title, item.verified_until, item.verified_at, item.created_at,
    item.review_interval_days, person.first_name, person.last_name, person.username
FROM context_contextitem item LEFT JOIN context_user person ON person.id = item.verified_by_id
WHERE item.id = ANY (%(items)s::bigint[]) AND item.retired_at IS NULL AND item.current_version_id IS NOT NULL
AND coalesce(item.verified_until, item.created_at) < %(now)s
"""

# The last version of an item that has an end, where none is in force at its end or soon after.
_ENDING = """
SELECT item.id, item.domain_id, item.key, item.title, version.number, version.valid_to
FROM context_contextversion version JOIN context_contextitem item ON item.id = version.item_id
WHERE item.id = ANY (%(items)s::bigint[]) AND item.retired_at IS NULL
AND version.valid_to <= %(until)s AND version.valid_from <= %(now)s
AND NOT EXISTS (
    SELECT FROM context_contextversion later
    WHERE later.item_id = version.item_id AND later.number > version.number AND later.valid_from <= %(now)s
)
AND NOT EXISTS (
    SELECT FROM context_contextversion next
    WHERE next.item_id = item.id AND next.number > version.number
    AND (next.valid_to IS NULL OR next.valid_to > %(until)s)
    AND (next.superseded_at IS NULL OR next.superseded_at > %(until)s)
    AND next.valid_from <= version.valid_to
)
"""

# Items that time may have overtaken, whatever their domain's options are.
_TURNING = """
SELECT id FROM context_contextitem
WHERE retired_at IS NULL AND current_version_id IS NOT NULL AND coalesce(verified_until, created_at) < %(now)s
UNION
SELECT item_id FROM context_contextversion WHERE valid_to <= %(until)s
"""
FURTHEST_AHEAD = 365  # days


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    """Two statements."""
    asked: dict[str, Any] = {"items": list(subjects.item_ids), "now": now}
    furthest = max(
        (context.number("ahead_days", domain_id) for domain_id in subjects.domain_ids),
        default=context.number("ahead_days"),
    )
    ending = rows(_ENDING, {**asked, "until": now + timedelta(days=furthest)})
    yield from _ended(ending, now, context)
    # What is over is not to be confirmed any more.
    over = {item_id for item_id, *_, valid_to in ending if valid_to <= now}
    yield from _overdue((row for row in rows(_DUE, asked) if row[0] not in over), now, context)


def _overdue(found: Iterable[tuple[Any, ...]], now: datetime, context: Looking) -> Iterator[FindingDraft]:
    for item_id, domain_id, title, until, verified_at, created_at, interval, first, last, username in found:
        due = until or created_at
        late = now - due
        if late < timedelta(days=context.number("grace_days", domain_id)):
            continue
        intervals = late / timedelta(days=max(interval, 1))
        who = " ".join(part for part in (first, last) if part) or username
        said = f"{who} confirmed it last on {verified_at:%d %B %Y}." if verified_at and who else "Nobody ever did."
        yield FindingDraft(
            cause={"item": item_id, "what": "verification"},
            summary=f"Nobody confirmed “{title}” by {due:%d %B %Y}.",
            evidence=evidence(
                sentence=f"It was to be confirmed by {due:%d %B %Y}. {said}",
                figures={
                    "To be confirmed by": due.date().isoformat(),
                    "Last confirmed": verified_at.date().isoformat() if verified_at else "never",
                    "Review interval, days": interval,
                },
            ),
            basis={"due": iso(due)},
            item_id=item_id,
            size=min(JUST_OVERDUE + PER_INTERVAL * intervals, LONG_OVERDUE),
        )


def _ended(found: Iterable[tuple[Any, ...]], now: datetime, context: Looking) -> Iterator[FindingDraft]:
    for item_id, domain_id, key, title, number, valid_to in found:
        ended = valid_to <= now
        if not ended and valid_to - now > timedelta(days=context.number("ahead_days", domain_id)):
            continue
        happened = f"ended on {valid_to:%d %B %Y}" if ended else f"ends on {valid_to:%d %B %Y}"
        then = "no text is in force since" if ended else "nothing is published to follow it"
        yield FindingDraft(
            cause={"item": item_id, "what": "validity"},
            summary=f"“{title}” {happened} and {then}.",
            evidence=evidence(
                sentence=f"Version {number} {happened}, and {then}.",
                figures={"Version": number, "Valid until": valid_to.date().isoformat()},
                confirmable=False,
            ),
            basis={"valid_to": iso(valid_to), "ended": ended},
            item_id=item_id,
            size=ENDED if ended else ENDING,
            # What is over and not followed by anything is taken out; whoever wants it longer edits the draft.
            proposal=Proposal(key=key, reason=f"It {happened}, and nothing follows it.", retire=True)
            if ended
            else None,
        )


def _turning(now: datetime) -> Iterable[int]:
    """One statement."""
    asked = {"now": now, "until": now + timedelta(days=FURTHEST_AHEAD)}
    return [item_id for (item_id,) in rows(_TURNING, asked)]


DETECTOR = Detector(
    name="stale",
    question="Which texts has nobody confirmed in time, or have ended or are about to?",
    scope=Scope.ITEMS,
    detect=detect,
    options=(
        Option(
            name="grace_days",
            default=0,
            least=0,
            most=365,
            help="So many days after a text was to be confirmed it becomes a finding.",
        ),
        Option(
            name="ahead_days",
            default=30,
            least=0,
            most=FURTHEST_AHEAD,
            help="So many days before a text ends, with nothing to follow it, it becomes a finding.",
        ),
    ),
    turning=_turning,
    verifiable=True,
)
