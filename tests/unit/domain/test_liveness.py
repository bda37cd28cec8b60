from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from services.domain.lineage import Certainty
from services.domain.registry import VersionKey
from services.domain.why.live_history import Happened, LiveEvent, Timeline, timeline_of
from services.domain.why.predictions import PredictionRecord
from services.why.versions import Answered, who_answered

T0 = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
_numbers = count(1)


def rollout(
    version: int, begins: datetime, *, environment: str = "production", before: int | None = None
) -> list[LiveEvent]:
    """A rollout whose effects begin at `begins` and that is live a minute later."""
    key, request, digest = VersionKey("fraud", version), f"req-{next(_numbers)}", f"sha256:{next(_numbers)}"
    common = {"key": key, "request_id": request, "plan_digest": digest}

    def event(what: Happened, at: datetime, **more: object) -> LiveEvent:
        return LiveEvent(seq=next(_numbers), at=at, what=what, **common, **more)  # type: ignore[arg-type]  # events' own fields

    return [
        event(Happened.SEALED, begins - 3 * MINUTE, environment=environment),
        event(Happened.STARTED, begins - MINUTE),
        event(Happened.STEP_DONE, begins, step="reserve_target"),
        event(Happened.LIVE, begins + MINUTE, environment=environment, before=before),
    ]


def answered(timeline: Timeline, at: datetime, **row: object) -> Answered:
    values = {"environment": "production", "model": "fraud"} | row
    return who_answered(PredictionRecord("p", at, **values), timeline)  # type: ignore[arg-type]  # a record's own fields


@pytest.fixture
def two_and_back() -> Timeline:
    """Version 2, then 3, then back to 2: three spells, an hour each."""
    hour = timedelta(hours=1)
    return timeline_of([*rollout(2, T0), *rollout(3, T0 + hour, before=2), *rollout(2, T0 + 2 * hour, before=3)])


def test_rollback__each_spell_of_the_same_version__has_its_own_request(two_and_back: Timeline) -> None:
    first, second, third = two_and_back.spells
    assert [s.key.version for s in (first, second, third)] == [2, 3, 2]
    assert len({first.request_id, second.request_id, third.request_id}) == 3
    early = answered(two_and_back, T0 + 30 * MINUTE)
    late = answered(two_and_back, T0 + 150 * MINUTE)
    assert (early.candidates, late.candidates) == ((first.key,), (first.key,))
    assert early.spells[0].request_id == first.request_id
    assert late.spells[0].request_id == third.request_id


def test_rollback__row_of_the_version_rolled_back_from__after_it_is_contradicted(two_and_back: Timeline) -> None:
    found = answered(two_and_back, T0 + 150 * MINUTE, version=3)
    assert found.fact.certainty is Certainty.CONTRADICTED


@pytest.mark.parametrize(
    ("offset", "versions"),
    [(-MICROSECOND, {2}), (timedelta(0), {2, 3}), (MINUTE, {2, 3}), (MINUTE + MICROSECOND, {3})],
)
def test_switch_over__to_the_microsecond__both_ends_belong_to_the_doubt(
    two_and_back: Timeline, offset: timedelta, versions: set[int]
) -> None:
    """The row names no version: what was live stands in for it, and is never *known* to have answered."""
    found = answered(two_and_back, T0 + timedelta(hours=1) + offset)
    assert (found.fact.certainty, {k.version for k in found.candidates}) == (Certainty.UNKNOWN, versions)


def test_tie__two_versions_made_live_in_the_same_microsecond__the_later_entry_goes_on() -> None:
    timeline = timeline_of([*rollout(2, T0), *rollout(3, T0, before=2)])
    assert {k.version for k in answered(timeline, T0 + MINUTE).candidates} == {2, 3}
    assert answered(timeline, T0 + MINUTE + MICROSECOND).candidates == (VersionKey("fraud", 3),)


def test_two_live_at_once__in_two_environments__the_row_without_environment_cannot_tell() -> None:
    timeline = timeline_of([*rollout(2, T0), *rollout(3, T0, environment="canary")])
    at = T0 + 10 * MINUTE
    unknown = answered(timeline, at, environment=None)
    assert (unknown.fact.certainty, unknown.fact.value) == (Certainty.UNKNOWN, "fraud v3 or fraud v2")
    assert answered(timeline, at).candidates == (VersionKey("fraud", 2),)
    assert answered(timeline, at, environment="canary").candidates == (VersionKey("fraud", 3),)
    stated = answered(timeline, at, environment=None, version=3)
    assert (stated.fact.certainty, stated.candidates) == (Certainty.UNKNOWN, (VersionKey("fraud", 3),))
    placed = answered(timeline, at, environment="canary", version=3)
    assert (placed.fact.certainty, placed.candidates) == (Certainty.KNOWN, (VersionKey("fraud", 3),))


def test_environment__that_the_portal_does_not_decide__is_said_with_those_that_it_does() -> None:
    timeline = timeline_of([*rollout(2, T0), *rollout(3, T0, environment="canary")])
    said = answered(timeline, T0 + 10 * MINUTE, environment="test", version=2).caveats
    assert any("knows fraud in canary, production and not in test" in caveat for caveat in said)


@pytest.mark.parametrize(
    ("local", "version"),
    [
        ("2026-10-25T02:30:00+02:00", 2),  # the hour that comes twice in Berlin: summer time first …
        ("2026-10-25T02:30:00+01:00", 3),  # … and an hour later again
        ("2026-10-24T20:30:00-04:00", 2),
        ("2026-10-25T07:00:00+05:30", 3),
    ],
)
def test_time_zones__the_hour_that_comes_twice__is_one_moment_each(local: str, version: int) -> None:
    switch = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    timeline = timeline_of([*rollout(2, T0), *rollout(3, switch, before=2)])
    found = answered(timeline, datetime.fromisoformat(local))
    assert found.candidates == (VersionKey("fraud", version),)


def test_row_without_environment__its_version_is_retired_in_one_of_two__is_not_known() -> None:
    """With the environment the row contradicts the ledger, so without it the row must not be *known*."""
    at, key = T0 + MINUTE, VersionKey("fraud", 1)
    timeline = timeline_of(
        LiveEvent(seq, T0, what, key, environment=environment)
        for seq, (what, environment) in enumerate(
            [(Happened.LIVE, "production"), (Happened.LIVE, "staging"), (Happened.RETIRED, "staging")], 1
        )
    )
    assert answered(timeline, at, version=1, environment="staging").fact.certainty is Certainty.CONTRADICTED
    assert answered(timeline, at, version=1, environment="production").fact.certainty is Certainty.KNOWN
    assert answered(timeline, at, version=1, environment=None).fact.certainty is Certainty.UNKNOWN
