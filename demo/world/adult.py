"""The Adult census income data: 48,842 people, whether they earn more than 50,000 dollars a year.

Source: Becker and Kohavi, UCI Machine Learning Repository 1996, doi 10.24432/C5XW20, CC BY 4.0. The file comes inside
the wheel shapiq 1.4.1 (MIT) and is found there without importing the package.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

SHA256_PREFIX = "547551a449e2"
TARGET = "income"
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
WORDS = ("workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country")
FEATURES = NUMBERS + WORDS
EVALUATION_SHARE = 0.33
SEED = 20


class DataMissingError(Exception):
    """The demo's data are not installed, or are not what they should be."""


@dataclass(frozen=True)
class Split:
    """Training and evaluation rows; the index is the row id, `label` is 1 for more than 50,000 dollars."""

    features: pd.DataFrame
    label: pd.Series


@dataclass(frozen=True)
class Adult:
    """The two halves of the data."""

    train: Split
    evaluation: Split


def data_file(name: str) -> Path:
    """A data file inside the shapiq wheel. Raises DataMissingError."""
    spec = importlib.util.find_spec("shapiq")
    found = sorted(Path(spec.origin).parent.rglob(name)) if spec and spec.origin else []
    if not found:
        raise DataMissingError(
            f"{name} is not there. Install the demo's data: pip install --no-deps -r requirements-demo.txt"
        )
    return found[0]


@cache
def load_adult() -> Adult:
    """Read, clean and split, always the same way."""
    path = data_file("adult_census.csv")
    if not hashlib.sha256(path.read_bytes()).hexdigest().startswith(SHA256_PREFIX):
        raise DataMissingError("adult_census.csv is not the file of shapiq 1.4.1; install that version.")
    table = pd.read_csv(path)
    target = next(c for c in table.columns if c.lower() in {"class", "income", "label", "target"})
    table = table.drop_duplicates().reset_index(drop=True)
    label = _label(table[target])
    features = table[list(FEATURES)].copy()
    features[list(NUMBERS)] = features[list(NUMBERS)].astype("float64")
    features[list(WORDS)] = features[list(WORDS)].astype("object").where(features[list(WORDS)].notna(), "Unknown")
    features[list(WORDS)] = features[list(WORDS)].apply(lambda column: column.astype(str).str.strip())
    order = np.random.default_rng(SEED).permutation(len(features))
    cut = int(len(order) * EVALUATION_SHARE)
    held_out, train = np.sort(order[:cut]), np.sort(order[cut:])
    return Adult(_split(features, label, train), _split(features, label, held_out))


def _label(values: pd.Series) -> pd.Series:
    if values.dtype.kind in "iufb":
        return values.astype("int64")
    return values.astype(str).str.strip().str.contains(">50K").astype("int64")


def _split(features: pd.DataFrame, label: pd.Series, rows: np.ndarray) -> Split:
    return Split(features.iloc[rows], label.iloc[rows])
