"""All tables of the portal's database: import the metadata from here to have every table registered."""

from services.database.tables import (
    catalogue,
    evidence_reads,
    governance,
    hooks,
    ledger,
    marks,
    notices,
    oversight,
    sign_ins,
)
from services.database.tables.metadata import metadata

__all__ = [
    "catalogue",
    "evidence_reads",
    "governance",
    "hooks",
    "ledger",
    "marks",
    "metadata",
    "notices",
    "oversight",
    "sign_ins",
]
