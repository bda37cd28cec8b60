"""Where held-out predictions come from: the run's table, MLflow's own evaluation table, or scoring; each says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from services.comparisons.desk import compare_files
from services.comparisons.held_out import HeldOutPredictions, PredictionsFile
from services.domain.registry import Dataset, VersionKey
from services.errors import InvalidInputError, NotFoundError
from services.evidence.measures.estimates import Outcome
from services.evidence.record import Recommendation
from services.runner.limits import Isolation
from tests.world import MODEL, World

KEY, RUN = VersionKey(MODEL, 2), f"run-{MODEL}-2"
ROWS = 400


def _mlflow_table(seed: int, *, target: str = "target", roll: int = 0, words: bool = False) -> bytes:
    """What MLflow writes as eval_results_table.json: the inputs, the target, and what the model said."""
    labels = np.random.default_rng(0).integers(0, 2, ROWS)
    said = np.where(np.random.default_rng(seed).random(ROWS) < 0.1 * seed, 1 - labels, labels)
    text = np.array(["no", "yes"])
    columns = {
        "age": list(range(ROWS)),
        target: np.roll(text[labels] if words else labels, roll).tolist(),
        "outputs": np.roll(text[said] if words else said, roll).tolist(),
    }
    data = [list(row) for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": list(columns), "data": data}).encode()


def _file(folder: Path, name: str, data: bytes) -> PredictionsFile:
    path = folder / f"{name}.json"
    path.write_bytes(data)
    return PredictionsFile(path, f"sha256:{name}", "eval_results_table.json")


@pytest.mark.parametrize("words", [False, True])
def test_mlflow_table__of_two_versions__is_compared_row_by_row(tmp_path: Path, words: bool) -> None:
    good = _file(tmp_path, "good", _mlflow_table(1, words=words))
    bad = _file(tmp_path, "bad", _mlflow_table(3, target="ground_truth", words=words))
    found = compare_files(good, bad, {"metric": "accuracy"})
    assert (found.rows, found.verdict) == (ROWS, Outcome.BETTER)
    assert found.candidate == pytest.approx(0.9, abs=0.05)
    assert found.current == pytest.approx(0.7, abs=0.05)


def test_mlflow_table__evaluated_on_rows_in_another_order__is_found_by_its_labels(tmp_path: Path) -> None:
    found = compare_files(
        _file(tmp_path, "good", _mlflow_table(1, roll=1)), _file(tmp_path, "bad", _mlflow_table(3)), {}
    )
    assert found.recommendation is Recommendation.HOLD
    assert "misaligned" in {finding.kind for finding in found.findings}


SIGNATURE = json.dumps([{"name": "age", "type": "long", "required": True}])


def _evaluated(world: World, *, columns: tuple[str, ...], tag: str = "") -> HeldOutPredictions:
    """A run that holds nothing but what `mlflow.models.evaluate(targets="defaulted")` wrote."""
    world.registry.files.pop((RUN, "evaluation/predictions.parquet"), None)
    world.registry.files[(RUN, "eval_results_table.json")] = _mlflow_table(1, target="defaulted")
    world.registry.model_bytes[KEY] = yaml.safe_dump({"signature": {"inputs": SIGNATURE}}).encode()
    run = world.registry.logged[RUN]
    data = Dataset("dataset", "cf6703fd", columns=columns)
    tags = {**run.tags, "countersign.target_column": tag} if tag else run.tags
    world.registry.logged[RUN] = replace(run, datasets=(*run.datasets, data), tags=tags)
    return HeldOutPredictions(world.registry, world.folder / "kept", world.clock)


@pytest.mark.parametrize(
    ("columns", "tag"), [(("age", "defaulted"), ""), (("age", "defaulted", "note"), "defaulted"), ((), "defaulted")]
)
def test_mlflow_table__target_has_a_name_of_its_own__is_read_from_the_evaluation(
    world: World, columns: tuple[str, ...], tag: str
) -> None:
    """Case 21."""
    found = _evaluated(world, columns=columns, tag=tag).of_version(KEY, RUN, fresh=True)
    assert (found.target, found.note) == ("defaulted", "Target column of the evaluation: defaulted.")
    assert compare_files(found, found, {}).rows == ROWS


@pytest.mark.parametrize("columns", [(), ("age", "defaulted", "note"), ("defaulted",)])
def test_mlflow_table__nobody_says_which_column_is_the_target__word_fits_the_page(
    world: World, columns: tuple[str, ...]
) -> None:
    """Case 21: where the run does not say."""
    found = _evaluated(world, columns=columns).of_version(KEY, RUN, fresh=True)
    with pytest.raises(InvalidInputError, match="does not say which column is the target") as raised:
        compare_files(found, found, {})
    assert "countersign.target_column" in raised.value.hint
    assert "--key" not in raised.value.sentence()


class Runner:
    """Scores every table with the label, in a process that was walled in part only."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "scored.parquet"
        pd.DataFrame({"row_id": [1, 2], "label": [0, 1], "score": [0.1, 0.9]}).to_parquet(self.path)

    def run(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(files={"predictions.parquet": self.path}, isolation=Isolation(privileges=True))


def test_predictions__nothing_but_mlflows_table__are_taken_from_it_and_the_convention_comes_first(
    world: World, tmp_path: Path
) -> None:
    world.registry.files.pop((RUN, "evaluation/predictions.parquet"), None)
    world.registry.files[(RUN, "eval_results_table.json")] = _mlflow_table(1)
    held_out = HeldOutPredictions(world.registry, tmp_path / "kept", world.clock)
    found = held_out.of_version(KEY, RUN, fresh=True)
    assert (found.artifact, found.note) == ("eval_results_table.json", "")
    world.registry.files[(RUN, "evaluation/predictions.csv")] = b"row_id,label,score\n1,0,0.5\n"
    assert held_out.of_version(KEY, RUN, fresh=True).artifact == "evaluation/predictions.csv"


def test_predictions__scored_by_the_portal__say_on_what_and_which_walls_stood(world: World, tmp_path: Path) -> None:
    data = tmp_path / "evaluation" / f"{MODEL}.parquet"
    data.parent.mkdir()
    pd.DataFrame({"row_id": [1, 2], "label": [0, 1], "x": [1.0, 2.0]}).to_parquet(data)
    world.registry.files.pop((RUN, "evaluation/predictions.parquet"), None)
    held_out = HeldOutPredictions(
        world.registry,
        tmp_path / "kept",
        world.clock,
        runner=Runner(tmp_path),  # type: ignore[arg-type]  # only `run` is asked for
        evaluation=data.parent,
    )
    note = held_out.of_version(KEY, RUN, fresh=True).note
    assert note.startswith(f"Scored by the portal on {MODEL}.parquet.")
    assert "it could reach the network" in note
    assert "kept the rights" not in note


def test_predictions__none_and_nothing_to_score__say_what_to_log(world: World, tmp_path: Path) -> None:
    world.registry.files.pop((RUN, "evaluation/predictions.parquet"), None)
    held_out = HeldOutPredictions(world.registry, tmp_path / "kept", world.clock)
    with pytest.raises(NotFoundError, match="no held-out predictions") as raised:
        held_out.of_version(KEY, RUN, fresh=True)
    assert "evaluation/predictions.parquet" in raised.value.sentence()
