"""Whom PostgreSQL runs as when root starts it, and where its files lie so that this user reaches them; adds no user."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from pathlib import Path

from config.embedded.failures import CannotContinue
from config.embedded.home import Home
from config.embedded.processes import Account

_CANDIDATES = ("nobody", "daemon")
_SYSTEM_STATE = Path("/var/lib")


def account_for(home: Home) -> Account | None:
    """The account PostgreSQL drops to: None for an ordinary user, else the owner of its files or a harmless account."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise CannotContinue(
                f"User id {os.geteuid()} has no name on this machine, and PostgreSQL refuses such users.",
                "Add a line for it to /etc/passwd, run as another user, or set DATABASE_URL to a running PostgreSQL.",
            ) from None
        return None
    data = postgres_place(home) / "postgres"
    if data.exists() and data.stat().st_uid != 0:
        owner = pwd.getpwuid(data.stat().st_uid)
        return Account(name=owner.pw_name, uid=owner.pw_uid, gid=owner.pw_gid)
    for name in _CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise CannotContinue(
        "PostgreSQL does not run as root, and this machine has no user `nobody` to run it as.",
        "Run the command as an ordinary user, or set DATABASE_URL to a running PostgreSQL.",
    )


def postgres_place(home: Home) -> Path:
    """The directory that holds PostgreSQL's files: the home, or where an earlier start had to put them."""
    pointer = home.root / "postgres-is-in"
    return Path(pointer.read_text().strip()) if pointer.exists() else home.root


def reachable_place(home: Home, account: Account | None) -> Path:
    """As `postgres_place`; for root, a place under /var/lib where the account cannot pass the directories above."""
    place = postgres_place(home)
    if account is None or place != home.root:
        return place
    # Search permission on the home itself is ours to give; secrets and logs below it stay closed.
    home.root.chmod(home.root.stat().st_mode | 0o001)
    if can_enter(home.root, account):
        return place
    if not os.access(_SYSTEM_STATE, os.W_OK):
        raise CannotContinue(
            f"PostgreSQL runs as `{account.name}`, who cannot enter {home.root}.",
            "Choose a home that this user can reach, for example --home /srv/plumbline.",
        )
    elsewhere = Path(tempfile.mkdtemp(prefix="plumbline-", dir=_SYSTEM_STATE))
    elsewhere.chmod(0o711)
    (home.root / "postgres-is-in").write_text(f"{elsewhere}\n")
    return elsewhere


def can_enter(directory: Path, account: Account) -> bool:
    """Whether the account may pass every directory on the way; asked of the kernel by a short-lived child."""
    asked = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)],
        user=account.uid,
        group=account.gid,
        extra_groups=(),
        cwd="/",
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0
