"""The sign-ins and keys of a private Plumbline: one file that only its owner reads, and what `up` prints of it."""

from __future__ import annotations

import json
from pathlib import Path

from config.embedded.failures import CannotContinue
from config.embedded.home import Home, write_private


def collect_credentials(home: Home, *, made: Path, url: str) -> None:
    """Write `credentials.json`: {"url", "people": {role: {username, …}}, "agents": {slug: {key, contract}}}."""
    try:
        known = json.loads(made.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        raise CannotContinue(
            f"The sign-ins in {made} are gone, and only their hashes are kept in the database.",
            "Set a new password with `python3 manage.py changepassword <name>`, or start over with a new --home.",
        ) from None
    made.chmod(0o600)
    content = {"url": url, "people": known.get("people", {}), "agents": known.get("agents", {})}
    write_private(home.credentials, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def welcome(home: Home) -> str:
    """What to do now, in a few lines: the address, the sign-ins, a key and a line that fetches a bundle with it."""
    known = json.loads(home.credentials.read_text())
    lines = ["", f"Plumbline runs at {known['url']}", "", "Sign in as"]
    for role, person in known["people"].items():
        lines.append(f"  {role:<10} {person['username']:<22} {person['password']}")
    for slug, agent in list(known["agents"].items())[:1]:
        lines += ["", f"Fetch a bundle as the agent {slug}", f"  {curl_line(known['url'], agent)}"]
    return "\n".join([*lines, "", f"All sign-ins and keys: {home.credentials}", "Ctrl-C stops everything.", ""])


def curl_line(url: str, agent: dict[str, str]) -> str:
    """A command that works when pasted into a shell."""
    body = json.dumps({"contract": agent["contract"]})
    return (
        f"curl -sS {url}api/v1/bundles/ -H 'Authorization: Bearer {agent['key']}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
