"""The team's tests of a version: they can fail, and say so in JUnit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from demo.world.adult import Adult, Split, load_adult
from demo.world.cards import model_card
from demo.world.census import known_records, model_format
from demo.world.checks import DATA_CHECKS, MODEL_CHECKS, SUITES, UNIT_CHECKS, Check, junit, run_suite
from demo.world.history import past_times, pre_portal_history
from demo.world.predictions import PredictionLog
from demo.world.training import RECIPES, Trained, held_out_table, train


@pytest.fixture(scope="module")
def data() -> Adult:
    return load_adult()


@pytest.fixture(scope="module")
def first(data: Adult) -> Trained:
    return train(RECIPES[0], data)


def failed(checks: Sequence[Check], trained: Trained, data: Adult) -> list[str]:
    return [outcome.name for outcome in run_suite(checks, trained, data) if outcome.failure]


def test_train__twice__gives_the_same_scores(first: Trained, data: Adult) -> None:
    assert np.array_equal(train(RECIPES[0], data).scores, first.scores)


def test_suites__the_first_version__passes_what_held_then(first: Trained, data: Adult) -> None:
    assert [failed(checks, first, data) for checks in SUITES.values()] == [[], [], []]


def test_model_checks__a_weak_model_of_later_days__fails_floor_and_slice(first: Trained, data: Adult) -> None:
    later = replace(first, recipe=RECIPES[7])
    assert failed(MODEL_CHECKS, later, data) == ["AUC reaches the floor", "women are served as well as men"]


def test_data_checks__evaluation_rows_among_the_training_rows__fail(first: Trained, data: Adult) -> None:
    leaky = replace(first, train=data.evaluation)
    assert failed(DATA_CHECKS, leaky, data) == ["evaluation rows were not trained on"]


def test_data_checks__missing_values_odd_numbers_and_one_class__fail(first: Trained, data: Adult) -> None:
    features = data.train.features.assign(age=150.0, sex=None)
    bad = replace(first, train=Split(features, data.train.label * 0))
    assert failed(DATA_CHECKS, bad, data) == ["no value is missing", "numbers are in range", "both classes are there"]


def test_unit_checks__scores_outside_0_to_1__fail(first: Trained, data: Adult) -> None:
    assert "scores are probabilities" in failed(UNIT_CHECKS, replace(first, scores=first.scores + 1), data)


def test_junit__a_failure__is_told_with_what_was_found(first: Trained, data: Adult) -> None:
    later = replace(first, recipe=RECIPES[7])
    suite = ET.fromstring(junit("model", run_suite(MODEL_CHECKS, later, data)))
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "4", "2")
    (slice_case,) = [case for case in suite if case.get("name") == "women are served as well as men"]
    (failure,) = slice_case
    assert failure.get("message") == "AUC 0.757 for women, 0.799 for men"


def test_held_out_table__metrics_can_be_computed_again_from_it(first: Trained, data: Adult) -> None:
    from sklearn.metrics import roc_auc_score

    table = held_out_table(first, data)
    assert roc_auc_score(table["label"], table["score"]) == first.metrics["auc"]
    women = table[table["sex"] == "Female"]
    assert roc_auc_score(women["label"], women["score"]) == first.metrics["auc_women"]
    assert {"row_id", "label", "score", "sex", "race", "age_band", "education", "native_us"} <= set(table.columns)
    assert set(table["native_us"]) == {"yes", "no"}
    assert table["age_band"].isna().sum() == 0


def test_known_records__are_evaluation_rows_with_this_models_scores(first: Trained, data: Adult) -> None:
    known = known_records(first, data)
    places = [list(data.evaluation.features.index).index(i) for i in known["row_ids"]]
    assert len(known["data"]) == 20
    assert np.allclose(first.scores[places], known["expected"], rtol=0, atol=known["tolerance"])


def test_model_card__says_purpose_limits_owner_and_the_real_figures(first: Trained, data: Adult) -> None:
    card = model_card(first, data)
    for part in ("## Intended use", "## Not for", "## Data", "## Limits", "Ana Ruiz", "0.797 | 0.757 | 0.799"):
        assert part in card


def test_model_format__types_of_scikit_learn_only__is_skops(first: Trained) -> None:
    assert model_format(first.model)["serialization_format"] == "skops"


def test_model_format__a_type_of_our_own__is_cloudpickle(first: Trained) -> None:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

    class Own(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        pass

    assert model_format(Pipeline([("model", Own())])) == {"serialization_format": "cloudpickle"}


def test_pre_portal_history__logs_what_the_live_version_says_with_gaps(
    tmp_path: Path, first: Trained, data: Adult
) -> None:
    times = past_times(datetime(2026, 11, 21, 8, tzinfo=UTC))
    rows = data.evaluation.features
    scored = pre_portal_history(PredictionLog(tmp_path), first, rows, times=times, model_name="census-income")
    assert len(scored) == len(times) == 240
    assert [s.time for s in scored] == times == sorted(times)
    assert max(times) < datetime(2026, 11, 19, 8, tzinfo=UTC)
    assert np.allclose([s.output[-1] for s in scored], first.scores[:240], rtol=0, atol=1e-12)
    assert [s.inputs["age"] for s in scored] == rows["age"].head(240).tolist()
    assert {s.model_version for s in scored} == {"1", None}
    assert sum(s.model_version is None for s in scored) < 60
    assert len({s.request_id for s in scored}) == 240
