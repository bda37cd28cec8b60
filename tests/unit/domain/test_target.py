"""One reading says how far a move has come, and every other reading is foreign."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.domain.promotions.target import RegistryMove, RegistryWrite, TargetState, target_state
from services.domain.registry import RegistrySnapshot

AT = datetime(2026, 11, 1, tzinfo=UTC)
CREATED = {v: AT.replace(day=v) for v in (1, 2, 3, 4)}


def held(alias: int | None, **stages: str) -> RegistrySnapshot:
    """``held(1, v1="Production")``; versions that are not named are in no stage."""
    named = {int(name[1:]): stage for name, stage in stages.items()}
    every = {v: named.get(v, "None") for v in CREATED}
    in_stage = tuple(v for v, stage in every.items() if stage == "Production")
    return RegistrySnapshot(in_stage, alias, every, CREATED)


def move(before: RegistrySnapshot, *, stage: str | None = "Production", alias: str | None = "champion") -> RegistryMove:
    if stage is None:
        before = RegistrySnapshot((), before.alias_version, before.stages, before.created)
    return RegistryMove(target_state(before, 2, stage=stage), 2, stage, alias)


BEFORE = held(1, v1="Production")


def test_move__from_one_version_to_another__is_stage_then_archive_then_alias() -> None:
    writes = move(BEFORE).writes
    assert writes == (
        RegistryWrite("stage", 2, "Production"), RegistryWrite("stage", 1, "Archived"), RegistryWrite("alias", 2),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "progress"),
    [
        (BEFORE, 0),
        (held(1, v1="Production", v2="Production"), 1),
        (held(1, v1="Archived", v2="Production"), 2),
        (held(2, v1="Archived", v2="Production"), 3),
        (held(2, v1="Archived", v2="Production", v4="Archived"), 3),  # somebody else's archive is no affair of ours
        (held(3, v1="Production"), None),
        (held(1, v1="Production", v3="Production"), None),
        (held(2, v1="Production"), None),
        (held(1, v1="Archived"), None),
        (held(None, v1="Production"), None),
        (held(1, v1="Production", v2="Staging"), None),
        (RegistrySnapshot(), None),
    ],
)
def test_progress__of_each_reading__is_its_count_of_writes_or_foreign(
    reading: RegistrySnapshot, progress: int | None
) -> None:
    assert move(BEFORE).progress(reading) == progress


@pytest.mark.parametrize("version", [1, 2])
def test_progress__version_deleted_and_created_again__is_foreign(version: int) -> None:
    again = {**CREATED, version: AT.replace(day=28)}
    assert move(BEFORE).progress(RegistrySnapshot(BEFORE.in_stage, 1, BEFORE.stages, again)) is None
    gone = {v: at for v, at in CREATED.items() if v != version}
    assert move(BEFORE).progress(RegistrySnapshot(BEFORE.in_stage, 1, BEFORE.stages, gone)) is None


def test_undo__of_each_write__gives_back_what_was_before() -> None:
    plan = move(held(1, v1="Production", v2="Staging"))
    assert plan.undo_write(3) == RegistryWrite("alias", 1)
    assert plan.undo_write(2) == RegistryWrite("stage", 1, "Production")
    assert plan.undo_write(1) == RegistryWrite("stage", 2, "Staging")
    assert move(held(None)).undo_write(2) == RegistryWrite("alias", None)


def test_move__several_holders__archives_each_in_its_turn() -> None:
    plan = move(held(1, v1="Production", v3="Production"))
    assert [write.version for write in plan.writes] == [2, 1, 3, 2]
    assert plan.progress(held(1, v1="Archived", v2="Production", v3="Production")) == 2


def test_move__alias_alone__is_one_write_and_looks_at_no_stage() -> None:
    plan = move(BEFORE, stage=None)
    assert plan.writes == (RegistryWrite("alias", 2),)
    assert plan.progress(RegistrySnapshot((), 2, {1: "Production", 3: "Production"}, CREATED)) == 1


def test_move__first_version__has_nobody_to_archive() -> None:
    assert [write.kind for write in move(held(None)).writes] == ["stage", "alias"]


def test_state__as_json_and_back__is_the_same() -> None:
    state = target_state(BEFORE, 2, stage="Production")
    assert TargetState.from_dict(state.as_dict()) == state
    assert state.sentence(stage="Production", alias="champion") == "alias champion at v1; Production: v1"
