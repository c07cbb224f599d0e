"""The sample organisation, loaded for the tests of a module; what a test writes is undone after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from governance.sample.reading import Sample, read_sample
from tests.sample_database import sample_loaded

FOLDER = Path(settings.BASE_DIR) / "sample"


@pytest.fixture(scope="session")
def sample() -> Sample:
    """The files of the sample."""
    return read_sample(FOLDER)


@pytest.fixture(scope="module")
def loaded_once(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("sample") / "home" / "credentials.json"
    with django_db_blocker.unblock(), sample_loaded(path):
        yield path


@pytest.fixture
def loaded(loaded_once: Path) -> Iterator[Path]:
    """The loaded sample; the path is that of its credentials, as they were after loading."""
    before = loaded_once.read_bytes()
    with transaction.atomic():
        yield loaded_once
        transaction.set_rollback(True)
    loaded_once.write_bytes(before)


@pytest.fixture
def credentials(loaded: Path) -> dict[str, Any]:
    return json.loads(loaded.read_text())
