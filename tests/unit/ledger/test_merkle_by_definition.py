"""Proofs against RFC 6962 itself: its recursive definitions, and every mutation that the published vectors make.

The published vectors stand elsewhere and run where they are; this runs everywhere, over more trees.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.ledger.tree.merkle import (
    EMPTY_ROOT,
    ProofError,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)

SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33)
LEAVES = [bytes([n]) * (n % 5) for n in range(max(SIZES))]
PUBLISHED_LEAVES = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]
PUBLISHED_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Roots over the first 1 to 8 test leaves, as certificate transparency logs have them in their own tests."""
GARBAGE = leaf_hash(b"garbage")
Proof = list[bytes]


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH(D[n]), RFC 6962, 2.1."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = split(len(leaves))
    return node_hash(tree_hash(leaves[:k]), tree_hash(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> Proof:
    """PATH(m, D[n]), RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), tree_hash(leaves[k:])]
    return [*path(index - k, leaves[k:]), tree_hash(leaves[:k])]


def proof_of(old: int, leaves: list[bytes]) -> Proof:
    """PROOF(m, D[n]), RFC 6962, 2.1.2."""

    def sub(m: int, part: list[bytes], *, whole: bool) -> Proof:
        if m == len(part):
            return [] if whole else [tree_hash(part)]
        k = split(len(part))
        if m <= k:
            return [*sub(m, part[:k], whole=whole), tree_hash(part[k:])]
        return [*sub(m - k, part[k:], whole=False), tree_hash(part[:k])]

    return sub(old, leaves, whole=True)


def split(count: int) -> int:
    """The largest power of two smaller than `count`."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def broken(proof: Proof) -> Iterator[tuple[str, Proof]]:
    """Every way in which the published vectors spoil a proof's hashes."""
    yield "trailing garbage", [*proof, GARBAGE]
    yield "leading garbage", [GARBAGE, *proof]
    yield "trailing empty", [*proof, b""]
    yield "preceded by the root", [tree_hash(LEAVES[:1]), *proof]
    if proof:
        yield "truncated at the end", proof[:-1]
        yield "truncated at the beginning", proof[1:]
        yield "empty", []
    if len(proof) > 1 and proof[0] != proof[1]:
        yield "swapped", [proof[1], proof[0], *proof[2:]]
    for number, part in enumerate(proof):
        yield f"changed at {number}", [*proof[:number], bytes([part[0] ^ 1]) + part[1:], *proof[number + 1 :]]


def refused(check: Callable[[], None]) -> bool:
    try:
        check()
    except ProofError:
        return True
    return False


@pytest.mark.parametrize("count", range(1, 9))
def test_root__of_the_first_published_leaves__is_the_published_one(count: int) -> None:
    assert tree_hash(PUBLISHED_LEAVES[:count]).hex() == PUBLISHED_ROOTS[count - 1]


@pytest.mark.parametrize("size", SIZES)
def test_inclusion__by_definition__holds_and_every_mutation_is_refused(size: int) -> None:
    leaves = LEAVES[:size]
    root = tree_hash(leaves)
    for index in range(size):
        leaf, proof = leaf_hash(leaves[index]), path(index, leaves)
        verify_inclusion(leaf, index, size, proof, root=root)
        for name, wrong in broken(proof):
            assert refused(lambda p=wrong: verify_inclusion(leaf, index, size, p, root=root)), (index, name)  # noqa: B023
        for other in {index - 1, index + 1, index ^ 2, size} - {index}:
            assert refused(lambda i=other: verify_inclusion(leaf, i, size, proof, root=root)), (index, other)  # noqa: B023
        for other_root in (EMPTY_ROOT, GARBAGE, b"", leaf_hash(root)):
            assert refused(lambda r=other_root: verify_inclusion(leaf, index, size, proof, root=r))  # noqa: B023
        assert refused(lambda: verify_inclusion(GARBAGE, index, size, proof, root=root))  # noqa: B023
        assert refused(lambda: verify_inclusion(leaf, index, 0, proof, root=root))  # noqa: B023


@pytest.mark.parametrize("new", SIZES)
def test_consistency__by_definition__holds_and_every_mutation_is_refused(new: int) -> None:
    leaves = LEAVES[:new]
    new_root = tree_hash(leaves)
    for old in range(1, new + 1):
        roots = {"old_root": tree_hash(leaves[:old]), "new_root": new_root}
        proof = proof_of(old, leaves)
        verify_consistency(old, new, proof, **roots)
        for name, wrong in broken(proof):
            assert refused(lambda p=wrong: verify_consistency(old, new, p, **roots)), (old, name)  # noqa: B023
        if old < new:
            swapped = {"old_root": new_root, "new_root": roots["old_root"]}
            assert refused(lambda: verify_consistency(old, new, proof, **swapped))  # noqa: B023
            assert refused(lambda: verify_consistency(new, old, proof, **roots))  # noqa: B023
        for wrong_root in (EMPTY_ROOT, GARBAGE):
            assert refused(lambda r=wrong_root: verify_consistency(old, new, proof, old_root=r, new_root=new_root))  # noqa: B023
            kept = roots["old_root"]
            assert refused(lambda r=wrong_root: verify_consistency(old, new, proof, old_root=kept, new_root=r))  # noqa: B023
        assert refused(lambda: verify_consistency(0, new, proof, **roots))  # noqa: B023


@pytest.mark.parametrize("size", SIZES)
def test_script__climbs_inclusion_proofs__as_the_definition_says(size: int) -> None:
    climb = runpy.run_path(str(Path(__file__).parents[3] / "tools" / "verify_ledger.py"))["climb"]
    leaves = LEAVES[:size]
    root = tree_hash(leaves)
    for index in range(size):
        leaf, proof = leaf_hash(leaves[index]), path(index, leaves)
        assert climb(leaf, index, size, proof) == root
        for name, wrong in broken(proof):
            if b"" not in wrong:
                assert climb(leaf, index, size, wrong) != root, (index, name)
