"""Live inputs are measured against the training data and forgotten; what is missing is said."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from services.comparisons.held_out import PredictionsFile
from services.comparisons.live_inputs import LiveInputs, live_document
from services.domain.why.predictions import PredictionRecord
from services.errors import PortalError, RefusedError, UpstreamUnavailableError

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Fixed:
    def now(self):
        return NOW


class Log:
    """A log with `records`; `refuses` windows longer than that."""

    def __init__(self, records, *, refuses=None):
        self.records, self.refuses, self.asked = records, refuses, []

    def search(self, wanted):
        self.asked.append(wanted.until - wanted.since)
        if self.refuses and self.asked[-1] > self.refuses:
            raise UpstreamUnavailableError("Too much to read.", system="log")
        return self.records


def records(ages, *, job="clerk"):
    return [
        PredictionRecord(str(i), NOW - timedelta(minutes=i), inputs={"age": age, "job": job, "secret": i, "parts": [1]})
        for i, age in enumerate(ages)
    ]


@pytest.fixture
def sample(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": rng.normal(40, 10, 2000), "job": rng.choice(["clerk", "cook"], 2000), "secret": 1})
    table.to_parquet(tmp_path / "sample.parquet")
    return PredictionsFile(tmp_path / "sample.parquet", "sha256:x", "training/sample.parquet")


def test_live_inputs__moved__are_named_with_the_size_of_the_move_and_nothing_else_is_kept(sample):
    ages = np.random.default_rng(1).normal(60, 10, 500)
    found = LiveInputs(Log(records(ages)), Fixed(), masked=("secret",)).against("m", sample)
    assert {line["column"]: line["verdict"] for line in found.lines}["age"] == "much"
    assert {line["column"]: line["note"] for line in found.lines} == {
        "age": "", "job": "", "parts": "the reference has no such column",
    }  # fmt: skip
    document = live_document(found)
    assert document["sentence"].startswith("500 live inputs from 2026-11-20 to 2026-11-21.")
    assert "columns secret not checked: this portal masks them." in document["sentence"]
    assert "inputs" not in document


def test_live_inputs__as_in_training__have_not_moved(sample):
    rng = np.random.default_rng(2)
    rows = [
        PredictionRecord(str(i), NOW, inputs={"age": age, "job": job})
        for i, (age, job) in enumerate(zip(rng.normal(40, 10, 2000), rng.choice(["clerk", "cook"], 2000), strict=True))
    ]
    found = LiveInputs(Log(rows), Fixed()).against("m", sample)
    assert {line["column"]: line["verdict"] for line in found.lines} == {
        "age": "little", "job": "little", "secret": "unknown",
    }  # fmt: skip


def test_live_inputs__log_too_large_for_a_month__takes_the_window_that_fits(sample):
    log = Log(records([40.0] * 200), refuses=timedelta(days=10))
    found = LiveInputs(log, Fixed()).against("m", sample)
    assert found.rows == 200
    assert "inputs older than 7 days not checked" in found.sentence
    assert [window.days for window in log.asked] == [30, 7]


def test_live_inputs__none_few_or_away__is_said(sample):
    with pytest.raises(RefusedError, match="no prediction log"):
        LiveInputs(None, Fixed()).against("m", sample)
    with pytest.raises(RefusedError, match="3 inputs"):
        LiveInputs(Log(records([1.0, 2.0, 3.0])), Fixed()).against("m", sample)
    with pytest.raises(PortalError, match="Too much"):
        LiveInputs(Log([], refuses=timedelta(seconds=1)), Fixed()).against("m", sample)


def test_live_inputs__predictions_without_inputs__are_counted_and_no_verdict_rests_on_the_rest(sample):
    rows = [*records([40.0] * 200), *(PredictionRecord(f"x{i}", NOW) for i in range(50))]
    found = LiveInputs(Log(rows), Fixed()).against("m", sample)
    (lost,) = [item for item in found.left_out if "50 of 250 predictions" in item.what]
    assert not lost.by_policy
