"""The benchmark of ingest puts whole texts through the product, and compares with the encoder on the same passages."""

from __future__ import annotations

import pytest

from tests.agents.test_bench import bench


@pytest.mark.slow
def test_bench_ingest__small__says_how_near_it_comes_to_the_encoder_and_leaves_no_database() -> None:
    report = bench("ingest", "--items", "60", EMBEDDING_MODEL="fake")
    assert set(report["cases"]) == {"encoder_before", "encoder_after", "ingest"}
    assert all(timing["per_second"] > 0 for timing in report["cases"].values())
    assert report["ratios"]["ingest_per_second_to_encoder"] > 0
    assert report["setting"]["passages"] > 60
