"""CODEOWNERS is read as GitHub reads it."""

from __future__ import annotations

import time
from pathlib import PurePosixPath

import pytest

from governance.codeowners import CodeOwners, find


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a/b/c.md", True),
        ("*.md", "a/b/c.md", True),
        ("*.md", "a/b/c.txt", False),
        ("/*.md", "c.md", True),
        ("/*.md", "a/c.md", False),
        ("docs/*", "docs/a.md", True),
        ("docs/*", "docs/a/b.md", False),
        ("docs/", "docs/a/b.md", True),
        ("docs/", "x/docs/b.md", True),
        ("/docs/", "x/docs/b.md", False),
        ("docs", "x/docs/b.md", True),
        ("docs/a", "docs/a/b/c.md", True),
        ("docs/a", "x/docs/a/b.md", False),
        ("docs/**/c.md", "docs/a/b/c.md", True),
        ("docs/**/c.md", "docs/c.md", True),
        ("**/logs", "a/b/logs/c.md", True),
        ("a?c.md", "abc.md", True),
        ("with\\ space.md", "with space.md", True),
        ("a.md", "axmd", False),
        ("[a].md", "a.md", False),
    ],
)
def test_codeowners__pattern__matches_as_on_github(pattern, path, matches):
    assert bool(CodeOwners(f"{pattern} @owner").owners_of(PurePosixPath(path))) is matches


def test_codeowners__several_rules__the_last_that_matches_decides_even_for_nobody():
    rules = CodeOwners("# comment\n* @all @team/x\n/docs/ @docs # why\n/docs/open.md\n[Section][2]\n^[Optional]\n")
    assert rules.owners_of(PurePosixPath("a.md")) == ("@all", "@team/x")
    assert rules.owners_of(PurePosixPath("docs/a.md")) == ("@docs",)
    assert rules.owners_of(PurePosixPath("docs/open.md")) == ()


def test_codeowners__hostile_patterns__take_no_time():
    rules = CodeOwners("\n".join(["*a" * 200 + " @x", "**/" * 200 + "z @y", "?" * 5_000 + " @z"]))
    started = time.process_time()
    rules.owners_of(PurePosixPath("/".join(["a" * 50] * 16)))
    assert time.process_time() - started < 2


def test_find__no_file__nobody_owns_anything(tmp_path):
    assert find(tmp_path).owners_of(PurePosixPath("a.md")) == ()


def test_find__real_handbook__teams_own_their_pages(shared_data):
    rules = find(shared_data / "handbooks" / "18f-handbook")
    assert rules.owners_of(PurePosixPath("pages/travel-and-leave/leave.md")) == ("@18F/people-ops",)
    assert rules.owners_of(PurePosixPath("README.md")) == ("@18F/handbook-owners",)
