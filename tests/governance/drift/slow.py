"""Settings and a detector for a process that is killed: it stops in Sales for as long as a file says so."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from context.models import Domain
from governance.drift.detectors import Detector, Looking, Option, Scope, Subjects
from governance.drift.drafts import FindingDraft
from tests.governance.drift.conftest import detect as find


def detect(subjects: Subjects, *, now: datetime, context: Looking) -> Iterable[FindingDraft]:
    yield from find(subjects, now=now, context=context)
    stopper = Path(os.environ["STOPPER"])
    if Domain.objects.filter(pk__in=subjects.domain_ids, slug="sales").exists() and stopper.exists():
        stopper.with_suffix(".reached").touch()
        while stopper.exists():
            time.sleep(0.05)


DETECTOR = Detector(
    name="slow",
    question="Which texts say what is wrong, slowly?",
    scope=Scope.ITEMS,
    detect=detect,
    options=(Option(name="word", default="wrong", help="What is wrong."),),
)
