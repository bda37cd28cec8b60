"""Appending to the ledger, inside the caller's transaction.

The head row's UPDATE is the lock and the order: numbers are dense, follow the order of commits, and a rolled-back
transaction leaves no gap. The caller commits the state change and its entry together, so write the entry last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, TypedDict, Unpack

from services.errors import SettingsError
from services.ledger.actions import Action
from services.ledger.personal import commit
from services.ledger.store import LedgerStore
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Actor, LedgerEntry, Subject, instant
from services.ledger.tree.merkle import leaf_hash
from services.ledger.tree.note import Checkpoint, SignedNote

Clock = Callable[[], datetime]


class Signer(Protocol):
    """Signs checkpoints: a `KeyRing`, or a key service."""

    @property
    def name(self) -> str:
        """The log's name: the origin without its number."""

    def sign(self, checkpoint: Checkpoint, at: datetime) -> SignedNote:
        """The checkpoint with one signature or more."""


class EntryFields(TypedDict, total=False):
    """Optional content of an entry besides actor, action and subject."""

    on_behalf_of: Actor | None
    plan_digest: str | None
    before: Json
    after: Json
    reason: str | None
    request_id: str | None
    personal: Mapping[str, str] | None
    """Plain values; the entry stores their salted commitments."""


@dataclass(frozen=True)
class AppendedEntry:
    """Result of an append: the entry's number, the root over all entries, the signed checkpoint."""

    seq: int
    root: bytes
    note: str


def append(
    store: LedgerStore,
    *,
    actor: Actor,
    action: Action,
    subject: Subject,
    clock: Clock,
    signer: Signer,
    **fields: Unpack[EntryFields],
) -> AppendedEntry:
    """Write one entry and the checkpoint over it; the caller's transaction commits both or neither.

    Raises `InvalidInputError` for values without a canonical form, `SettingsError` if the signer is another log's.
    """
    return append_under(store, None, actor=actor, action=action, subject=subject, clock=clock, signer=signer, **fields)


def append_under(
    store: LedgerStore,
    new_origin: str | None,
    *,
    actor: Actor,
    action: Action,
    subject: Subject,
    clock: Clock,
    signer: Signer,
    **fields: Unpack[EntryFields],
) -> AppendedEntry:
    """`append`, but from here on under `new_origin`; only `restore.open_origin` needs it."""
    head = store.advance(first_origin(signer.name))
    origin = new_origin or head.origin
    _check_signer(origin, signer)
    now, seq = clock(), head.size + 1
    values = commit(seq, fields.get("personal") or {})
    told: dict[str, Any] = {**fields, "personal": {value.field: value.commitment() for value in values} or None}
    entry = LedgerEntry(
        seq=seq,
        at=instant(now),
        actor=actor,
        action=action,
        subject=subject,
        portal_version=portal_version(),
        **told,
    )
    body = entry.body()
    frontier, nodes = head.frontier.push(leaf_hash(body.encode()))
    note = signer.sign(Checkpoint(origin, seq, frontier.root()), now).text()
    store.write(entry, body, nodes=b"".join(nodes))
    store.keep_personal(values)
    store.finish(frontier, note, origin=origin)
    return AppendedEntry(seq, frontier.root(), note)


def first_origin(name: str) -> str:
    """The origin of a new ledger."""
    return f"{name}/1"


@cache
def portal_version() -> str:
    """Version of the installed portal, or ``0+source`` when it runs from a checkout."""
    try:
        return version("countersign")
    except PackageNotFoundError:
        return "0+source"


def _check_signer(origin: str, signer: Signer) -> None:
    name, _, number = origin.rpartition("/")
    if name != signer.name or not number.isdigit():
        raise SettingsError(
            f"This ledger is {origin!r}, but the settings name it {signer.name!r}.",
            hint="Restore the ledger's name; it cannot change.",
        )
