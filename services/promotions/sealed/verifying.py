"""Recomputes a request's sealed evidence: the same tables, the same settings, the same engine must say the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.comparisons.held_out import HeldOutPredictions, PredictionsFile
from services.database.unit import Unit, Units
from services.domain.drift import SCHEMA as DRIFT_SCHEMA
from services.errors import PortalError
from services.evidence.record import SCHEMA, Comparison
from services.evidence.words import counted
from services.policies.reading import policy_of
from services.promotions.checks.facts import InputTable
from services.promotions.sealed.evidence import inputs_of
from services.promotions.sealed.sealer import Comparer, Drifter, comparison_settings

DIFFERENCES_SHOWN = 20
IGNORED = frozenset({"bootstrap.engine"})
"""Which engine drew the resamples; numba and numpy have different random streams, which other fields show."""

ADDED_LATER = frozenset({"coverage"})
"""Parts that an earlier engine of the same schema did not keep: nothing was sealed to compare them with."""


@dataclass(frozen=True)
class Verified:
    """The outcome. `is_equal` is None where it could not be computed again."""

    request_id: str
    is_equal: bool | None
    lines: tuple[str, ...]
    """What was looked at, in words; the first line is the verdict."""
    differences: tuple[str, ...] = ()


class EvidenceVerifier:
    """Reads the sealed documents, finds the tables by digest, and computes again."""

    def __init__(self, units: Units, held_out: HeldOutPredictions, *, compare: Comparer, drift: Drifter) -> None:
        self._units = units
        self._held_out = held_out
        self._compare = compare
        self._drift = drift

    def verify(self, request_id: str) -> Verified:
        """Raises NotFoundError for an unknown request."""
        with self._units.read() as unit:
            request = unit.requests.get(request_id)
            texts = {name: _document(unit, name, getattr(request, f"{name}_digest")) for name in _DOCUMENTS}
            seals = {name: getattr(request, f"{name}_digest") for name in _DOCUMENTS}
        broken = _broken_seals(texts, seals)
        if broken:
            return Verified(request_id, False, ("Not equal: the sealed documents were changed.", *broken))
        evidence, policy = json.loads(texts["evidence"]), json.loads(texts["policy"])
        if evidence["comparison"] is None and evidence.get("drift") is None:
            why = evidence["comparison_problem"] or "nothing was compared"
            return Verified(request_id, None, ("Not computed again: the request holds no comparison.", why))
        other = _other_engine(evidence["comparison"])
        if other:
            return Verified(request_id, None, (other, "The sealed documents have their digests."))
        return self._again(request_id, evidence, comparison_settings(policy_of(policy["policy"])))

    def _again(self, request_id: str, evidence: Mapping[str, Any], settings: Mapping[str, Any]) -> Verified:
        inputs = inputs_of(evidence)
        try:
            found: dict[str, Any] = {}
            if evidence["comparison"] is not None:
                found["comparison"] = self._comparison(inputs, settings).to_json()
            if evidence.get("drift") is not None and _is_drift_of_this_engine(evidence):
                lines = self._drift(self._file(inputs, "reference"), self._file(inputs, "training"))
                found["drift"] = [asdict(line) for line in lines]
        except PortalError as error:
            return Verified(request_id, None, (f"Not computed again: {error.sentence()}",))
        if not found:
            return Verified(request_id, None, (_OTHER_DRIFT, "The sealed documents have their digests."))
        sealed = {name: evidence[name] for name in found}
        again = json.loads(json.dumps(found, allow_nan=False))
        differences = tuple(compared(sealed, again))
        what = " and ".join(found)
        tables = [f"{side}: {_name(file)}" for side, file in sorted(inputs.items()) if file]
        if evidence.get("drift") is not None and "drift" not in found:
            tables.insert(0, _OTHER_DRIFT)
        if differences:
            first = f"Not equal: {counted(len(differences), 'values')} of {what} not as sealed."
            if "comparison" in found and "coverage" not in (evidence["comparison"] or {}):
                tables.insert(0, _EARLIER)
            return Verified(request_id, False, (first, *tables), differences[:DIFFERENCES_SHOWN])
        return Verified(
            request_id, True, (f"Equal: {what} computed again from the same tables gives what was sealed.", *tables)
        )

    def _comparison(self, inputs: Mapping[str, InputTable | None], settings: Mapping[str, Any]) -> Comparison:
        current = self._file(inputs, "current") if inputs.get("current") else None
        return self._compare(self._file(inputs, "candidate"), current, settings)

    def _file(self, inputs: Mapping[str, InputTable | None], side: str) -> PredictionsFile:
        """The table as it was: from the cache, or from the run if its bytes are still the same."""
        sealed = inputs.get(side)
        if sealed is None:
            raise PortalError(
                f"The request does not say which table was the {side}'s.", hint="It was sealed before that was kept."
            )
        known = self._held_out.by_digest(sealed.digest, sealed.artifact)
        if known is not None:
            return PredictionsFile(known, sealed.digest, sealed.artifact, sealed.run_id, target=sealed.target)
        is_sample = side in {"training", "reference"}
        fetch = self._held_out.training_sample if is_sample else _fresh(self._held_out)
        now = fetch(sealed.run_id)
        if now.digest != sealed.digest:
            raise PortalError(
                f"The {side}'s table {sealed.artifact} of run {sealed.run_id} was replaced since it was sealed."
            )
        return replace(now, target=sealed.target)


_EARLIER = (
    "The comparison was sealed by an earlier engine, which put rarer values of a column together and left out some of "
    "its ranges: slices and fairness of such columns differ for that reason."
)
_OTHER_DRIFT = "Drift is not computed again: it was sealed by an engine that measured columns in another way."


def _is_drift_of_this_engine(evidence: Mapping[str, Any]) -> bool:
    return bool(evidence.get("drift_schema") == DRIFT_SCHEMA)


_DOCUMENTS = ("plan", "evidence", "policy")


def _other_engine(comparison: Mapping[str, Any] | None) -> str:
    """Why a comparison that an engine with other rules made is not computed again; empty for one of this engine."""
    if comparison is None or comparison.get("schema", SCHEMA) == SCHEMA:
        return ""
    return f"Not computed again: it was sealed as {comparison['schema']}, and this engine makes {SCHEMA}."


def _fresh(held_out: HeldOutPredictions) -> Callable[[str], PredictionsFile]:
    return lambda run_id: held_out.fetch(run_id, fresh=True)


def _document(unit: Unit, name: str, digest: str) -> str:
    del name
    return unit.requests.document(digest)


def _broken_seals(texts: Mapping[str, str], seals: Mapping[str, str]) -> list[str]:
    """Documents whose bytes do not have their digest, or that do not belong together."""
    found = [
        f"The {name} document is not the one with the digest {seals[name]}."
        for name, text in texts.items()
        if "sha256:" + hashlib.sha256(text.encode()).hexdigest() != seals[name]
    ]
    if found:
        return found
    plan = json.loads(texts["plan"])
    return [
        f"The plan that was signed names another {name} document."
        for name in ("evidence", "policy")
        if plan[f"{name}_digest"] != seals[name]
    ]


def _name(file: InputTable) -> str:
    return f"{file.artifact} of run {file.run_id}, {file.digest}"


def compared(sealed: Any, again: Any, path: str = "") -> list[str]:
    """Each leaf that differs, as ``path: sealed → again``."""
    if isinstance(sealed, dict) and isinstance(again, dict):
        keys = sorted(sealed.keys() | {key for key in again if key in sealed or key not in ADDED_LATER})
        return [d for key in keys for d in compared(sealed.get(key), again.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(sealed, list) and isinstance(again, list) and len(sealed) == len(again):
        return [d for i, pair in enumerate(zip(sealed, again, strict=True)) for d in compared(*pair, f"{path}[{i}]")]
    if sealed == again or any(path.endswith(name) for name in IGNORED):
        return []
    return [f"{path}: {_short(sealed)} → {_short(again)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"
