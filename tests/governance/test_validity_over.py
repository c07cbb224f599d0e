"""A text whose validity ends before it is published: told in words, and in nobody's way."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from governance.models import Change
from governance.pen import ValidityOver
from governance.publishing import publish_change, publish_due_changes
from tests.cast import Cast, approve, creation


def test_publish__validity_has_ended_meanwhile__is_refused_in_words_and_stops_no_schedule(cast: Cast) -> None:
    ends = timezone.now() + timedelta(milliseconds=500)
    late = approve(cast, creation("legal/brief", valid_to=ends.isoformat()))
    fine = approve(cast, creation("legal/lasting"))
    time.sleep(max(0.0, (ends - timezone.now()).total_seconds()) + 0.01)
    with pytest.raises(ValidityOver) as refusal:
        publish_change(actor=cast.author, change_id=late.pk, now=timezone.now())
    assert (refusal.value.field, refusal.value.status) == ("valid_to", 409)
    for change, at in ((late, timedelta(minutes=1)), (fine, timedelta(minutes=2))):
        publish_change(actor=cast.author, change_id=change.pk, now=timezone.now(), at=timezone.now() + at)
    assert publish_due_changes(now=timezone.now() + timedelta(minutes=3)) == [fine.pk]
    late.refresh_from_db()
    assert "ended before it could come into force" in late.suspended_because
    assert Change.objects.get(pk=fine.pk).state == "published"
