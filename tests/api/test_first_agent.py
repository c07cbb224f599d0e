"""The commands of docs/first-agent.md, run as they stand there, against the application over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from agents.models import Run, RunState, RunStep, Scope
from tests.agents.conftest import contract, give
from tests.cast import Cast, creation, publish
from tests.routing.conftest import publish_rules, rule, rules, to

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-agent.md"
SCOPES = (Scope.RUNS_WRITE, Scope.BUNDLES_READ, Scope.CONTEXT_READ)
CLAUSES = {"type": "object", "required": ["clauses"], "properties": {"clauses": {"type": "array"}}}


def test_first_agent__its_commands__lead_from_a_key_to_a_run_that_succeeded(
    cast: Cast, served_site: str, tmp_path: Path
) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("needs curl and bash on the PATH")
    publish(cast, creation("legal/clause-library", body="We write twice the fees."))
    terms = contract(cast, [{"key": "legal/clause-library"}], slug="extract-clauses", output_schema=CLAUSES)
    agent = give(cast, terms, slug="clause-extractor", scopes=SCOPES)
    types = [{"name": "find-clauses", "label": "Find the clauses", "contract": "extract-clauses", "clues": []}]
    publish_rules(cast, rules(rule("all", then=to("clause-extractor")), task_types=types), slug="contract-review")
    where, *commands = re.findall(r"^```bash\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert "export KEY=" in where  # what follows is run with another site and key
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
        env={"PATH": os.environ["PATH"], "URL": served_site, "KEY": agent.bearer},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["true", "done", "succeeded", "succeeded"]
    assert "We write twice the fees." in (tmp_path / "context.md").read_text()
    assert (Run.objects.get().state, RunStep.objects.get().input_tokens) == (RunState.SUCCEEDED, 2100)
