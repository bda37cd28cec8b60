"""Leaks: evaluation rows that the candidate was trained on. Its figures on them prove nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.evidence.alignment import Aligned
from services.evidence.findings import Finding, Severity
from services.evidence.tables import Column, Table, canonical_texts

BLOCKING_SHARE = 0.001
"""Leaked rows above this share block; any leaked id blocks too when the ids were given."""
_TELLING = 0.5
"""Rows are recognised by content only when at least this share of them differs from all others."""


@dataclass(frozen=True)
class TrainingRows:
    """What is known of the training data: row ids, and hashes of row contents over `columns` (in this order)."""

    ids: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()
    columns: tuple[str, ...] = ()


def training_rows(table: Table, *, key: str, columns: Iterable[str]) -> TrainingRows:
    """From a training table: ids where it has the key column, content hashes over the columns that both sides have."""
    shared = tuple(sorted(name for name in columns if name in table.columns and name != key))
    ids = (
        frozenset(t for t in canonical_texts(table.columns[key]).tolist() if t) if key in table.columns else frozenset()
    )
    hashes = frozenset(row_hashes([table.columns[name] for name in shared])) if shared else frozenset()
    return TrainingRows(ids, hashes, shared)


def row_hashes(columns: list[Column]) -> list[str]:
    """One BLAKE2b hash a row over the canonical texts of its columns."""
    texts = [canonical_texts(values).tolist() for values in columns]
    return [
        hashlib.blake2b(
            "\x1f".join("\x00" if part is None else part for part in row).encode(), digest_size=12
        ).hexdigest()
        for row in zip(*texts, strict=True)
    ]


def leak_findings(rows: Aligned, training: TrainingRows | None) -> list[Finding]:
    """`leak` by row id and by content; says when neither can be checked."""
    if training is None:
        return []
    by_id = sum(1 for text in rows.ids.tolist() if text in training.ids)
    found = [_leak(by_id, rows.rows, "have the id of a training row", always=True)] if by_id else []
    hashes = _content(rows, training)
    if hashes is not None:
        same = sum(1 for value in hashes if value in training.hashes)
        found += (
            [_leak(same, rows.rows, "are equal to a training row in every shared column", always=False)] if same else []
        )
    elif not training.ids:
        sentence = (
            "The training data share neither row ids nor enough columns with the evaluation: "
            "a leak cannot be ruled out."
        )
        found.append(Finding("leak_unchecked", Severity.WARNING, "training data", sentence))
    return found


def _leak(count: int, rows: int, how: str, *, always: bool) -> Finding:
    blocks = always or count > BLOCKING_SHARE * rows
    sentence = f"{count} of {rows} evaluation rows {how}: the candidate may know their answers by heart."
    return Finding("leak", Severity.BLOCKING if blocks else Severity.WARNING, "training data", sentence)


def _content(rows: Aligned, training: TrainingRows) -> list[str] | None:
    """Hashes of the evaluation rows, or None when too few columns are shared to tell rows apart."""
    usable = [name for name in training.columns if name in rows.further]
    if not usable or tuple(usable) != training.columns:
        return None
    hashes = row_hashes([rows.further[name] for name in usable])
    return hashes if len(set(hashes)) >= _TELLING * len(hashes) and len(np.unique(hashes)) > 1 else None
