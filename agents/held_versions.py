"""Which version of a contract an agent holds, in three parts that name it for good; must not read what it says."""

from __future__ import annotations

from typing import NamedTuple

import orjson


class HeldVersion(NamedTuple):
    """A contract version: its number in the database, the digest of what it says, and whose version it is."""

    version_id: int
    digest: str
    contract_id: int


def held_versions(stated: str | None) -> dict[str, HeldVersion]:
    """By the slug of the contract, out of the JSON that a statement made: `{slug: [version, digest, contract]}`."""
    return {slug: HeldVersion(*held) for slug, held in orjson.loads(stated or "{}").items()}
