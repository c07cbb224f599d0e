"""Ed25519 signatures of this installation, verifiable offline; must not decide what to sign."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


@lru_cache(maxsize=4)
def _private_key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(secret))


def sign(message: bytes) -> str:
    """The signature of `message`, base64 (88 characters)."""
    return base64.b64encode(_private_key(settings.SIGNING_KEY).sign(message)).decode()


def public_key() -> str:
    """The raw public key, base64 (44 characters)."""
    raw = _private_key(settings.SIGNING_KEY).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def key_id() -> str:
    """A short name of the public key, stored with each signature: the first 16 hexadecimal digits of its SHA-256."""
    return key_id_of(public_key())


def key_id_of(key: str) -> str:
    """The short name of any public key (base64)."""
    return hashlib.sha256(base64.b64decode(key)).hexdigest()[:16]


def is_signed(message: bytes, signature: str, key: str | None = None) -> bool:
    """Whether `signature` is of `message` under `key` (base64; this installation's where left out)."""
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(key or public_key(), validate=True)).verify(
            base64.b64decode(signature, validate=True), message
        )
    except (InvalidSignature, ValueError):
        return False
    return True
