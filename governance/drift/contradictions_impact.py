"""What a change would contradict once it is published, for its reviewers; must not decide or write anything."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from context.access import Principal
from governance.drift.contradictions_live import Draft, contradictions_of
from governance.impact import Touched
from governance.models import ITEM, Change, Operation

MOST_EDITS = 12  # a larger change is an import: the scan that follows it looks at everything


def impact_of_change(change: Change, keys: Sequence[str], principal: Principal) -> list[Touched]:
    """Texts in force that would stand against the change, as far as the principal may read them.

    Texts that the change itself edits do not count: they will not stand as they are. About 10 ms a passage.
    """
    edits = list(change.edits.filter(record=ITEM).exclude(operation=Operation.RETIRE).order_by("key"))
    if len(edits) > MOST_EDITS:
        return []
    drafts = [
        Draft(
            key=edit.key,
            title=str(edit.payload.get("title") or ""),
            body=str(edit.payload.get("body") or ""),
            data=edit.payload.get("data") or {},
            claims=edit.payload.get("claims") or (),
        )
        for edit in edits
    ]
    found = []
    conflicting = contradictions_of(drafts=drafts, principal=principal, now=timezone.now())
    for draft, conflicts in zip(drafts, conflicting, strict=True):
        for conflict in conflicts:
            other = conflict.b if conflict.a.key == draft.key else conflict.a
            if other.key not in keys:
                found.append(
                    Touched(
                        kind="contradiction",
                        label=other.title,
                        why=conflict.sentence,
                        url=f"/items/{other.key}/",
                    )
                )
    return found
