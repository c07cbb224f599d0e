"""A detector that tests can steer: it finds what the word `wrong` stands in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from context.access import SYSTEM
from context.models import ContextVersion
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import Excerpt, FindingDraft, evidence
from governance.drift.scan import request_scan
from governance.drift.shards import work_on_scans
from governance.models import Scan

SHOWN: list[tuple[int, ...]] = []


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    SHOWN.append(tuple(subjects.item_ids))
    word = str(context.option("word", subjects.domain_ids[0] if subjects.domain_ids else None))
    versions = ContextVersion.objects.in_force(now).filter(item__in=subjects.item_ids, body__contains=word)
    for version in versions.select_related("item").order_by("item_id"):
        place = version.body.index(word)
        yield FindingDraft(
            cause={"item": version.item.key},
            summary=f"“{version.title}” says {word}.",
            evidence=evidence(
                sentence=f"It says {word}.",
                passages=[
                    Excerpt(
                        key=version.item.key,
                        title=version.title,
                        version=version.number,
                        text=version.body,
                        marks=((place, place + len(word)),),
                    )
                ],
            ),
            basis={"body": version.body},
            item_id=version.item_id,
            size=1.0,
        )


DETECTOR = Detector(
    name="wrong",
    question="Which texts say what is wrong?",
    scope=Scope.ITEMS,
    detect=detect,
    options=(Option(name="word", default="wrong", help="What is wrong."),),
    hold_code="contradicted",
)
PAIRED = Detector(
    name="paired", question="As above, in one go?", scope=Scope.PAIRS, detect=detect, options=DETECTOR.options
)


@pytest.fixture(autouse=True)
def _shown_nothing() -> None:
    SHOWN.clear()


@pytest.fixture
def only_wrong(settings: Any) -> None:
    """No detector but the one above."""
    settings.DRIFT_DETECTORS = {"wrong": "tests.governance.drift.conftest.DETECTOR"}


def scan(*, now: datetime, **more: Any) -> Scan:
    """A scan, asked for by the installation and worked off at `now`."""
    asked = request_scan(actor=SYSTEM, now=now, **more)
    work_on_scans(clock=lambda: now, at_most=timedelta(minutes=1), scan_id=asked.pk)
    asked.refresh_from_db()
    return asked
