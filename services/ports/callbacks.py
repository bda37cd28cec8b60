"""Answers to the checks that Azure DevOps asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.domain.hooks import CheckIds


class Safe(Protocol):
    """Encrypts what the database must not show."""

    def seal(self, value: Mapping[str, Any]) -> str:
        """Encrypted text."""

    def open(self, text: str) -> dict[str, Any] | None:
        """What was sealed; None when it was sealed under another secret."""


class CheckCallbacks(Protocol):
    """Tells Azure DevOps the outcome of a check."""

    def is_own(self, plan_url: str) -> bool:
        """True for the address of the configured organization."""

    def complete(self, ids: CheckIds, token: str, *, allowed: bool, lines: str) -> None:
        """Write the lines to the check's log and complete it. Raises UpstreamError, NotFoundError."""
