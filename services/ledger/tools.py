"""Dependencies of the ledger's commands, chosen by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from services.ledger.tree.note import VerifierKey
from services.ledger.witnessing import Transactions, Witness
from services.ledger.writer import Clock, Signer


@dataclass(frozen=True)
class LedgerTools:
    """Storage, keys and witnesses of one ledger."""

    reading: Transactions
    """Short read transactions, which block no writer."""
    writing: Transactions
    public_keys: Callable[[], Sequence[VerifierKey]]
    """The ledger's public keys, oldest first; the first names the log."""
    signer: Signer
    witnesses: Sequence[Witness]
    clock: Clock
    key_file: Path | None = None
    """None if the key comes from a setting."""
    keep_personal: timedelta | None = None
    """How long the policy keeps personal values; None means permanently."""
