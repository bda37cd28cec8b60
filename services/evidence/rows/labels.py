"""Labels and scores as people write them: yes/no, true/false, 0.0/1.0, two words, numbers in text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.errors import InvalidInputError
from services.evidence.arrays import FloatArray
from services.evidence.findings import Finding, Severity
from services.evidence.rows.tables import Column, canonical_texts

_YES = frozenset({"1", "true", "yes", "y", "t", "positive", "pos"})
_NO = frozenset({"0", "false", "no", "n", "f", "negative", "neg", "-1"})


@dataclass(frozen=True)
class Coding:
    """Mapping of label texts to numbers, with findings about it."""

    codes: dict[str, int]
    classes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    def encode(self, texts: Column) -> FloatArray:
        """Codes as floats, NaN for missing or unknown labels, shape [n]."""
        found = [self.codes.get(_folded(text), -1) if text is not None else -1 for text in texts.tolist()]
        codes = np.asarray(found, dtype=np.float64)
        codes[codes < 0] = np.nan
        return codes


def _folded(text: str) -> str:
    return text.casefold()


def numbers(values: Column) -> tuple[FloatArray, int]:
    """Values as floats, and how many are not numbers (they become NaN); missing values are NaN and not counted."""
    if values.dtype.kind in "iufb":
        return values.astype(np.float64), 0
    try:
        return np.asarray([np.nan if value is None else value for value in values.tolist()], dtype=np.float64), 0
    except (TypeError, ValueError):
        return _numbers_one_by_one(values)


def _numbers_one_by_one(values: Column) -> tuple[FloatArray, int]:
    out = np.full(len(values), np.nan)
    words: set[str] = set()
    bad = 0
    for place, value in enumerate(values.tolist()):
        if type(value) is str and value in words:
            bad += 1
            continue
        try:
            out[place] = np.nan if value is None else float(value)
        except (TypeError, ValueError):
            bad += 1
            words.add(str(value))
    return out, bad


def _distinct(*columns: Column) -> set[str]:
    found: set[str] = set()
    for texts in columns:
        found.update(_folded(text) for text in set(texts.tolist()) if text is not None)
    return found


def binary_coding(*columns: Column, positive: str | None = None) -> Coding:
    """One coding for the labels of all tables together. `positive` names the label that counts as 1.

    Raises InvalidInputError for more than two labels, or when `positive` is not among them.
    """
    each = [_distinct(canonical_texts(column)) for column in columns]
    found = set().union(*each)
    if positive is not None:
        return _positive_coding(found, positive)
    if found <= _YES | _NO and not any({"0", "-1"} <= one for one in each):
        return _word_coding(found)
    if len(found) > 2:
        sample = ", ".join(text[:10] for text in sorted(found)[:4])
        raise InvalidInputError(
            f"The label has {len(found):,} different values ({sample}, …), not two.",
            hint="Use --task multiclass or regression (in a policy: task), or name the positive one: --positive.",
            code="labels",
        )
    return _two_word_coding(found)


def _positive_coding(found: set[str], positive: str) -> Coding:
    wanted = _distinct(canonical_texts(np.asarray([positive], dtype=object)))
    if not wanted <= found:
        sample = ", ".join(sorted(found)[:6]) or "none"
        raise InvalidInputError(
            f"The positive label {positive!r} does not occur.", hint=f"Labels present: {sample}.", code="labels"
        )
    (name,) = wanted
    return Coding({text: int(text == name) for text in found}, (f"not {name}", name))


def _word_coding(found: set[str]) -> Coding:
    codes = {text: int(text in _YES) for text in found}
    if found <= {"0", "1"}:
        return Coding(codes, ("0", "1"))
    said = ", ".join(f"{text} = {code}" for text, code in sorted(codes.items(), key=lambda item: item[1]))
    return Coding(codes, ("0", "1"), (_label_finding(Severity.INFO, f"Text labels are read as {said}."),))


def _two_word_coding(found: set[str]) -> Coding:
    try:
        ordered = sorted(found, key=float)
    except ValueError:
        ordered = sorted(found)
    codes = {text: place for place, text in enumerate(ordered)}
    said = ", ".join(f"{text} = {code}" for text, code in codes.items())
    sentence = f"Labels are read in sort order as {said}; name the positive one with --positive if this is wrong."
    return Coding(codes, tuple(ordered), (_label_finding(Severity.WARNING, sentence),))


def _label_finding(severity: Severity, sentence: str) -> Finding:
    return Finding("text_labels", severity, "both", sentence)


def class_coding(*columns: Column, further: tuple[str, ...] = ()) -> Coding:
    """A coding of all classes that occur in any table or as a score column, in sort order (numbers as numbers)."""
    names = {
        _folded(text): text for texts in columns for text in set(canonical_texts(texts).tolist()) if text is not None
    }
    names |= {_folded(text): text for text in further if _folded(text) not in names}
    try:
        ordered = sorted(names, key=float)
    except ValueError:
        ordered = sorted(names)
    return Coding({text: place for place, text in enumerate(ordered)}, tuple(names[text] for text in ordered))


LARGEST = 1e150
"""Larger numbers have no finite square: they count as infinite."""


def missing_or_infinite(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Rows without a finite number; for shape [n, k] rows with any missing."""
    bad: npt.NDArray[np.bool_] = ~(np.abs(values) < LARGEST)
    return bad if bad.ndim == 1 else np.asarray(bad.any(axis=1), dtype=bool)
