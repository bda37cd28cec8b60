"""Answers to checks of Azure DevOps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from services.domain.hooks import CheckIds


class Safe(Protocol):
    """Encrypts values that the database must not reveal."""

    def seal(self, value: Mapping[str, Any]) -> str:
        """Encrypted text."""

    def open(self, text: str) -> dict[str, Any] | None:
        """The sealed value; None if another secret sealed it."""


class CheckCallbacks(Protocol):
    """Sends the outcome of a check to Azure DevOps."""

    def is_own(self, plan_url: str) -> bool:
        """True for the address of the configured organization."""

    def complete(self, ids: CheckIds, token: str, *, allowed: bool, lines: str) -> None:
        """Write the lines to the check's log and complete it. Raises UpstreamError, NotFoundError."""
