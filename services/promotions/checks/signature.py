"""The check on the signature: whether programs that call the live version still fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.domain.checks import Check
from services.domain.examined import Examined, LeftOut
from services.domain.policy import CheckRule
from services.promotions.checks.facts import NOTHING_READ, VERSION, Compared, Line, listed
from services.promotions.material import Material
from services.promotions.signatures import fit, lost_names

SHOWN = 8


def signature(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """`change`: `unchanged` asks for the live version's signature, `compatible` for one that its callers fit."""
    wanted = str(rule.settings.get("change", ""))
    line = Line(rule, "Signature", "MLmodel", VERSION, wanted)
    if wanted not in {"unchanged", "compatible"}:
        return line.unknown("The policy requires a signature check but sets no change: unchanged or compatible.")
    model = compared.model
    if model is None or model.signature is None:
        why = model.problem if model else NOTHING_READ
        return line.unknown(f"The model has no signature that could be read: log it with one. {why}".strip())
    if compared.is_first:
        examined = _examined(lost_names(model.signature))
        return line.judged(True, "The first version sets the signature.", "first version", examined=examined)
    return _changed(line, model.signature, model.current_signature, wanted)


def _examined(unknown: tuple[str, ...]) -> Examined:
    return Examined(
        left_out=tuple(LeftOut("signature", f"{problem}; log the model with one that does") for problem in unknown)
    )


def _changed(line: Line, now: Mapping[str, Any], before: Mapping[str, Any] | None, wanted: str) -> Check:
    if before is None:
        return line.unknown("The live version has no signature, so compatibility with its callers is unknown.")
    found = fit(now, before)
    examined = _examined(found.unknown)
    if now == before:
        sentence = "Inputs and outputs are the same as in the live version."
        return line.judged(True, sentence, "unchanged", examined=examined)
    if found.breaks:
        sentence = f"Programs that call the live version would break: {listed(found.breaks, SHOWN)}."
        return line.judged(False, sentence, "breaks")
    if wanted == "unchanged":
        return line.judged(False, "The signature differs from the live version's.", "changed")
    notes = f" Also: {listed(found.notes, SHOWN)}." if found.notes else ""
    if found.by_value:
        sentence = f"Some requests would be refused: {listed(found.by_value, SHOWN)}.{notes}"
        return line.warned(sentence, "compatible with conditions", examined=examined)
    sentence = f"Inputs or outputs changed in a way that programs calling the live version do not notice.{notes}"
    return line.judged(True, sentence, "compatible", examined=examined)
