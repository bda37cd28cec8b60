"""How entries of the ledger name what they are about."""

from __future__ import annotations

from services.domain.registry import VersionKey
from services.ledger.tree.entry import Subject


def version_subject(key: VersionKey) -> Subject:
    """How the ledger names a version."""
    return Subject("model_version", f"{key.model}/{key.version}")
