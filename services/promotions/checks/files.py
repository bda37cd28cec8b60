"""Checks on the model's own files, read without loading the model: signature, dependencies, format."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from services.domain.checks import Check
from services.domain.policy import CheckRule
from services.promotions.checks.facts import VERSION, Compared, Line, texts
from services.promotions.material import Material

_NOTHING_READ = "The model's files could not be read."
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
_WIDER = {("integer", "long"), ("integer", "double"), ("integer", "float"), ("long", "double"), ("float", "double")}


def signature(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """`change`: `unchanged` asks for the live version's signature, `compatible` for one that its callers fit."""
    wanted = str(rule.settings.get("change", ""))
    line = Line(rule, "Signature", "MLmodel", VERSION, wanted)
    if wanted not in {"unchanged", "compatible"}:
        return line.unknown("The policy asks for the signature and gives no change: unchanged or compatible.")
    model = compared.model
    if model is None or model.signature is None:
        why = model.problem if model else _NOTHING_READ
        return line.unknown(f"The model has no signature that could be read: log it with one. {why}".strip())
    if compared.is_first:
        return line.judged(True, "The first version sets the signature.", "first version")
    return _changed(line, model.signature, model.current_signature, wanted)


def _changed(line: Line, now: Mapping[str, Any], before: Mapping[str, Any] | None, wanted: str) -> Check:
    if before is None:
        return line.unknown("The live version has no signature, so nobody can say whether its callers still fit.")
    if now == before:
        return line.judged(True, "Inputs and outputs are the same as in the live version.", "unchanged")
    broken = _breaks(now, before)
    if broken:
        return line.judged(False, f"Programs that call the live version would break: {'; '.join(broken)}.", "breaks")
    sentence = "Inputs or outputs changed in a way that programs calling the live version do not notice."
    return line.judged(wanted == "compatible", sentence, "compatible")


def _breaks(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """What a caller of the old signature would run into."""
    found, old, new = [], _columns(before.get("inputs")), _columns(now.get("inputs"))
    for name, spec in new.items():
        if name not in old:
            if spec.get("required", True):
                found.append(f"the input {name} is new and required")
        elif not _accepts(spec, old[name]):
            found.append(f"the input {name} was {_type(old[name])} and is {_type(spec)}")
    if _columns(now.get("outputs")) != _columns(before.get("outputs")) or bool(now.get("outputs")) != bool(
        before.get("outputs")
    ):
        found.append("the output has another form")
    return found


def _columns(specs: Any) -> dict[str, Mapping[str, Any]]:
    listed = [spec for spec in specs or () if isinstance(spec, Mapping)]
    return {str(spec.get("name", place)): spec for place, spec in enumerate(listed)}


def _type(spec: Mapping[str, Any]) -> str:
    inner = spec.get("tensor-spec")
    return str(inner if inner is not None else spec.get("type"))


def _accepts(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    may_be_missing = not before.get("required", True)
    if may_be_missing and now.get("required", True):
        return False
    return _type(now) == _type(before) or (_type(before), _type(now)) in _WIDER


def dependencies(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Each library of the model's requirements.txt is pinned, and none is on the policy's `forbidden` list."""
    line = Line(rule, "Dependencies", "requirements.txt of the model", VERSION, "pinned, none forbidden")
    model = compared.model
    if model is None or model.requirements is None:
        return line.unknown(
            f"The model has no requirements.txt that could be read. {model.problem if model else ''}".strip()
        )
    forbidden, wrong = _forbidden(rule)
    if wrong:
        return line.unknown(f"The policy's forbidden list holds what is no requirement: {wrong}.")
    named, odd = _parsed(model.requirements)
    loose = [str(found) for found in named if not _is_pinned(found)]
    bad = [text for found in named for text in _hits(found, forbidden)]
    parts = [f"forbidden: {', '.join(bad)}"] if bad else []
    parts += [f"not pinned to one version: {', '.join(loose[:5])}"] if loose else []
    parts += [f"not readable: {', '.join(odd[:3])}"] if odd else []
    base = (
        f"checked against the policy's list of {len(forbidden)}" if forbidden else "the policy lists none as forbidden"
    )
    scope = f" No vulnerability data base is asked; {base}."
    sentence = (f"Some libraries are {'; '.join(parts)}" if parts else f"All {len(named)} libraries are pinned") + "."
    return line.judged(not parts and bool(named), sentence + scope, f"{len(named)} libraries")


def _forbidden(rule: CheckRule) -> tuple[list[Requirement], str]:
    found = []
    for text in texts(rule.settings, "forbidden"):
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            return [], text
    return found, ""


def _parsed(text: str) -> tuple[list[Requirement], list[str]]:
    named, odd = [], []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).split(" --hash")[0].strip()
        if not line:
            continue
        try:
            named.append(Requirement(line))
        except InvalidRequirement:
            odd.append(line[:60])
    return named, odd


def _is_pinned(found: Requirement) -> bool:
    pins = [spec for spec in found.specifier if spec.operator in {"==", "==="} and "*" not in spec.version]
    return len(pins) == 1


def _hits(found: Requirement, forbidden: list[Requirement]) -> list[str]:
    """A pin inside a forbidden range; a loose one of a forbidden name may always be inside."""
    versions = [spec.version for spec in found.specifier if spec.operator in {"==", "==="} and "*" not in spec.version]
    return [
        f"{found} (on the list as {bad})"
        for bad in forbidden
        if canonicalize_name(bad.name) == canonicalize_name(found.name)
        and (not versions or any(bad.specifier.contains(v, prereleases=True) for v in versions))
    ]


def safe_format(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """No file of the model runs code when it is loaded; `allow` lists endings that are accepted all the same."""
    line = Line(rule, "Safe to load", "list of the model's files", VERSION, "no format that runs code")
    model = compared.model
    if model is None or model.files is None:
        return line.unknown(f"{model.problem if model else _NOTHING_READ}")
    allowed = set(texts(rule.settings, "allow"))
    running = [path for path in model.files if _runs_code(path, model.flavors)]
    unsafe = [path for path in running if PurePosixPath(path).suffix not in allowed]
    odd = [path for path in model.files if path not in running and not _is_known(path)]
    if unsafe:
        named = ", ".join(sorted(unsafe)[:3])
        sentence = f"Loading it runs code from the files: {named}. Log it as skops, ONNX or safetensors."
        return line.judged(False, sentence, f"{len(unsafe)} files run code")
    if odd:
        return line.unknown(f"Nobody can say whether loading is safe: {', '.join(sorted(odd)[:3])}.")
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
