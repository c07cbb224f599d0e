"""The settings of the process that is killed."""

from __future__ import annotations

from config.settings import *  # noqa: F403 - a settings module is one that adds to another

DRIFT_DETECTORS = {"slow": "tests.governance.drift.slow.DETECTOR"}
EMBEDDING_MODEL = "fake"
