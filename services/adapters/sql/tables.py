"""All tables of the portal's database: import the metadata from here to have every table registered."""

from services.adapters.sql import (
    access_tables,
    catalogue_tables,
    evidence_reads,
    governance_tables,
    hook_tables,
    ledger_tables,
    marks,
    notice_tables,
    oversight_tables,
)
from services.adapters.sql.metadata import metadata

__all__ = [
    "access_tables",
    "catalogue_tables",
    "evidence_reads",
    "governance_tables",
    "hook_tables",
    "ledger_tables",
    "marks",
    "metadata",
    "notice_tables",
    "oversight_tables",
]
