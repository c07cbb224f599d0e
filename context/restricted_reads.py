"""Says that restricted text is leaving, to the ledger on the floor above; must not decide who may read it.

The recorder is named in settings (`RESTRICTED_READ_RECORDER`), because this floor knows nothing of the ledger. Call
it last in the transaction of the read, once the answer is made: what cannot be recorded is not sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from context.access import Principal
from context.models import ContextItem, ContextVersion, Sensitivity


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRead:
    """A text that somebody is about to be shown. `version` is its number, `digest` that of the version."""

    key: str
    title: str
    sensitivity: int
    version: int | None = None
    digest: str = ""


def of_version(item: ContextItem, version: ContextVersion) -> TextRead:
    """A version's text, as sensitive as it was when approved or as the item is now, whichever is more."""
    approved = Sensitivity.from_word(version.metadata.get("sensitivity", Sensitivity(item.sensitivity).word))
    return TextRead(
        key=item.key,
        title=version.title,
        sensitivity=max(item.sensitivity, approved),
        version=version.number,
        digest=version.digest,
    )


def record_restricted(*, principal: Principal, texts: Iterable[TextRead], how: str, now: datetime) -> None:
    """Record those of these texts that are restricted, as one event; nothing where there is none."""
    restricted = [text for text in texts if text.sensitivity >= Sensitivity.RESTRICTED]
    if restricted:
        import_string(settings.RESTRICTED_READ_RECORDER)(principal=principal, texts=restricted, how=how, now=now)
