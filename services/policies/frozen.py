"""The policy as frozen into a request: plain JSON whose digest is stable across portal releases.

Unused fields are omitted, so a new kind of rule does not change old digests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime, time, timedelta
from typing import Any

from services.domain.calendar import Calendar, Freeze, Window
from services.domain.checks import Enforcement
from services.domain.identity.people import Circle
from services.domain.policy import BreakGlass, CheckRule, Environment, Meaning, PromotionPolicy, Slot
from services.domain.releases import RunKind

_ALWAYS = {"models", "environment", "quorum", "expires_after", "checks", "witness_before_release"}


def frozen_form(policy: PromotionPolicy, environment: Environment) -> dict[str, Any]:
    """Policy and environment as plain JSON, which a request freezes by digest."""
    used = {
        f.name: _plain(getattr(policy, f.name))
        for f in fields(policy)
        if f.name in _ALWAYS or getattr(policy, f.name) != _default(f)
    }
    return {"policy": used, "environment": _place(environment)}


def _place(environment: Environment) -> dict[str, Any]:
    """A target without a kind means a YAML pipeline, as in older digests."""
    place: dict[str, Any] = _plain(environment)
    if environment.pipeline is not None and environment.pipeline.kind is RunKind.PIPELINE:
        del place["pipeline"]["kind"]
    return place


def _default(field: Any) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def policy_of(frozen: Mapping[str, Any]) -> PromotionPolicy:
    """The policy as it was frozen into a request."""
    own = dict(frozen)
    own["expires_after"] = timedelta(seconds=frozen["expires_after"])
    for name, read in _READERS.items():
        if own.get(name) is not None:
            own[name] = read(own[name])
    return PromotionPolicy(**own)


def _checks(value: Any) -> tuple[CheckRule, ...]:
    return tuple(CheckRule(rule["kind"], Enforcement(rule["enforcement"]), rule["settings"]) for rule in value)


def _circle(value: Any) -> Circle:
    return Circle(**{name: tuple(names) for name, names in value.items()})


def _slots(value: Any) -> tuple[Slot, ...]:
    return tuple(Slot(s["discipline"], _circle(s["members"]), s["count"], Meaning(s["meaning"])) for s in value)


def _calendar(value: Any) -> Calendar:
    windows = tuple(
        Window(tuple(w["days"]), time.fromisoformat(w["opens"]), time.fromisoformat(w["closes"]), w["zone"])
        for w in value["windows"]
    )
    freezes = tuple(
        Freeze(datetime.fromisoformat(f["start"]), datetime.fromisoformat(f["end"]), f["reason"])
        for f in value["freezes"]
    )
    return Calendar(windows, freezes)


def _break_glass(value: Any) -> BreakGlass:
    hours, days = timedelta(seconds=value["valid_for"]), timedelta(seconds=value["review_within"])
    return BreakGlass(_circle(value["who"]), hours, days)


_READERS: dict[str, Any] = {
    "checks": _checks,
    "slots": _slots,
    "requesters": _circle,
    "calendar": _calendar,
    "break_glass": _break_glass,
    "card_fields": tuple,
    "review_every": lambda seconds: timedelta(seconds=seconds),
}
