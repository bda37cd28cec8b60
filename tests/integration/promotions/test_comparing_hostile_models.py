"""The compare page's use case over models that hang, crash, allocate, look for secrets or call home: the real runner."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from services.catalogue.sync import CatalogueSync
from services.comparisons.desk import ComparisonDesk
from services.comparisons.held_out import HeldOutPredictions
from services.domain.registry import VersionKey
from services.runner.desk import ModelRunner, digest_of_folder
from services.runner.limits import MIB, Limits
from services.runner.process import Host
from tests.integration.promotions.test_comparing_versions import ONE, TWO, predictions
from tests.simulators.basics import DEV
from tests.world import MODEL, World

pytestmark = pytest.mark.slow
__all__ = ["predictions"]  # the fixture
SECRET = "pat-3f9c1d-not-for-models"
HOSTILE = {3: "hanging", 4: "crashing", 5: "hungry", 6: "talkative", 7: "calling"}
SAYS = {
    "hanging": "did not finish within 45 seconds", "crashing": "without an answer", "hungry": "memory",
    "talkative": "", "calling": "",
}  # fmt: skip
"""Of the last two it is said that they give no scores; in which words, depends on the walls."""


@pytest.fixture
def desk(world: World, predictions: None, tmp_path: Path) -> ComparisonDesk:
    folder = tmp_path / "hostile"
    command = [sys.executable, "-W", "ignore", "-m", "tests.integration.hostile_models", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=300, cwd=Path(__file__).parents[3])

    def save(key: VersionKey, target: Path) -> str:
        shutil.copytree(folder / HOSTILE[key.version], target, dirs_exist_ok=True)
        return digest_of_folder(target)

    for version in (4, 5, 6, 7):
        world.registry.add_version(MODEL, version)
        world.registry.files.pop((f"run-{MODEL}-{version}", "evaluation/predictions.parquet"), None)
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(hours=1)).beat()
    world.registry.save_model = save  # type: ignore[method-assign]
    host = Host(hidden=(tmp_path / "keys",), redact=lambda text: text.replace(SECRET, "…"))
    limits = Limits(seconds=45, memory=2048 * MIB, output=64 * MIB)
    runner = ModelRunner(world.registry, tmp_path / "runner", host=host, limits=limits)
    held_out = HeldOutPredictions(
        world.registry, world.folder / "tables", world.clock, runner=runner, evaluation=tmp_path / "evaluation"
    )
    return ComparisonDesk(world.units, held_out, clock=world.clock)


def test_compare__five_hostile_models__each_is_told_in_words_and_the_others_are_compared(
    world: World, desk: ComparisonDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERSIGN_AZURE_DEVOPS_TOKEN", SECRET)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ledger.pem").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        rows = {"row_id": [1, 2], "label": [0, 1], "x": [1.0, 2.0], "port": [listener.getsockname()[1]] * 2}
        (tmp_path / "evaluation").mkdir()
        table = pd.DataFrame(rows | {"path": [str(tmp_path / "keys" / "ledger.pem")] * 2})
        table.to_parquet(tmp_path / "evaluation" / f"{MODEL}.parquet")
        keys = [VersionKey(MODEL, version) for version in HOSTILE]
        found = desk.compare(DEV, [ONE, TWO, *keys])
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    told = {key: next((p for p in found.problems if p.startswith((f"{key}:", f"{key} with"))), "") for key in keys}
    assert all(told.values()), told
    assert all(SAYS[HOSTILE[key.version]] in problem for key, problem in told.items()), told
    assert SECRET not in str(found)
    assert set(found.evidence) == {TWO}
    assert desk.compare(DEV, [ONE, TWO]).evidence[TWO].verdict.value == "better"
