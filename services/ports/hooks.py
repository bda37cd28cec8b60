"""What Azure DevOps reported and asked, in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain.hooks import CheckCall, HookEvent


class HookStore(Protocol):
    """What Azure DevOps told and asked by itself."""

    def add_event(self, event: HookEvent) -> bool:
        """Keep an event; False when it is known."""

    def unhandled(self, limit: int) -> Sequence[HookEvent]:
        """Events that nobody has acted on, oldest first."""

    def mark_handled(self, ids: Sequence[str], now: datetime) -> None:
        """They were acted on; very old ones go."""

    def add_check(self, call: CheckCall) -> bool:
        """Keep a check's call; False when it is known."""

    def take_check(self, now: datetime, until: datetime) -> CheckCall | None:
        """The check that has waited longest, held until then for the caller; None when none is due."""

    def check(self, key: str) -> CheckCall | None:
        """One check."""

    def save_check(self, call: CheckCall) -> None:
        """Write a check as it is now."""

    def checks_of(self, build_id: int) -> Sequence[CheckCall]:
        """Checks of a run, oldest first."""
