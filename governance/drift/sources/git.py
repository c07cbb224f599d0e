"""Reads a git repository as a source, by a process that may fail alone; must not unpack anything here."""

from __future__ import annotations

import base64
import binascii
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings

from governance import outgoing
from governance.drift.sources.places import GitPlace
from governance.drift.sources.problems import SourceProblem, Why
from governance.drift.sources.texts import LARGEST_TEXT, text_of

SECONDS = 60.0
LONGEST_PACK = 64 * 1024 * 1024
_CHILD = "governance.drift.sources.git_child"


def read_git(
    place: GitPlace, *, allowed: outgoing.Allowed, local_roots: Sequence[str], seconds: float = SECONDS
) -> str:
    """The text of the file, or of all pages of the folder one after the other. SourceProblem where there is none."""
    if place.is_local:
        _require_allowed(place.repository, local_roots)
    with tempfile.TemporaryDirectory(prefix="plumbline-git-", ignore_cleanup_errors=True) as scratch:
        answer = _ask(place, allowed, scratch, seconds)
    if "why" in answer:
        raise SourceProblem(Why(answer["why"]), answer["reason"])
    texts = []
    for file in answer["files"]:
        name = str(file["name"])
        text = text_of(base64.b64decode(file["content"]), name=name)
        texts.append(f"# {PurePosixPath(name).stem}\n\n{text}" if place.folder and not text.startswith("# ") else text)
    joined = "\n".join(texts)
    if len(joined) > LARGEST_TEXT:
        raise SourceProblem(Why.TOO_LARGE, "The pages of the folder are more than a text may be long.")
    return joined


def _require_allowed(repository: str, roots: Sequence[str]) -> None:
    path = os.path.realpath(repository)
    if not any(os.path.commonpath([path, os.path.realpath(root)]) == os.path.realpath(root) for root in roots):
        raise SourceProblem(
            Why.REFUSED,
            "Repositories in this folder of the machine are not read. "
            "An administrator allows folders in SOURCE_LOCAL_REPOSITORIES.",
        )


def _ask(place: GitPlace, allowed: outgoing.Allowed, scratch: str, seconds: float) -> dict[str, Any]:
    asked = {
        "repository": place.repository,
        "local": place.is_local,
        "branch": place.branch,
        "path": place.path,
        "hosts": list(allowed.hosts),
        "private": allowed.private,
        "longest": LARGEST_TEXT,
        "longest_pack": LONGEST_PACK,
        "seconds": seconds / 2,
        "scratch": scratch,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", _CHILD],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
            cwd=Path(settings.BASE_DIR),
            # Nothing of ours: no connection string, no key, no one's git configuration.
            env={"HOME": scratch, "LANG": "C.UTF-8", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        raise SourceProblem(
            Why.TOO_SLOW, f"Reading the repository took longer than {seconds:g} seconds and was ended."
        ) from None
    try:
        answer = json.loads(done.stdout)
    except (ValueError, binascii.Error):
        raise SourceProblem(
            Why.TOO_LARGE, "Reading the repository took more memory or time than is given, and was ended."
        ) from None
    return dict(answer)
