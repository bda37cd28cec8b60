"""The Merkle root of a long stream of leaves: level by level, with memory for log2(n) hashes.

Gives the same roots as `merkle.Frontier`, several times faster, because a whole batch is paired at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from services.ledger.tree.merkle import fold


class TreeStream:
    """A growing tree that keeps only the nodes that later leaves can change."""

    def __init__(self) -> None:
        self.size = 0
        self._pending: list[list[bytes]] = []

    def add(self, bodies: Iterable[bytes]) -> None:
        """Append data items in order."""
        self.add_leaves([sha256(b"\x00" + body).digest() for body in bodies])

    def add_leaves(self, hashes: list[bytes]) -> None:
        """Append leaf hashes in order."""
        self.size += len(hashes)
        level = 0
        while hashes:
            if level == len(self._pending):
                self._pending.append([])
            row = self._pending[level] + hashes
            self._pending[level] = row[-1:] if len(row) & 1 else []
            pairs = zip(row[::2], row[1::2], strict=False)  # an odd last one stays pending
            hashes = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1

    def root(self) -> bytes:
        """The root over everything added so far."""
        return fold([row[0] for row in reversed(self._pending) if row])

    def copy(self) -> TreeStream:
        """A copy of the tree, to continue from independently."""
        twin = TreeStream()
        twin.size, twin._pending = self.size, [list(row) for row in self._pending]
        return twin
