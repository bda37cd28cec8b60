"""The answer as JSON: what `countersign why --json` prints and the dossier holds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from enum import Enum
from math import isfinite
from typing import Any

from services.domain.why.live_history import Spell
from services.why.answers import WhyAnswer


def answer_document(answer: WhyAnswer) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "sentence": answer.sentence,
        "prediction": plain(asdict(answer.record)),
        "inputs_note": answer.inputs_note,
        "facts": [plain(asdict(fact)) for fact in answer.facts],
        "caveats": list(answer.caveats),
        "candidates": [str(key) for key in answer.candidates],
        "request": answer.request.id if answer.request else None,
        "deployment": answer.deployment.id if answer.deployment else None,
    }


def spell_document(spell: Spell, at: datetime) -> dict[str, Any]:
    """One line of what was live at a moment."""
    return {
        "model": spell.key.model,
        "version": spell.key.version,
        "environment": spell.environment,
        "is_sure": spell.is_sure_at(at),
        "ground": spell.ground.value,
        "since": plain(spell.sure_from or spell.may_from),
        "until": plain(spell.sure_until or spell.may_until),
        "ledger_entry": spell.seq,
        "request": spell.request_id or None,
        "release": spell.release or None,
    }


def plain(value: Any) -> Any:
    """Values that JSON has; anything else as text."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    is_json = value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and isfinite(value))
    return value if is_json else str(value)  # JSON has no word for NaN
