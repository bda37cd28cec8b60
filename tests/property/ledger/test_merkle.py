from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import IntegrityError, InvalidInputError
from services.ledger.tree.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    complete_subtrees,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    prove,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from services.ledger.tree.stream import TreeStream


def _vectors_folder() -> Path:
    given_path = os.environ.get("COUNTERSIGN_TEST_DATA")
    base = Path(given_path) if given_path else Path(__file__).parents[4] / "shared" / "data"
    return base / "rfc6962-vectors"


VECTORS = _vectors_folder()
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason="the published RFC 6962 vectors are not on this machine"
)


def _load(kind: str) -> list[tuple[str, dict]]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    return [(str(file.relative_to(VECTORS)), json.loads(file.read_text())) for file in files]


def _bytes(value: str | None) -> bytes:
    return base64.b64decode(value or "")


@needs_vectors
def test_inclusion__every_published_vector__is_judged_as_published() -> None:
    vectors = _load("inclusion")
    assert len(vectors) > 60
    for name, vector in vectors:
        proof = [_bytes(item) for item in vector["proof"] or []]
        arguments = (_bytes(vector["leafHash"]), vector["leafIdx"], vector["treeSize"], proof)
        _hold(name, vector["wantErr"], lambda a=arguments, v=vector: verify_inclusion(*a, root=_bytes(v["root"])))


@needs_vectors
def test_consistency__every_published_vector__is_judged_as_published() -> None:
    vectors = _load("consistency")
    assert len(vectors) > 60
    for name, vector in vectors:
        proof = [_bytes(item) for item in vector["proof"] or []]
        roots = {"old_root": _bytes(vector["root1"]), "new_root": _bytes(vector["root2"])}
        sizes = (vector["size1"], vector["size2"])
        _hold(name, vector["wantErr"], lambda s=sizes, p=proof, r=roots: verify_consistency(*s, p, **r))


@needs_vectors
def test_inclusion__in_a_subtree_of_every_published_vector__is_judged_as_published() -> None:
    """A complete subtree is a tree of its own; the vectors' rule for where one may start stands in the test."""
    vectors = _load("subtreeinclusion")
    assert len(vectors) > 60
    for name, vector in vectors:
        start, end = vector["start"], vector["end"]
        proof = [_bytes(item) for item in vector["proof"] or []]
        arguments = (_bytes(vector["leafHash"]), vector["leafIdx"] - start, end - start, proof)
        if _may_be_subtree(start, end):
            _hold(name, vector["wantErr"], lambda a=arguments, v=vector: verify_inclusion(*a, root=_bytes(v["root"])))
        else:
            assert vector["wantErr"], name


@needs_vectors
def test_consistency__of_subtrees_from_the_first_leaf__is_judged_as_published() -> None:
    vectors = [(name, vector) for name, vector in _load("subtreeconsistency") if vector["start"] == 0 < vector["end"]]
    assert len(vectors) > 20
    for name, vector in vectors:
        proof = [_bytes(item) for item in vector["proof"] or []]
        roots = {"old_root": _bytes(vector["root1"]), "new_root": _bytes(vector["root2"])}
        sizes = (vector["end"], vector["size"])
        _hold(name, vector["wantErr"], lambda s=sizes, p=proof, r=roots: verify_consistency(*s, p, **r))


def _may_be_subtree(start: int, end: int) -> bool:
    """Whether ``[start, end)`` starts at a multiple of the power of two that covers it."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def _hold(name: str, refused: bool, check: Callable[[], None]) -> None:
    try:
        check()
    except ProofError:
        assert refused, f"{name} was refused"
    else:
        assert not refused, f"{name} was accepted"


def test_root__of_the_published_leaves__is_the_published_root() -> None:
    """The eight test leaves of RFC 6962 implementations, and their published roots."""
    leaves = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def _naive_root(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962, 2.1."""
    if len(leaves) < 2:
        return leaf_hash(leaves[0]) if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(_naive_root(leaves[:split]), _naive_root(leaves[split:]))


@given(st.lists(st.binary(max_size=4), max_size=70), st.integers(1, 9))
def test_roots__frontier_and_stream__equal_the_recursive_definition(leaves: list[bytes], piece: int) -> None:
    stream = TreeStream()
    for first in range(0, len(leaves), piece):
        stream.add(leaves[first : first + piece])
    assert root_of(leaves) == stream.root() == stream.copy().root() == _naive_root(leaves)
    assert stream.size == len(leaves)


@given(st.integers(1, 130), st.data())
def test_proofs__made_from_complete_subtrees__hold_and_break_when_touched(size: int, data: st.DataObject) -> None:
    leaves = [bytes([number]) for number in range(size)]
    subtrees, roots = _grow(leaves)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    proof = prove(inclusion_ranges(index, size), subtrees.__getitem__)
    verify_inclusion(leaf_hash(leaves[index]), index, size, proof, root=roots[size])
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b"other"), index, size, proof, root=roots[size])
    path = prove(consistency_ranges(old, size), subtrees.__getitem__)
    verify_consistency(old, size, path, old_root=roots[old], new_root=roots[size])
    with pytest.raises(ProofError):
        verify_consistency(old, size, [*path, b"\0" * 32], old_root=roots[old], new_root=roots[size])


def _grow(leaves: list[bytes]) -> tuple[dict[tuple[int, int], bytes], list[bytes]]:
    frontier, subtrees, roots = Frontier(), {}, [EMPTY_ROOT]
    for number, leaf in enumerate(leaves):
        frontier, completed = frontier.push(leaf_hash(leaf))
        subtrees |= {(level, number >> level): value for level, value in enumerate(completed)}
        roots.append(frontier.root())
    return subtrees, roots


def test_complete_subtrees__of_a_range__are_largest_first() -> None:
    assert complete_subtrees((0, 7)) == [(2, 0), (1, 2), (0, 6)]
    assert complete_subtrees((4, 7)) == [(1, 2), (0, 6)]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_inclusion_ranges__of_a_leaf_that_is_not_there__are_refused(index: int, size: int) -> None:
    with pytest.raises(InvalidInputError):
        inclusion_ranges(index, size)
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b""), index, size, [], root=EMPTY_ROOT)


def test_consistency__backwards__is_refused() -> None:
    for old, new in ((3, 2), (0, 2), (-1, 2)):
        with pytest.raises(InvalidInputError):
            consistency_ranges(old, new)


def test_frontier__bytes_that_do_not_fit_the_size__are_refused() -> None:
    frontier, _ = Frontier().push(leaf_hash(b"a"))
    assert Frontier.from_bytes(1, frontier.to_bytes()) == frontier
    for size, joined in ((2, frontier.to_bytes() * 2), (1, frontier.to_bytes()[:-1]), (1, b"")):
        with pytest.raises(IntegrityError):
            Frontier.from_bytes(size, joined)
