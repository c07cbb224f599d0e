"""Checks a signed receipt of a review without Plumbline: `python verify_receipt.py RECEIPT.json [--key KEY]`.

Needs Python 3.9 or later and the package `cryptography`, nothing else; must not import Plumbline. It writes the receipt
as canonical JSON (RFC 8785) again, checks the Ed25519 signature over it, and says in one line who decided what, when,
on which digest. Exit status: 0 where the signature holds, 1 where it does not, 2 where the file is no receipt.

The file names the key that signed it, so a whole file can be forged with a key of the forger's own. Compare the key
with what you were given elsewhere, and pass it with --key.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "plumbline.review-receipt/1"
LARGEST_EXACT = 2**53 - 1
LONGEST_FILE = 1024 * 1024


class Broken(Exception):
    """The receipt does not hold; the message says why."""


class NoReceipt(Exception):
    """The file is not one of these receipts."""


def canonical(value: Any) -> bytes:
    """Canonical JSON as far as receipts need it: text, whole numbers, lists, objects, true, false and null."""
    try:
        return _written(value).encode("utf-8")
    except UnicodeEncodeError:
        raise NoReceipt("a text holds half a character (a lone surrogate)") from None
    except RecursionError:
        raise NoReceipt("it is nested too deeply") from None


def check(document: Any, key: str | None = None) -> dict[str, Any]:
    """The receipt, once its signature is found to be of exactly this text under the key."""
    if not isinstance(document, dict) or not isinstance(document.get("receipt"), dict):
        raise NoReceipt("it holds no receipt")
    receipt: dict[str, Any] = document["receipt"]
    if receipt.get("format") != FORMAT:
        raise NoReceipt(f"its format is not {FORMAT}")
    stated = document.get("public_key")
    if key is not None and stated is not None and stated != key:
        raise Broken("it names another key than the one you trust")
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(str(key or stated), validate=True))
        signature = base64.b64decode(str(document.get("signature")), validate=True)
    except (ValueError, binascii.Error):
        raise NoReceipt("its key or its signature cannot be read") from None
    try:
        public.verify(signature, canonical(receipt))
    except InvalidSignature:
        raise Broken("the signature is not of this text, or not of this key") from None
    return receipt


def sentence_of(receipt: dict[str, Any]) -> str:
    change, reviewer = receipt["change"], receipt["reviewer"]
    place = f" in the place of {receipt['on_behalf_of']}" if receipt.get("on_behalf_of") else ""
    return (
        f"{reviewer['name']} ({reviewer['username']}){place} decided {receipt['decision']!r} at {receipt['decided_at']}"
        f" on change {change['number']}, {change['title']!r}, digest {change['digest']}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a signed receipt of a review without Plumbline.")
    parser.add_argument("receipt", type=Path, help="the file that was downloaded")
    parser.add_argument("--key", help="the public key that you trust, in base64")
    options = parser.parse_args(arguments)
    try:
        with options.receipt.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            raise NoReceipt("it is too large")
        receipt = check(json.loads(content, object_pairs_hook=_once), options.key)
        said = sentence_of(receipt)
    except Broken as broken:
        return _end(1, f"BROKEN: {broken}.")
    except NoReceipt as odd:
        return _end(2, f"NOT A RECEIPT: {odd}.")
    except OSError as error:
        return _end(2, f"NOT A RECEIPT: {options.receipt} cannot be read: {error.strerror}.")
    except (ValueError, RecursionError):
        return _end(2, "NOT A RECEIPT: it is not JSON.")
    except (KeyError, TypeError):
        return _end(2, "NOT A RECEIPT: something is missing in it.")
    trust = "with the key you gave" if options.key else "with the key it names itself; compare it, or pass --key"
    return _end(0, f"HOLDS: {said}. Checked {trust}.")


def _written(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and abs(value) <= LARGEST_EXACT:
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(_written(part) for part in value) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_written(value[name])}" for name in names) + "}"
    raise NoReceipt("it holds a number that no receipt holds")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names stand once: of two, one could be shown and the other signed."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NoReceipt("a name stands twice in it")
    return made


def _end(status: int, sentence: str) -> int:
    sys.stdout.write(sentence + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
