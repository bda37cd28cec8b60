"""The custom check of `examples/`: built and installed as users do, then asked by the portal."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from importlib import invalidate_caches
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from services.domain.checks import Check, Enforcement, Verdict
from services.domain.policy import CheckRule
from services.promotions.checks import KINDS, Compared, ModelFacts
from tests.unit.checks.test_checks import material

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "custom-check"
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
WANTED = {"name": "protected_inputs", "columns": ["sex", "race"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example's wheel is unpacked, which is what installing a pure Python wheel does."""
    folder = tmp_path_factory.mktemp("custom-check")
    source = shutil.copytree(EXAMPLE, folder / "source")
    command = [sys.executable, "-c", BUILD, str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    invalidate_caches()
    monkeypatch.delitem(sys.modules, "countersign_protected_inputs", raising=False)


def judge(settings: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] | None) -> Check:
    signature = None if inputs is None else {"inputs": list(inputs), "outputs": []}
    rule = CheckRule("custom", settings=dict(settings), enforcement=Enforcement.BLOCK)
    return KINDS["custom"](rule, material(), Compared(None, model=ModelFacts(signature=signature)))


@pytest.mark.usefixtures("installed")
def test_example_check__installed__declares_the_entry_point() -> None:
    points = distribution("countersign-protected-inputs").entry_points
    assert [(point.group, point.name) for point in points] == [("countersign.checks", "protected_inputs")]


@pytest.mark.usefixtures("installed")
def test_example_check__no_protected_input__passes() -> None:
    check = judge(WANTED, [{"name": "age", "type": "long"}])
    assert (check.verdict, check.name, check.value) == (Verdict.PASS, "No protected inputs", "none")


@pytest.mark.usefixtures("installed")
def test_example_check__protected_input_in_other_case__fails_and_names_it() -> None:
    check = judge(WANTED, [{"name": "age", "type": "long"}, {"name": "Sex", "type": "string"}])
    assert check.verdict is Verdict.FAIL
    assert "Sex" in check.sentence


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("settings", "inputs"),
    [
        (WANTED, None),
        (WANTED, []),
        (WANTED, [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]),
        (WANTED, [{"name": "person", "type": "object"}]),
        ({"name": "protected_inputs"}, [{"name": "age", "type": "long"}]),
    ],
)
def test_example_check__cannot_look_at_everything__is_unknown(
    settings: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]] | None
) -> None:
    assert judge(settings, inputs).verdict is Verdict.UNKNOWN


def test_example_check__not_installed__is_unknown() -> None:
    assert judge(WANTED, [{"name": "age", "type": "long"}]).verdict is Verdict.UNKNOWN
