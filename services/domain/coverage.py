"""Live versions and their governance gaps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.domain.catalogue import VersionRow
from services.domain.registry import VersionKey


class Gap(StrEnum):
    """A governance gap."""

    OWNER = "no owner"
    POLICY = "no policy"
    CARD = "no model card"
    APPROVAL = "no valid approval"
    GLASS = "by broken glass"
    REVIEW = "re-review overdue"
    FINDING = "open findings"


@dataclass(frozen=True)
class CoverageRow:
    """A version that holds a stage, alias or release, and its gaps."""

    row: VersionRow
    environment: str
    held_by: str
    """What makes it live: ``alias champion``, ``stage Production`` or ``release``."""
    gaps: tuple[Gap, ...]

    @property
    def key(self) -> VersionKey:
        """Model and version."""
        return self.row.key
