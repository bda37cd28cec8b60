"""The check on the formats of the model's files, by their names; nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from services.domain.checks import Check
from services.domain.policy import CheckRule
from services.promotions.checks.facts import NOTHING_READ, VERSION, Compared, Line, listed, texts
from services.promotions.material import Material

_PICKLES = {".pkl", ".pickle", ".joblib", ".cloudpickle", ".dill", ".pt", ".pth", ".bin"}
"""Formats that run code when they are loaded; .pt, .pth and .bin are PyTorch's pickles."""
_SAFE = {
    ".skops",
    ".onnx",
    ".safetensors",
    ".ubj",
    ".cbm",
    ".pb",
    ".txt",
    ".h5",
    ".keras",
    ".json",
    ".yaml",
    ".yml",
    ".md",
}
_PAPERS = {
    "MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "input_example.json", "serving_input_example.json",
    "registered_model_meta", "estimator.html",
}  # fmt: skip


def safe_format(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """No file of the model runs code when it is loaded; `allow` lists endings that are accepted all the same."""
    line = Line(rule, "Safe to load", "list of the model's files", VERSION, "no format that runs code")
    model = compared.model
    if model is None or model.files is None:
        return line.unknown(model.problem if model and model.problem else NOTHING_READ)
    allowed = set(texts(rule.settings, "allow"))
    running = [path for path in model.files if _runs_code(path, model.flavors)]
    unsafe = [path for path in running if PurePosixPath(path).suffix not in allowed]
    odd = [path for path in model.files if path not in running and not _is_known(path)]
    if unsafe:
        sentence = (
            f"Loading it runs code from the files: {listed(sorted(unsafe), 3)}. Log it as skops, ONNX or safetensors."
        )
        return line.judged(False, sentence, f"{len(unsafe)} files run code")
    if odd:
        return line.unknown(f"It is unknown whether loading is safe: {listed(sorted(odd), 3)}.")
    accepted = f" {len(running)} are accepted by the policy." if running else ""
    return line.judged(
        True, f"No file of the model runs code when it is loaded.{accepted}", f"{len(model.files)} files"
    )


def _runs_code(path: str, flavors: Mapping[str, Any] | None) -> bool:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _PICKLES or path.startswith("code/") or suffix == ".py":
        return True
    loader = str(((flavors or {}).get("python_function") or {}).get("loader_module", ""))
    return loader == "mlflow.pyfunc.model" and PurePosixPath(path).name == "python_model.pkl"


def _is_known(path: str) -> bool:
    place = PurePosixPath(path)
    return place.name in _PAPERS or place.suffix.lower() in _SAFE
