"""Whatever is removed from a row of the prediction log, no answer becomes more certain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.domain.lineage import Certainty
from services.domain.registry import VersionKey
from services.domain.why.live_history import Happened, LiveEvent, timeline_of
from services.domain.why.predictions import PredictionRecord
from services.why.versions import who_answered

START = datetime(2026, 11, 1, tzinfo=UTC)
MODELS, ENVIRONMENTS = ("loans", "fraud"), ("production", "staging")
REMOVED: dict[str, Any] = {"version": None, "model": None, "environment": None, "time": None}
hours = st.integers(0, 200)
events = st.lists(
    st.tuples(st.sampled_from(MODELS), st.integers(1, 3), st.sampled_from(ENVIRONMENTS), hours,
              st.sampled_from([Happened.LIVE, Happened.LIVE, Happened.RETIRED])),
    max_size=7,
)  # fmt: skip
records = st.builds(
    PredictionRecord,
    request_id=st.just("r"),
    time=hours.map(lambda n: START + timedelta(hours=n)),
    environment=st.sampled_from(ENVIRONMENTS),
    model=st.sampled_from(MODELS),
    version=st.integers(1, 3),
)


@given(events, records)
def test_row__with_less_in_it__is_never_answered_more_surely(told: list[Any], whole: PredictionRecord) -> None:
    ordered = sorted(told, key=lambda event: event[3])
    timeline = timeline_of(
        LiveEvent(seq, START + timedelta(hours=at), what, VersionKey(model, version), environment=environment)
        for seq, (model, version, environment, at, what) in enumerate(ordered, 1)
    )
    answered = who_answered(whole, timeline)
    for size in range(1, len(REMOVED) + 1):
        for names in combinations(REMOVED, size):
            less = who_answered(replace(whole, **dict.fromkeys(names)), timeline)
            if less.fact.certainty is Certainty.KNOWN:
                assert answered.fact.certainty is Certainty.KNOWN
                assert less.candidates == answered.candidates == (whole.key,)


@given(events, records)
def test_row__that_names_no_version__is_never_known(told: list[Any], whole: PredictionRecord) -> None:
    timeline = timeline_of(
        LiveEvent(seq, START + timedelta(hours=at), what, VersionKey(model, version), environment=environment)
        for seq, (model, version, environment, at, what) in enumerate(sorted(told, key=lambda e: e[3]), 1)
    )
    answered = who_answered(replace(whole, version=None), timeline)
    assert answered.fact.certainty is Certainty.UNKNOWN
    assert {key.model for key in answered.candidates} <= {whole.model}
