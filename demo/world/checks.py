"""The tests that the team runs on data and model before it registers a version: really run, reported as JUnit.

As in a real team the tests grew with time: each says from which version on it holds.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from xml.etree import ElementTree as ET

import numpy as np

from demo.world.adult import FEATURES, WORDS, Adult
from demo.world.training import Trained

FIRST_FLOOR, FLOOR = 0.75, 0.90
"""The least AUC, and the higher one since the version that went live."""
MAXIMUM_GAP = 0.02
SINCE_LIVE = 3


@dataclass(frozen=True)
class Outcome:
    """One test that was run."""

    name: str
    seconds: float
    failure: str


@dataclass(frozen=True)
class Check:
    """One test; `run` raises AssertionError with what it found."""

    name: str
    run: Callable[[Trained, Adult], None]
    since: int = 1


def run_suite(checks: Sequence[Check], trained: Trained, data: Adult) -> list[Outcome]:
    """Run those that hold for this version; an assertion's message becomes the failure."""
    held = [check for check in checks if trained.recipe.version >= check.since]
    return [_outcome(check, trained, data) for check in held]


def _outcome(check: Check, trained: Trained, data: Adult) -> Outcome:
    start, failure = perf_counter(), ""
    try:
        check.run(trained, data)
    except AssertionError as error:
        failure = str(error) or traceback.format_exc(limit=1)
    return Outcome(check.name, perf_counter() - start, failure)


def junit(title: str, outcomes: list[Outcome]) -> bytes:
    """A JUnit report."""
    failures = sum(bool(o.failure) for o in outcomes)
    suite = ET.Element("testsuite", name=title, tests=str(len(outcomes)), failures=str(failures))
    for outcome in outcomes:
        case = ET.SubElement(suite, "testcase", classname=title, name=outcome.name, time=f"{outcome.seconds:.4f}")
        if outcome.failure:
            ET.SubElement(case, "failure", message=outcome.failure)
    report: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return report


def _has_all_columns(trained: Trained, _: Adult) -> None:
    assert tuple(trained.train.features.columns) == FEATURES, "columns differ from the agreed ones"


def _has_no_missing_values(trained: Trained, _: Adult) -> None:
    missing = int(trained.train.features.isna().sum().sum())
    assert missing == 0, f"{missing} missing values"


def _numbers_are_in_range(trained: Trained, _: Adult) -> None:
    features = trained.train.features
    assert features["age"].between(15, 100).all(), "an age outside 15 to 100"
    assert features["hours-per-week"].between(1, 99).all(), "hours outside 1 to 99"


def _evaluation_rows_are_unseen(trained: Trained, data: Adult) -> None:
    shared = set(trained.train.features.index) & set(data.evaluation.features.index)
    assert not shared, f"{len(shared)} evaluation rows were trained on"


def _has_both_classes(trained: Trained, _: Adult) -> None:
    share = float(trained.train.label.mean())
    assert 0.05 < share < 0.95, f"share of the positive class is {share:.3f}"


def _scores_are_probabilities(trained: Trained, _: Adult) -> None:
    assert np.all((trained.scores >= 0) & (trained.scores <= 1)), "a score outside 0 to 1"


def _column_order_does_not_matter(trained: Trained, data: Adult) -> None:
    rows = data.evaluation.features.head(200)
    turned = trained.model.predict_proba(rows[list(reversed(rows.columns))])[:, 1]
    assert np.allclose(turned, trained.scores[:200]), "the order of columns changes the scores"


def _unknown_words_are_accepted(trained: Trained, data: Adult) -> None:
    rows = data.evaluation.features.head(20).copy()
    rows[list(WORDS)] = "never seen before"
    assert np.isfinite(trained.model.predict_proba(rows)).all(), "a score is not a number"


def _more_education_raises_the_mean_score(trained: Trained, data: Adult) -> None:
    rows = data.evaluation.features.head(2000).copy()
    low, high = rows.assign(**{"education-num": 5.0}), rows.assign(**{"education-num": 14.0})
    low_score = trained.model.predict_proba(low)[:, 1].mean()
    high_score = trained.model.predict_proba(high)[:, 1].mean()
    assert high_score > low_score, f"mean score {high_score:.3f} with, {low_score:.3f} without more education"


def _auc_reaches(floor: float) -> Callable[[Trained, Adult], None]:
    def run(trained: Trained, _: Adult) -> None:
        auc = trained.metrics["auc"]
        assert auc >= floor, f"AUC {auc:.3f} is below the floor {floor:.2f}"

    return run


def _women_are_served_as_well_as_men(trained: Trained, _: Adult) -> None:
    women, men = trained.metrics["auc_women"], trained.metrics["auc_men"]
    assert women >= men - MAXIMUM_GAP, f"AUC {women:.3f} for women, {men:.3f} for men"


DATA_CHECKS = (
    Check("all agreed columns are there", _has_all_columns),
    Check("no value is missing", _has_no_missing_values),
    Check("numbers are in range", _numbers_are_in_range),
    Check("evaluation rows were not trained on", _evaluation_rows_are_unseen),
    Check("both classes are there", _has_both_classes),
)
UNIT_CHECKS = (
    Check("scores are probabilities", _scores_are_probabilities),
    Check("column order does not matter", _column_order_does_not_matter),
    Check("unknown words are accepted", _unknown_words_are_accepted),
)
MODEL_CHECKS = (
    Check("AUC reaches the first floor", _auc_reaches(FIRST_FLOOR)),
    Check("AUC reaches the floor", _auc_reaches(FLOOR), since=SINCE_LIVE),
    Check("women are served as well as men", _women_are_served_as_well_as_men, since=SINCE_LIVE),
    Check("more education raises the mean score", _more_education_raises_the_mean_score),
)
SUITES = {"tests/data.xml": DATA_CHECKS, "tests/unit.xml": UNIT_CHECKS, "tests/model.xml": MODEL_CHECKS}
