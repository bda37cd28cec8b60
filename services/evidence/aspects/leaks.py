"""Leaks: evaluation rows that the candidate was trained on. Its figures on them prove nothing."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.evidence.findings import Finding, Severity
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.tables import Column, Table, canonical_texts

_TELLING = 0.5
"""Rows are recognised by content only when at least this share of them differs from all others."""


@dataclass(frozen=True)
class TrainingRows:
    """What is known of the training data: row ids, and hashes of row contents over `columns` (in this order)."""

    rows: int = 0
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
    return TrainingRows(table.rows, ids, hashes, shared)


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
    found = [_leak(by_id, rows.rows, "have the id of a training row", by_chance=0.0)] if by_id else []
    hashes = _content(rows, training)
    if hashes is not None:
        same = sum(1 for value in hashes if value in training.hashes)
        if same:
            chance = expected_twins(hashes, training.rows)
            found.append(_leak(same, rows.rows, "are equal to a training row in every shared column", by_chance=chance))
    elif training.ids and not by_id:
        sentence = (
            "No evaluation row has the id of a training row. Their contents could not be compared (too few shared "
            "columns), so a training row under another id would not be found."
        )
        found.append(Finding("leak_unchecked", Severity.WARNING, "training data", sentence))
    elif not training.ids:
        sentence = (
            "The training data share neither row ids nor enough columns with the evaluation: "
            "a leak cannot be ruled out."
        )
        found.append(Finding("leak_unchecked", Severity.WARNING, "training data", sentence))
    return found


def expected_twins(hashes: list[str], training: int) -> float:
    """Evaluation rows that would have an equal training row by chance alone, judged by the equal rows among themselves.

    A row with k equals among n - 1 others is expected to have k / (n - 1) * training equals in honest training data.
    """
    counts = Counter(hashes)
    others = max(len(hashes) - 1, 1)
    return sum(count * (1 - math.exp(-(count - 1) / others * training)) for count in counts.values())


def _leak(count: int, rows: int, how: str, *, by_chance: float) -> Finding:
    """Blocks beyond what equal rows by chance explain: twice the expected number and five standard errors."""
    blocks = count > 2 * by_chance + 5 * math.sqrt(by_chance)
    sentence = f"{count} of {rows} evaluation rows {how}: the candidate may know their answers by heart."
    if not blocks:
        sentence += " Rows of this table are often equal, so about as many would be equal by chance."
    return Finding("leak", Severity.BLOCKING if blocks else Severity.WARNING, "training data", sentence)


def _content(rows: Aligned, training: TrainingRows) -> list[str] | None:
    """Hashes of the evaluation rows, or None when too few columns are shared to tell rows apart."""
    usable = [name for name in training.columns if name in rows.further]
    if not usable or tuple(usable) != training.columns:
        return None
    hashes = row_hashes([rows.further[name] for name in usable])
    return hashes if len(set(hashes)) >= _TELLING * len(hashes) and len(np.unique(hashes)) > 1 else None
