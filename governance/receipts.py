"""Signed receipts of review decisions, which prove who decided what on which digest without the database."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from context import signing
from context.digests import canonical, iso
from context.models import User
from governance.models import Change, Review
from governance.policies import Demand

FORMAT = "plumbline.review-receipt/1"


def receipt_for(
    *,
    change: Change,
    reviewer: User,
    decision: str,
    comment: str,
    demands: Sequence[Demand],
    now: datetime,
    on_behalf_of: str = "",
    screening: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The decision as a document: what was decided on (digest), by whom, in whose place, when, under which policies.

    `screening` are the warnings it was made in view of, where there are any.
    """
    return {
        "format": FORMAT,
        "change": {"number": change.pk, "title": change.title, "digest": change.digest},
        "reviewer": {"username": reviewer.username, "name": reviewer.display_name},
        **({"on_behalf_of": on_behalf_of} if on_behalf_of else {}),
        "decision": decision,
        **({"screening": dict(screening)} if screening else {}),
        "comment_sha256": hashlib.sha256(comment.encode()).hexdigest(),
        "decided_at": iso(now),
        "policies": [
            {"name": demand.policy_name, "digest": demand.policy_digest, "domain": demand.domain_name}
            for demand in demands
        ],
    }


def signature_of(receipt: Mapping[str, Any]) -> str:
    """The installation's Ed25519 signature of the receipt's canonical JSON (RFC 8785), base64."""
    return signing.sign(canonical(receipt))


def is_genuine(receipt: Mapping[str, Any], signature: str, public_key: str | None = None) -> bool:
    """Whether the signature is of exactly this receipt under that key (this installation's where left out)."""
    return signing.is_signed(canonical(receipt), signature, public_key)


def document_of(review: Review) -> dict[str, Any]:
    """What a person hands to an auditor: receipt, signature and the public key that verifies it."""
    return {
        "receipt": review.receipt,
        "signature": review.signature,
        "key_id": review.key_id,
        "public_key": signing.public_key(),
        "algorithm": "Ed25519 over RFC 8785 canonical JSON of `receipt`",
    }
