"""The format of `governance.yaml`. Missing or unknown fields are errors; nothing that grants a right has a default.

`docs/governance.schema.json` is generated from these classes (`countersign policy schema`).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from services.domain.checks import Enforcement
from services.domain.identity.people import Role
from services.domain.policy import Meaning, RegistryOrder
from services.domain.releases import RunKind
from services.ledger.keeping.retention import FLOOR
from services.policies.check_settings import wrong_settings

CheckKind = Literal[
    "artifact_digest",
    "calibration",
    "comparison",
    "custom",
    "dependencies",
    "documentation",
    "drift",
    "fairness_bound",
    "lineage_complete",
    "metric_floor",
    "model_card",
    "safe_format",
    "signature",
    "slice_floor",
    "tests_passed",
]
Stage = Literal["Staging", "Production"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w.-]+$")]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Days = Annotated[Number, Field(gt=0, le=3650)]
Pattern = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^\S(.*\S)?$")]
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def _time(value: Any) -> Any:
    """Hours and minutes; a bare number would be ambiguous."""
    if isinstance(value, time):
        return value
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise ValueError(f"{value!r} is not a time of day; use 00:00 to 23:59, such as 09:30")
    return time(int(found[1]), int(found[2]))


def _moment(value: Any) -> Any:
    """A date means its start in UTC; a time without a zone is taken as UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/Berlin") from error
    return value


ClockTime = Annotated[time, BeforeValidator(_time)]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_moment)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CircleFile(_Strict):
    """People named by role, by group of the identity provider, or one by one (their ids)."""

    roles: tuple[Role, ...] = ()
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _names_somebody(self) -> CircleFile:
        if not (self.roles or self.groups or self.people):
            raise ValueError("name at least one role, group or person")
        return self


class PipelineFile(_Strict):
    """The pipeline of an environment."""

    project: str = Field(min_length=1)
    id: Whole = Field(gt=0, lt=2**31)
    branch: str = "refs/heads/main"
    parameters: dict[str, str] = Field(default={}, description="Fixed parameters; the rollout adds its own")
    kind: RunKind = Field(default=RunKind.PIPELINE, description="A YAML pipeline, or a classic release definition")


class EnvironmentFile(_Strict):
    """One environment, with a stage, an alias or both."""

    stage: Stage | None = None
    alias: Name | None = None
    pipeline: PipelineFile | None = None
    registry: RegistryOrder = Field(
        default=RegistryOrder.BEFORE, description="Whether the registry moves before or after the release runs"
    )

    @model_validator(mode="after")
    def _has_target(self) -> EnvironmentFile:
        if self.stage is None and self.alias is None:
            raise ValueError("an environment needs a stage, an alias, or both")
        return self


_NEEDED = {
    "calibration": ("max_ece", "max_rise"),
    "custom": ("name",),
    "documentation": ("description", "card", "tags"),
    "drift": ("max_psi",),
    "fairness_bound": ("max_difference", "min_ratio", "max_widening"),
    "signature": ("change",),
    "slice_floor": ("at_least",),
}
"""Settings of which a check needs at least one; without any it would always be unknown."""


_APART = {
    "metric_floor": ("metric",),
    "custom": ("name",),
    "fairness_bound": ("column", "rate"),
    "slice_floor": ("columns",),
}


class CheckFile(_Strict):
    """One check: block prevents approval, warn only reports, off disables it. Unknown counts as failed."""

    kind: CheckKind
    enforcement: Enforcement = Enforcement.BLOCK
    settings: dict[str, Any] = Field(default={}, alias="with")

    @model_validator(mode="after")
    def _is_complete(self) -> CheckFile:
        if self.kind == "metric_floor":
            bounds = [self.settings[name] for name in ("at_least", "at_most") if name in self.settings]
            are_numbers = all(isinstance(b, int | float) and not isinstance(b, bool) for b in bounds)
            if not self.settings.get("metric") or not bounds or not are_numbers:
                raise ValueError("metric_floor needs with: {metric: NAME, at_least: NUMBER} (or at_most)")
        needed = _NEEDED.get(self.kind)
        if needed and not any(name in self.settings for name in needed):
            raise ValueError(f"{self.kind} needs with: {' or '.join(needed)}")
        found = list(wrong_settings(self.kind, self.settings))
        if found:
            raise ValueError(f"with: {'; '.join(found)}")
        return self

    @property
    def key(self) -> tuple[str, ...]:
        """The key by which a policy overrides a check of its tier."""
        return self.kind, *(str(self.settings.get(name, "")) for name in _APART.get(self.kind, ()))


class SlotFile(_Strict):
    """Signatures of one discipline."""

    discipline: Name
    count: Whole = Field(default=1, ge=1, le=10)
    meaning: Meaning = Meaning.APPROVED


class WindowFile(_Strict):
    """A window in which promotions may take effect, in local time."""

    days: tuple[Day, ...] = Field(min_length=1)
    opens: ClockTime = Field(alias="from")
    closes: ClockTime = Field(alias="to")
    zone: Annotated[str, AfterValidator(_zone)]

    @model_validator(mode="after")
    def _in_order(self) -> WindowFile:
        if self.opens >= self.closes:
            raise ValueError("from must be before to; for a window over midnight, write two windows")
        return self


class FreezeFile(_Strict):
    """A period in which nothing takes effect."""

    start: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    reason: str = Field(min_length=1, max_length=300)

    @model_validator(mode="after")
    def _in_order(self) -> FreezeFile:
        if self.start >= self.end:
            raise ValueError("from must be before to")
        return self


class BreakGlassFile(_Strict):
    """Promotion without signatures in an emergency: a separate, short-lived right, reviewed afterwards."""

    who: CircleFile
    valid_hours: Number = Field(gt=0, le=72)
    review_within_days: Number = Field(gt=0, le=30)


class _Route(_Strict):
    """Fields that a tier and a policy share."""

    quorum: Whole | None = Field(default=None, ge=1, le=20, description="Number of different people who must approve")
    slots: tuple[SlotFile, ...] | None = Field(default=None, description="Disciplines that must sign")
    in_order: bool | None = Field(default=None, description="Slots must be signed in the order of the file")
    checks: tuple[CheckFile, ...] = ()
    card_fields: tuple[Pattern, ...] | None = Field(default=None, description="Headings that the model card must have")
    review_every_days: Days | None = Field(default=None, description="Days after going live until a re-review is due")
    reauthenticate: bool | None = Field(default=None, description="Signing requires a fresh sign-in")


class TierFile(_Route):
    """A risk tier: the minimum route, quorum, evidence and re-review interval of its policies."""


class PolicyFile(_Route):
    """The rules for a model pattern and an environment; the first match applies."""

    models: Pattern = Field(description="Name or pattern, such as credit-*")
    environment: str
    tier: str | None = None
    expires_after_days: Number = Field(gt=0, le=365)
    expiry_outcome: Literal["rejected"] = Field(default="rejected", description="An expired request counts as rejected")
    requesters: CircleFile | None = Field(default=None, description="Who may request; default: by role")
    windows: tuple[WindowFile, ...] = ()
    freezes: tuple[FreezeFile, ...] = ()
    break_glass: BreakGlassFile | None = Field(default=None, description="Who may break glass; default: nobody")
    witness_before_release: bool = False
    ask_by_tag: bool = Field(default=False, description="A tag or alias in MLflow may open a request")


class LedgerFile(_Strict):
    """Retention of the ledger. Entries are permanent; `services.ledger.keeping.retention` sets the minimum."""

    keep_personal_days: Whole | None = Field(default=None, ge=FLOOR.days, le=36_500)


class GovernanceFile(_Strict):
    """The whole file."""

    version: Literal[1]
    environments: dict[Name, EnvironmentFile] = Field(min_length=1)
    roles: dict[Role, tuple[str, ...]] = Field(default={}, description="Identity provider groups by role")
    disciplines: dict[Name, CircleFile] = Field(default={}, description="Who signs for risk, business, …")
    tiers: dict[Name, TierFile] = Field(default={}, description="Risk tiers")
    policies: tuple[PolicyFile, ...] = Field(min_length=1)
    ledger: LedgerFile = LedgerFile()
