"""Merkle proofs: every one that is made holds, in both verifiers, and none that was altered does."""

from __future__ import annotations

import hashlib

import pytest

from governance.audit import proofs
from governance.audit.proofs import Frontier, HashTree, NoSuchProof, consistency_holds, inclusion_holds
from governance.audit.standalone import verify_export

HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(70)]
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 70)
# RFC 9162 has no vectors; these are the tree hashes of the leaves below as Certificate Transparency publishes them.
KNOWN_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.fixture(params=[1, 4, 4096])
def _chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "CHUNK", request.param)


def tree(size: int) -> HashTree:
    return HashTree(size=size, leaves_of=lambda low, high: HASHES[low:high])


def root_of(size: int) -> str:
    frontier = Frontier()
    for each in HASHES[:size]:
        frontier.add(each)
    return frontier.root()


def test_root__leaves_of_certificate_transparency__is_the_published_one() -> None:
    frontier = Frontier()
    for leaf in KNOWN_LEAVES:
        frontier.add(leaf)
    assert frontier.root() == KNOWN_ROOT
    assert Frontier().root() == hashlib.sha256(b"").hexdigest()


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("size", SIZES)
def test_inclusion__every_leaf_of_many_sizes__holds_for_that_leaf_alone(size: int) -> None:
    made, root = tree(size), root_of(size)
    assert made.root() == root
    for index in range(size):
        path = made.inclusion(index=index)
        for holds in (_inclusion, _inclusion_by_script):
            assert holds(HASHES[index], index, size, path, root)
            assert not holds(HASHES[(index + 1) % 70], index, size, path, root)
            assert not holds(HASHES[index], index, size, path, root_of(size + 1) if size < 70 else HASHES[0])
            assert not holds(HASHES[index], index, size, [*path, HASHES[0]], root)
            if path:
                assert not holds(HASHES[index], index, size, path[:-1], root)
                assert not holds(HASHES[index], (index + 1) % size, size, path, root)


@pytest.mark.usefixtures("_chunks")
@pytest.mark.parametrize("size", SIZES)
def test_consistency__every_earlier_size__holds_for_that_size_alone(size: int) -> None:
    made, root = tree(size), root_of(size)
    for old in range(1, size + 1):
        proof = made.consistency(old=old)
        for holds in (_consistency, verify_export.consistency_holds):
            assert holds(old, size, root_of(old), root, proof)
            assert not holds(old, size, HASHES[0], root, proof)
            assert not holds(old, size, root_of(old), HASHES[0], proof)
            assert not holds(old, size, root_of(old), root, [*proof, HASHES[0]])
            if old < size:
                assert not holds(old + 1, size, root_of(old), root, proof)


def test_proofs__of_what_the_tree_does_not_have__are_refused() -> None:
    for index in (-1, 5):
        with pytest.raises(NoSuchProof):
            tree(5).inclusion(index=index)
    for old in (0, 6):
        with pytest.raises(NoSuchProof):
            tree(5).consistency(old=old)


def test_frontier__stored_and_restored__goes_on_as_if_nothing_had_been() -> None:
    frontier = Frontier()
    for each in HASHES[:37]:
        frontier.add(each)
    restored = Frontier.restored(count=37, peaks=frontier.stored())
    for each in HASHES[37:]:
        restored.add(each)
    assert restored.root() == root_of(70)
    with pytest.raises(ValueError, match="3 peaks"):
        Frontier.restored(count=37, peaks=frontier.stored()[:2])


def _inclusion(event_hash: str, index: int, size: int, path: list[str], root: str) -> bool:
    return inclusion_holds(event_hash=event_hash, index=index, size=size, path=path, root=root)


def _inclusion_by_script(event_hash: str, index: int, size: int, path: list[str], root: str) -> bool:
    return verify_export.inclusion_holds(event_hash, index, size, path, root)


def _consistency(old: int, new: int, old_root: str, new_root: str, proof: list[str]) -> bool:
    return consistency_holds(old=old, new=new, old_root=old_root, new_root=new_root, proof=proof)
