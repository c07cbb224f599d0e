"""Checks a bundle without Plumbline: `python verify_bundle.py BUNDLE.json --headers HEADERS.txt --key BASE64`.

Needs Python 3.9 or later and the package `cryptography`, nothing else; must not import Plumbline. It computes the
digest of the bytes, checks that the installation signed the lease over that digest, and says until when agents may
rely on it. With --receipt (the answer of /api/v1/receipts/N/, or an entry of receipts.json in an evidence kit) it
follows the receipt to the root that seals it; with --export (a ledger export, verify_export.py lying beside this
script) it finds that seal in the ledger. Exit status: 0 where everything holds, 1 where something does not, 3 where all
that was given holds but the lease or the validity has ended.

What is not given is not checked, and the verdict says so. Without --key nothing is proved by a signature: pass the key
that you were given elsewhere, not one that came with the bundle.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LEASE_FORMAT = "plumbline-bundle-lease/1"
SEALED = "agents.receipts.sealed"
LARGEST_FILE = 64 * 1024 * 1024
RECEIPT_FIELDS = (
    "agent",
    "bundle",
    "key",
    "kind",
    "lease_until",
    "receipt",
    "request_id",
    "served_at",
    "task",
)

Record = dict[str, Any]


class Broken(Exception):
    """Something does not hold; the message says what and why."""


# -- what was given ----------------------------------------------------------------------------------------------------


def read(place: str) -> bytes:
    try:
        with open(place, "rb") as file:
            found = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Broken("%s cannot be read: %s" % (shown(place), error.strerror)) from None
    if len(found) > LARGEST_FILE:
        raise Broken("%s is too large" % shown(place))
    return found


def parse(raw: bytes, what: str) -> Record:
    """One JSON object, read in one way only."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Broken(what + " is not UTF-8 text") from None
    except RecursionError:
        raise Broken(what + " is nested too deeply to be read") from None
    except ValueError as error:
        raise Broken(what + " is not JSON: " + str(error)[:100]) from None
    if not isinstance(found, dict):
        raise Broken(what + " is not a JSON object")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> Record:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Broken("a name stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise Broken(name + " is not a number of JSON")


def headers_in(raw: bytes) -> dict[str, str]:
    """The last headers of a file that `curl -D` wrote, names in lower case."""
    found: dict[str, str] = {}
    for line in raw.decode("latin-1").splitlines():
        if line.upper().startswith("HTTP/"):
            found = {}
        name, separator, value = line.partition(":")
        if separator:
            found[name.strip().lower()] = value.strip()
    return found


def moment(value: Any, what: str) -> datetime:
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        raise Broken("%s is no moment: %s" % (what, shown(value))) from None
    if found.tzinfo is None:
        raise Broken("%s has no time zone: %s" % (what, shown(value)))
    return found


def shown(value: Any) -> str:
    """Fit for a terminal, whatever the file holds."""
    return ascii(value)[:120]


# -- the checks --------------------------------------------------------------------------------------------------------


def check_bundle(raw: bytes) -> tuple[Record, str]:
    """The bundle and its digest, which is that of its bytes without the member that states it."""
    stated = re.match(rb'\{"digest":"([0-9a-f]{64})",', raw)
    if stated is None:
        raise Broken("the bundle does not begin with its digest: keep the bytes as they were received")
    computed = hashlib.sha256(b"{" + raw[stated.end() :]).hexdigest()
    if computed != stated.group(1).decode():
        raise Broken("the bundle was altered: its bytes have the digest %s, not the one it states" % computed)
    return parse(raw, "the bundle"), computed


def check_statement(said: str, signature: str, keys: Sequence[str], bundle: Record, digest: str) -> Record:
    """The signed lease: of this bundle, for its agent, with its validity, under one of the keys."""
    statement = parse(said.encode("latin-1"), "the statement")
    if statement.get("format") != LEASE_FORMAT:
        raise Broken("the statement is of an unknown format: " + shown(statement.get("format")))
    for name, expected in (
        ("bundle", digest),
        ("agent", bundle.get("agent")),
        ("valid_until", bundle.get("valid_until")),
    ):
        if statement.get(name) != expected:
            raise Broken("the statement is not about this bundle: %s is %s" % (name, shown(statement.get(name))))
    if keys:
        known = {hashlib.sha256(_raw_key(key)).hexdigest()[:16]: _raw_key(key) for key in keys}
        raw = known.get(str(statement.get("key")))
        if raw is None:
            raise Broken(
                "the statement is signed with the key %s, which you did not give" % shown(statement.get("key"))
            )
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(
                base64.b64decode(signature, validate=True), said.encode("latin-1")
            )
        except (InvalidSignature, ValueError):
            raise Broken("the signature does not hold") from None
    return statement


def _raw_key(encoded: str) -> bytes:
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Broken("not an Ed25519 public key in base64: " + shown(encoded))
    return raw


def check_receipt(document: Record, digest: str) -> Record | None:
    """The seal under which the receipt is proved to stand; None where it has none yet."""
    record = document.get("receipt")
    if not isinstance(record, dict) or sorted(record) != list(RECEIPT_FIELDS):
        raise Broken("the receipt does not say what a receipt says")
    if record["bundle"] != digest:
        raise Broken("the receipt is of another bundle: " + shown(record["bundle"]))
    seal = document.get("seal")
    if seal is None:
        return None
    if not isinstance(seal, dict):
        raise Broken("the seal of the receipt cannot be read")
    line = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    leaf = hashlib.sha256(line).hexdigest()
    index, size, path, root = (seal.get(name) for name in ("index", "size", "path", "root"))
    if type(index) is not int or type(size) is not int or not isinstance(path, list) or not isinstance(root, str):
        raise Broken("the seal of the receipt cannot be read")
    if not inclusion_holds(leaf, index, size, path, root):
        raise Broken("the receipt was altered, or is not under the seal that it names")
    first, _, last = str(seal.get("receipts")).partition("-")
    if not first.isdecimal() or not last.isdecimal() or not int(first) <= record["receipt"] <= int(last):
        raise Broken("the receipt's number is not in the run that its seal names")
    return seal


def inclusion_holds(leaf: str, index: int, size: int, path: Sequence[Any], root: str) -> bool:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return False
    try:
        steps = [bytes.fromhex(step) for step in path]
    except (TypeError, ValueError):
        return False
    position, last = index, size - 1
    node = hashlib.sha256(b"\x00" + bytes.fromhex(leaf)).digest()
    for sibling in steps:
        if last == 0:
            return False
        if position & 1 or position == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        position, last = position >> 1, last >> 1
    return last == 0 and node.hex() == root


def check_ledger(place: str, keys: Sequence[str], seal: Record) -> None:
    """The export holds as a whole, and has the event that sealed the receipt, with that root."""
    verifier = _verifier()
    wanted = seal.get("event")
    found = False
    try:
        with open(place, "rb") as file:
            verifier.check(verifier.lines_of(file), list(keys) or None)
        with open(place, "rb") as file:
            for line in verifier.lines_of(file):
                record = verifier.parse(line)
                if record.get("type") == "event" and record.get("sequence") == wanted:
                    expected = (SEALED, seal.get("receipts"), seal.get("root"))
                    subject = record.get("subject")
                    named = subject.get("id") if isinstance(subject, dict) else None
                    if (record.get("action"), named, record.get("after")) != expected:
                        raise Broken("event %s of the ledger does not seal this receipt" % shown(wanted))
                    found = True
    except OSError as error:
        raise Broken("%s cannot be read: %s" % (shown(place), error.strerror)) from None
    except verifier.Broken as problem:
        raise Broken("the ledger export does not hold: %s" % problem) from None
    if not found:
        raise Broken("the export does not hold event %s, which seals the receipt" % shown(wanted))


def _verifier() -> Any:
    here = Path(__file__).resolve().parent
    for folder in (here, here.parent.parent / "governance" / "audit" / "standalone"):
        script = folder / "verify_export.py"
        if script.is_file():
            spec = importlib.util.spec_from_file_location("verify_export", script)
            if spec is not None and spec.loader is not None:
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                return module
    raise Broken("verify_export.py does not lie beside this script, so that the export cannot be checked")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a bundle, its signed lease and its receipt.")
    parser.add_argument("bundle", help="the answer's bytes, as received")
    parser.add_argument("--headers", metavar="FILE", help="the answer's headers, as `curl -D FILE` writes them")
    parser.add_argument("--key", action="append", default=[], metavar="BASE64", help="a public key that you trust")
    parser.add_argument("--receipt", metavar="FILE", help="the receipt, with its seal")
    parser.add_argument("--export", metavar="FILE", help="an export of the ledger (JSON Lines)")
    parser.add_argument("--at", metavar="TIME", help="judge lease and validity at this moment, not now")
    asked = parser.parse_args(arguments)
    said: list[str] = []
    try:
        ended = _check(asked, said)
    except Broken as problem:
        sys.stdout.write("\n".join([*said, "BROKEN: %s." % problem]) + "\n")
        return 1
    sys.stdout.write("\n".join(said) + "\n")
    return 3 if ended else 0


def _check(asked: argparse.Namespace, said: list[str]) -> bool:
    now = moment(asked.at, "--at") if asked.at else datetime.now(timezone.utc)
    bundle, digest = check_bundle(read(asked.bundle))
    said.append("HOLDS: the bytes have the digest %s." % digest)
    ended = _ended(said, "the validity", bundle.get("valid_until"), now)
    if asked.headers:
        headers = headers_in(read(asked.headers))
        if "plumbline-statement" not in headers:
            raise Broken("the headers hold no Plumbline-Statement")
        statement = check_statement(
            headers["plumbline-statement"], headers.get("plumbline-signature", ""), asked.key, bundle, digest
        )
        if asked.key:
            said.append("HOLDS: the lease of agent %s is signed." % shown(statement["agent"]))
        else:
            said.append("NOT CHECKED: the signature, since no --key was given.")
        ended = _ended(said, "the lease", statement.get("lease_until"), now) or ended
    else:
        said.append("NOT CHECKED: lease and signature, since no --headers were given.")
    if not asked.receipt:
        said.append("NOT CHECKED: the receipt, since no --receipt was given.")
        return ended
    seal = check_receipt(parse(read(asked.receipt), "the receipt"), digest)
    if seal is None:
        said.append("NOT CHECKED: the receipt has no seal yet; ask for it again in a minute.")
    elif asked.export:
        check_ledger(asked.export, asked.key, seal)
        said.append("HOLDS: the receipt is sealed by event %s of the ledger." % shown(seal["event"]))
    else:
        said.append("HOLDS: the receipt is under the root that event %s is said to seal." % shown(seal.get("event")))
        said.append("NOT CHECKED: that event, since no --export was given.")
    return ended


def _ended(said: list[str], what: str, until: Any, now: datetime) -> bool:
    if until is None:
        said.append("  %s has no end that is known." % what)
        return False
    if moment(until, what) <= now:
        said.append("ENDED: %s ended at %s." % (what, shown(until)))
        return True
    said.append("  %s lasts until %s." % (what, shown(until)))
    return False


if __name__ == "__main__":
    sys.exit(main())
