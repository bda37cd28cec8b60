"""The Adult census income data: 48,842 rows about people, and whether they earn more than 50,000 dollars a year.

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

SOURCE = "https://doi.org/10.24432/C5XW20"
CENSUS_FILE, CENSUS_SHA256 = "adult_census.csv", "547551a449e2453ec1b9a3044b0b74e59cf79a4c99291cd478914aa5f9efbcd0"
BIKE_FILE, BIKE_SHA256 = "bike.csv", "28878d17e5eb141b6bcaad2f5f8fa5daf90a7ced8e60cabcce0d0e0ef0cf1d96"
TARGET = "class"
POSITIVE = ">50K"
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
WORDS = ("workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country")
FEATURES = NUMBERS + WORDS
UNKNOWN = "Unknown"
EVALUATION_ROWS = 16_118
SEED = 20


class DataMissingError(Exception):
    """The demo's data set is missing or has the wrong digest; the message says what to do."""


@dataclass(frozen=True)
class Split:
    """Training or evaluation rows; the index is the row id, `label` is 1 for more than 50,000 dollars."""

    features: pd.DataFrame
    label: pd.Series


@dataclass(frozen=True)
class Adult:
    """The two halves of the data: 32,724 rows to train on and 16,118 to evaluate with."""

    train: Split
    evaluation: Split


def data_file(name: str, sha256: str) -> Path:
    """A data file inside the shapiq wheel, checked by its digest. Raises DataMissingError."""
    spec = importlib.util.find_spec("shapiq")
    found = sorted(Path(spec.origin).parent.rglob(name)) if spec and spec.origin else []
    advice = "Install the demo's data: pip install --no-deps -r requirements-demo.txt"
    if not found:
        raise DataMissingError(f"{name} is missing. {advice}")
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != sha256:
        raise DataMissingError(f"{name} is not the file of shapiq 1.4.1. {advice} --force-reinstall")
    return found[0]


@cache
def load_adult() -> Adult:
    """Read, clean and split, always the same way. Raises DataMissingError."""
    table = pd.read_csv(data_file(CENSUS_FILE, CENSUS_SHA256))
    features = pd.DataFrame({name: table[name].astype("float64") for name in NUMBERS})
    features = features.assign(**{name: table[name].fillna(UNKNOWN).str.strip() for name in WORDS})
    label = (table[TARGET].str.strip() == POSITIVE).astype("int64")
    held_out = _held_out(table)
    return Adult(Split(features[~held_out], label[~held_out]), Split(features[held_out], label[held_out]))


def _held_out(table: pd.DataFrame) -> np.ndarray:
    """A mask of the evaluation rows. Rows equal in every column are one record twice and stay on the same side.

    Records are drawn in random order while they fit, so that exactly the wanted number of rows is held out.
    """
    record = table.groupby(list(table.columns), dropna=False, sort=False).ngroup().to_numpy()
    sizes = np.bincount(record)
    order = np.random.default_rng(SEED).permutation(len(sizes))
    chosen = np.zeros(len(sizes), dtype=bool)
    fits = np.cumsum(sizes[order]) <= EVALUATION_ROWS
    chosen[order[fits]] = True
    missing = EVALUATION_ROWS - int(sizes[chosen].sum())
    single = order[~fits & (sizes[order] == 1)]
    chosen[single[:missing]] = True
    return np.asarray(chosen[record])
