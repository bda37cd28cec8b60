"""The compare page's use case: every version that can be compared is, and each that cannot says why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from services.audit.sentences import words_of
from services.catalogue.sync import CatalogueSync
from services.comparisons.desk import ComparisonDesk
from services.comparisons.held_out import HeldOutPredictions
from services.comparisons.live_inputs import LiveInputs
from services.domain.identity.people import Actor, Person
from services.domain.registry import VersionKey
from services.domain.why.predictions import PredictionRecord
from services.errors import InvalidInputError, ModelRunError, NotAllowedError, NotFoundError
from services.ledger.tree.entry import LedgerEntry
from tests.integration.promotions.test_sealed_evidence import _table
from tests.simulators.basics import ANA, DEV
from tests.world import MODEL, World

ONE, TWO, THREE = (VersionKey(MODEL, number) for number in (1, 2, 3))


class Hostile:
    """A runner whose model ends as it is told to."""

    def __init__(self, code: str) -> None:
        self.code = code

    def run(self, *_: Any, **__: Any) -> Any:
        raise ModelRunError(f"The model was stopped: {self.code}.", hint="Look at it.", code=self.code)


@pytest.fixture
def predictions(world: World) -> None:
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(hours=1)).beat()
    for version, noise in ((1, 2.0), (2, 0.5)):
        world.registry.files[(f"run-{MODEL}-{version}", "evaluation/predictions.parquet")] = _table(noise)
    world.registry.files.pop((f"run-{MODEL}-3", "evaluation/predictions.parquet"), None)


def _desk(world: World, *, runner: Any = None, live: LiveInputs | None = None) -> ComparisonDesk:
    folder = world.folder / "evaluation"
    if runner is not None:
        folder.mkdir()
        pd.DataFrame({"row_id": [1, 2], "label": [0, 1], "x": [1.0, 2.0]}).to_parquet(folder / f"{MODEL}.parquet")
    held_out = HeldOutPredictions(
        world.registry, world.folder / "tables", world.clock, runner=runner, evaluation=folder if runner else None
    )
    return ComparisonDesk(world.units, held_out, clock=world.clock, live=live)


@pytest.mark.usefixtures("predictions")
@pytest.mark.parametrize("code", ["model_time", "model_crashed", "model_memory", "model_output", "model_isolation"])
def test_compare__one_model_misbehaves__says_so_and_compares_the_others(world: World, code: str) -> None:
    found = _desk(world, runner=Hostile(code)).compare(DEV, [ONE, TWO, THREE])
    assert found.evidence[TWO].verdict.value == "better"
    assert THREE not in found.evidence
    assert [problem for problem in found.problems if str(THREE) in problem and code in problem]
    assert "Look at it." in next(curves.problem for curves in found.curves if curves.key == THREE)


@pytest.mark.usefixtures("predictions")
def test_compare__version_without_predictions__says_what_to_log(world: World) -> None:
    found = _desk(world).compare(DEV, [ONE, TWO, THREE])
    assert "evaluation/predictions.parquet" in found.problems[0]
    assert set(found.evidence) == {TWO}


@pytest.mark.usefixtures("predictions")
def test_compare__version_that_is_unknown_or_alone__is_refused(world: World) -> None:
    with pytest.raises(NotFoundError, match="not in the catalogue"):
        _desk(world).compare(DEV, [ONE, VersionKey(MODEL, 99)])
    with pytest.raises(InvalidInputError, match="2 to 8"):
        _desk(world).compare(DEV, [ONE, ONE])


@pytest.mark.usefixtures("predictions")
def test_compare__numbers_and_no_policy__is_a_regression_with_its_errors(world: World) -> None:
    truth = [3.25 * row for row in range(300)]
    for version, noise in ((1, 9.0), (2, 2.0)):
        scores = [value + noise * ((7 * row) % 11 - 5) for row, value in enumerate(truth)]
        table = pd.DataFrame({"row_id": range(300), "label": truth, "score": scores})
        path = world.folder / f"{version}.parquet"
        table.to_parquet(path)
        world.registry.files[(f"run-{MODEL}-{version}", "evaluation/predictions.parquet")] = path.read_bytes()
    found = _desk(world).compare(DEV, [ONE, TWO])
    assert (found.evidence[TWO].task, found.evidence[TWO].verdict.value) == ("regression", "better")
    assert [sum(curves.errors.rows) for curves in found.curves if curves.errors] == [300, 300]


class Log:
    def __init__(self, world: World) -> None:
        self.now = world.clock.now()

    def search(self, _: Any) -> list[PredictionRecord]:
        return [PredictionRecord(str(i), self.now, inputs={"age": 60.0 + i % 20}) for i in range(300)]


@pytest.mark.usefixtures("predictions")
def test_compare__with_a_prediction_log__tells_live_inputs_from_training_data(world: World, tmp_path: Path) -> None:
    pd.DataFrame({"age": [20.0 + i % 40 for i in range(2000)]}).to_parquet(tmp_path / "sample.parquet")
    sample = (tmp_path / "sample.parquet").read_bytes()
    world.registry.files[(f"run-{MODEL}-2", "training/sample.parquet")] = sample
    found = _desk(world, live=LiveInputs(Log(world), world.clock)).compare(DEV, [ONE, TWO])  # type: ignore[arg-type]
    assert set(found.live) == {TWO}
    assert (found.live[TWO].lines[0].column, found.live[TWO].lines[0].verdict) == ("age", "much")
    without = _desk(world, live=LiveInputs(None, world.clock)).compare(DEV, [ONE, TWO])
    assert "no prediction log" in without.live_problem


@pytest.mark.usefixtures("predictions")
def test_compare__page_drawn_again_and_again__is_recorded_once_a_person_day_and_content(world: World) -> None:
    desk = _desk(world)
    for keys in ([ONE, TWO], [ONE, TWO], [TWO, ONE]):
        desk.compare(DEV, keys)
    assert world.actions().count("evidence:versions:compared") == 2
    desk.compare(ANA, [ONE, TWO])
    world.clock.advance(24 * 3600)
    desk.compare(DEV, [ONE, TWO])
    assert world.actions().count("evidence:versions:compared") == 4
    world.registry.files[(f"run-{MODEL}-2", "evaluation/predictions.parquet")] = _table(0.6)
    _desk(world).compare(DEV, [ONE, TWO])
    with world.units.read() as unit:
        told = list(unit.archive.stream(1, unit.archive.head().size))[-1]
    assert words_of(LedgerEntry.parse(told.body)) == f"compared other versions with {MODEL} v1: v2"


@pytest.mark.usefixtures("predictions")
def test_compare__somebody_without_a_role__is_refused_before_anything_is_read_or_recorded(world: World) -> None:
    world.registry.is_down = True
    with pytest.raises(NotAllowedError):
        _desk(world).compare(Actor(Person("x", "X"), frozenset()), [ONE, TWO])
    assert not [action for action in world.actions() if action.startswith("evidence:")]
