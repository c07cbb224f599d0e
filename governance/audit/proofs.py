"""Merkle tree hashes and proofs over the ledger (RFC 9162, section 2.1); must not touch a database or sign.

A leaf is the 32 raw bytes of an event's hash. Leaves are hashed with the prefix 0x00, nodes with 0x01.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from context.errors import DomainError

# Leaves of one perfect subtree whose nodes are held at once: what bounds the memory of making proofs.
CHUNK = 4_096

LeavesOf = Callable[[int, int], Sequence[str]]


class NoSuchProof(DomainError):
    """A proof was asked for of an event or a size that the tree does not have."""

    type = "no-such-proof"
    title = "There is no such proof"
    status = 422


def leaf_hash(event_hash: str) -> bytes:
    return hashlib.sha256(b"\x00" + bytes.fromhex(event_hash)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """The roots of the perfect subtrees of a tree, largest first: all that is needed to go on adding leaves."""

    count: int = 0
    peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def restored(cls, *, count: int, peaks: Iterable[str]) -> Frontier:
        """Of its stored form. ValueError where the number of peaks is not that of a tree of `count` leaves."""
        raw = [bytes.fromhex(peak) for peak in peaks]
        if len(raw) != count.bit_count():
            raise ValueError(f"a tree of {count} leaves has {count.bit_count()} peaks, not {len(raw)}")
        return cls(count=count, peaks=raw)

    def add(self, event_hash: str) -> None:
        node, filled = leaf_hash(event_hash), self.count
        while filled & 1:
            node = node_hash(self.peaks.pop(), node)
            filled >>= 1
        self.peaks.append(node)
        self.count += 1

    def root(self) -> str:
        """The tree hash, 64 hexadecimal digits; of no leaves, the hash of nothing."""
        if not self.peaks:
            return hashlib.sha256(b"").hexdigest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(peak, node)
        return node.hex()

    def stored(self) -> list[str]:
        return [peak.hex() for peak in self.peaks]


class HashTree:
    """Proofs of a tree of `size` leaves that are read in chunks. Memory: one chunk, and one hash for each chunk.

    `leaves_of(low, high)` returns the event hashes of leaves low to high, counted from 0, high not included.
    Making it reads every leaf once; a proof then reads the few chunks it crosses.
    """

    def __init__(self, *, size: int, leaves_of: LeavesOf) -> None:
        self.size = size
        self._leaves_of = leaves_of
        self._held: tuple[int, list[bytes]] | None = None
        self._roots = [
            _root(self._chunk(low), 0, min(CHUNK, size - low)) for low in range(0, size - size % CHUNK, CHUNK)
        ]

    def root(self, size: int | None = None) -> str:
        """The tree hash of the first `size` leaves, all where left out."""
        size = self.size if size is None else size
        return self._subtree(0, size).hex() if size else hashlib.sha256(b"").hexdigest()

    def inclusion(self, *, index: int, size: int | None = None) -> list[str]:
        """The audit path of leaf `index` (from 0) in the tree of the first `size` leaves (RFC 9162, 2.1.3.1)."""
        size = self.size if size is None else size
        if not 0 <= index < size <= self.size:
            raise NoSuchProof(f"There is no leaf {index} in a tree of {size} of {self.size} leaves.")
        path: list[str] = []
        low, high = 0, size
        while high - low > 1:
            middle = low + _split(high - low)
            if index < middle:
                path.append(self._subtree(middle, high).hex())
                high = middle
            else:
                path.append(self._subtree(low, middle).hex())
                low = middle
        return path[::-1]

    def consistency(self, *, old: int, new: int | None = None) -> list[str]:
        """The proof that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.1)."""
        new = self.size if new is None else new
        if not 0 < old <= new <= self.size:
            raise NoSuchProof(f"Trees of {old} and {new} of {self.size} leaves have no consistency proof.")
        proof: list[str] = []
        low, high, whole = 0, new, True
        while old != high:
            middle = low + _split(high - low)
            if old <= middle:
                proof.append(self._subtree(middle, high).hex())
                high = middle
            else:
                proof.append(self._subtree(low, middle).hex())
                low, whole = middle, False
        if not whole:
            proof.append(self._subtree(low, high).hex())
        return proof[::-1]

    def _subtree(self, low: int, high: int) -> bytes:
        size = high - low
        if size > CHUNK or (low % CHUNK) + size > CHUNK:
            middle = low + _split(size)
            return node_hash(self._subtree(low, middle), self._subtree(middle, high))
        if size == CHUNK and low // CHUNK < len(self._roots):
            return self._roots[low // CHUNK]
        start = low - low % CHUNK
        return _root(self._chunk(start), low - start, high - start)

    def _chunk(self, start: int) -> list[bytes]:
        if self._held is None or self._held[0] != start:
            hashes = self._leaves_of(start, min(start + CHUNK, self.size))
            self._held = (start, [leaf_hash(each) for each in hashes])
        return self._held[1]


def inclusion_holds(*, event_hash: str, index: int, size: int, path: Sequence[str], root: str) -> bool:
    """Whether `path` proves that the event is leaf `index` of the tree with that root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, node = index, size - 1, leaf_hash(event_hash)
    for step in path:
        if last == 0:
            return False
        sibling = bytes.fromhex(step)
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and node.hex() == root


def consistency_holds(*, old: int, new: int, old_root: str, new_root: str, proof: Sequence[str]) -> bool:
    """Whether `proof` shows that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    steps = [bytes.fromhex(step) for step in proof]
    if old & (old - 1) == 0:
        steps.insert(0, bytes.fromhex(old_root))
    if not steps:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, step)
        position, last = position >> 1, last >> 1
    return last == 0 and before.hex() == old_root and after.hex() == new_root


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(leaves: Sequence[bytes], low: int, high: int) -> bytes:
    if high - low == 1:
        return leaves[low]
    level = list(leaves[low:high])
    # An odd last node moves up unpaired, which gives the same tree as splitting at powers of two.
    while len(level) > 1:
        paired = [node_hash(level[index], level[index + 1]) for index in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]
