"""How ledger entries name their subjects."""

from __future__ import annotations

from services.domain.registry import VersionKey
from services.ledger.tree.entry import Subject


def version_subject(key: VersionKey) -> Subject:
    """The ledger's name of a version."""
    return Subject("model_version", f"{key.model}/{key.version}")
