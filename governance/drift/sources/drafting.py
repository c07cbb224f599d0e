"""Makes the draft that follows a source that changed; must not write it, and not lose what people wrote besides."""

from __future__ import annotations

from collections.abc import Sequence

from context.material import PassageChange
from context.models import ContextItem
from governance.drift.drafts import Proposal
from governance.drift.sources.texts import fingerprint_of, normalised, share_kept
from governance.drift.sources.watching import MOSTLY
from governance.models import WatchedSource
from governance.rebasing import merge_text

MOST_FIGURES = 20
MOST_MERGED = 1_500  # passages


def proposal_for(*, row: WatchedSource, item: ContextItem, changes: Sequence[PassageChange]) -> Proposal | None:
    """The text as the source says it now, with what people changed here kept; figures alone where it is a summary."""
    version = item.current_version
    if version is None:
        return None
    figures = _figures(changes)
    source = {"kind": row.kind, "uri": row.uri, "fingerprint": row.seen_digest}
    if share_kept(version.body, row.base_text) < MOSTLY and share_kept(version.body, row.seen_text) < MOSTLY:
        once = tuple(pair for pair in figures if version.body.count(pair[0]) == 1)
        said = (
            "The figures that changed in the source stand here as they are there; read the rest beside it."
            if once
            else "The text is in words of its own: read the source beside it and complete the draft."
        )
        return Proposal(key=item.key, reason=said, replacements=once, figures=figures, fields={"source": source})
    body, conflicts = _merged(version.body, row)
    reason = "The text follows its source as it stands now."
    if conflicts is None:
        reason += " It is too long to be joined with what was changed here besides: compare it before you submit it."
    elif conflicts:
        passages = "1 passage that was" if conflicts == 1 else f"{conflicts} passages that were"
        reason += f" It takes the words of the source in {passages} changed here too: read them."
    return Proposal(key=item.key, reason=reason, figures=figures, fields={"body": body, "source": source})


def _merged(body: str, row: WatchedSource) -> tuple[str, int | None]:
    """The source's text with what was changed here besides, and how often both changed the same passage; None where
    there are too many passages to join in seconds.
    """
    if fingerprint_of(body) == row.base_digest or not row.base_text:
        return row.seen_text, 0
    if max(text.count("\n\n") for text in (body, row.base_text, row.seen_text)) > MOST_MERGED:
        return row.seen_text, None
    pieces = merge_text(normalised(row.base_text), normalised(row.seen_text), normalised(body))
    conflicts = sum(1 for piece in pieces if piece.conflict is not None)
    return "\n\n".join(part for piece in pieces for part in piece.text) + "\n", conflicts


def _figures(changes: Sequence[PassageChange]) -> tuple[tuple[str, str], ...]:
    """Figures that were exchanged one for one, to be exchanged in the structured data as well."""
    found: dict[str, str] = {}
    for change in changes:
        for reason in change.reasons:
            if reason.aspect in ("quantity", "date") and reason.old is not None and reason.new is not None:
                old, new = reason.old.text.strip(), reason.new.text.strip()
                if old and new and old != new:
                    found.setdefault(old, new)
    return tuple(list(found.items())[:MOST_FIGURES])
