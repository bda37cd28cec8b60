"""The Merkle tree of RFC 6962 and RFC 9162, section 2.1: hashes, frontier, proofs and their verification.

Promises:
- a leaf is ``SHA-256(0x00 || data)``, an inner node ``SHA-256(0x01 || left || right)``,
  the empty tree's root ``SHA-256()``;
- `Frontier` keeps at most log2(n) hashes and yields the root after each push;
- proofs are planned as ranges of leaves, so a store fetches only the few complete subtrees that a proof needs;
- an invalid proof raises `ProofError`, whatever is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256

from services.errors import IntegrityError, InvalidInputError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Range = tuple[int, int]
"""Leaves ``[first, end)``, counted from 0."""
NodeId = tuple[int, int]
"""Level and index of a complete subtree: leaves ``[index << level, (index + 1) << level)``."""


class ProofError(IntegrityError):
    """A Merkle proof is invalid."""

    code = "proof"


def leaf_hash(data: bytes) -> bytes:
    """Hash of one leaf (RFC 6962, 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (RFC 6962, 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root over complete subtrees given from left (largest) to right (smallest)."""
    return reduce(lambda right, left: node_hash(left, right), reversed(hashes)) if hashes else EMPTY_ROOT


@dataclass(frozen=True)
class Frontier:
    """The roots of the complete subtrees of a tree of `size` leaves, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise IntegrityError(f"The ledger's frontier does not fit a tree of {self.size} entries.")

    def push(self, leaf: bytes) -> tuple[Frontier, tuple[bytes, ...]]:
        """The frontier with one leaf more, and the subtrees that this leaf completed, leaf first."""
        stack, completed, remaining = list(self.hashes), [leaf], self.size
        while remaining & 1:
            completed.append(node_hash(stack.pop(), completed[-1]))
            remaining >>= 1
        return Frontier(self.size + 1, (*stack, completed[-1])), tuple(completed)

    def root(self) -> bytes:
        """Root of the whole tree."""
        return fold(self.hashes)

    def to_bytes(self) -> bytes:
        """The hashes joined, as the head row keeps them."""
        return b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, size: int, joined: bytes) -> Frontier:
        """The reverse of `to_bytes`; `IntegrityError` where bytes and size do not fit."""
        parts = tuple(joined[i : i + HASH_BYTES] for i in range(0, len(joined), HASH_BYTES))
        if parts and len(parts[-1]) != HASH_BYTES:
            raise IntegrityError("The ledger's frontier is cut off.")
        return cls(size, parts)


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Root over data items, one pass, for small trees and tests."""
    frontier = Frontier()
    for data in leaves:
        frontier, _ = frontier.push(leaf_hash(data))
    return frontier.root()


def complete_subtrees(leaves: Range) -> list[NodeId]:
    """The complete subtrees that make up a range of a proof, largest first; the range starts aligned."""
    first, end = leaves
    nodes = []
    while first < end:
        level = (end - first).bit_length() - 1
        nodes.append((level, first >> level))
        first += 1 << level
    return nodes


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The ranges whose hashes prove leaf `index` in a tree of `size` (RFC 9162, 2.1.3.1), leaf to root."""
    if not 0 <= index < size:
        raise InvalidInputError(f"There is no entry {index + 1} in a ledger of {size} entries.")
    first, end = 0, size
    ranges: list[Range] = []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """The ranges that prove a tree of `new` leaves extends one of `old` (RFC 9162, 2.1.4.1)."""
    if not 0 < old <= new:
        raise InvalidInputError(f"There is no proof that a ledger of {new} entries extends one of {old}.")
    if old == new:
        return []
    first, end, ranges = 0, new, list[Range]()
    while end != old:
        middle = first + _split(end - first)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1] if first == 0 else [(first, end), *ranges[::-1]]


def prove(ranges: Sequence[Range], node: Callable[[NodeId], bytes]) -> list[bytes]:
    """The proof's hashes, given the hash of any complete subtree."""
    return [fold([node(part) for part in complete_subtrees(leaves)]) for leaves in ranges]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], *, root: bytes) -> None:
    """Raise `ProofError` unless `leaf` is number `index` (from 0) under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise ProofError(f"Index {index} lies outside a tree of {size} leaves.")
    _check_hashes(leaf, root, *proof)
    first, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("The inclusion proof is too long.")
        if first & 1 or first == last:
            current = node_hash(sibling, current)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise ProofError("The inclusion proof is too short.")
    if current != root:
        raise ProofError("The inclusion proof leads to another root.")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], *, old_root: bytes, new_root: bytes) -> None:
    """Raise `ProofError` unless the tree `new_root` extends the tree `old_root` (RFC 9162, 2.1.4.2)."""
    if not 0 < old <= new:
        raise ProofError(f"There is no proof that a tree of {new} leaves extends one of {old}.")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("Two trees of one size have one root, and need no proof.")
        return
    _check_hashes(old_root, new_root, *proof)
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("The consistency proof is empty.")
    if _climb(old - 1, new - 1, path) != (old_root, new_root):
        raise ProofError("The consistency proof leads to other roots.")


def _climb(first: int, last: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Old and new root that a consistency path leads to."""
    while first & 1:
        first, last = first >> 1, last >> 1
    old_root = new_root = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("The consistency proof is too long.")
        if first & 1 or first == last:
            old_root, new_root = node_hash(sibling, old_root), node_hash(sibling, new_root)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_root = node_hash(new_root, sibling)
        first, last = first >> 1, last >> 1
    if last != 0:
        raise ProofError("The consistency proof is too short.")
    return old_root, new_root


def _split(count: int) -> int:
    """The largest power of two below `count` (RFC 6962's k)."""
    return 1 << (count - 1).bit_length() - 1


def _check_hashes(*hashes: bytes) -> None:
    if any(len(item) != HASH_BYTES for item in hashes):
        raise ProofError("A hash is not 32 bytes long.")
