"""The portal's own database as the use cases see it: one unit of work, with a store for each kind of record.

A unit of work is one transaction. Ledger entries are written through it, so a change and its entry commit
together or not at all. No network call belongs inside.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, Unpack

from services.domain.people import Actor
from services.ledger.actions import Action
from services.ledger.entry import Subject
from services.ledger.store import LedgerArchive
from services.ledger.witnessing import Ledger
from services.ledger.writer import AppendedEntry, EntryFields
from services.ports.catalogue import CatalogueStore
from services.ports.deployments import DeploymentStore
from services.ports.hooks import HookStore
from services.ports.notices import NoticeStore
from services.ports.oversight import OversightStore
from services.ports.requests import RequestStore
from services.ports.rollouts import RolloutStore
from services.ports.sign_ins import ReadStore, SessionStore, TokenStore


class MarkStore(Protocol):
    """Small facts that all processes share: what was told already, which policy is in force."""

    def get(self, key: str) -> str | None:
        """The value kept under the key."""

    def exchange(self, key: str, value: str, at: datetime, *, before: str | None) -> bool:
        """Write over the value that was read (None: there was none); False when somebody was faster."""


class LedgerWriter(Protocol):
    """Appends to the ledger in the unit's transaction."""

    def append(self, actor: Actor, action: Action, subject: Subject, **fields: Unpack[EntryFields]) -> AppendedEntry:
        """Write one entry. Take no other lock afterwards: the ledger's head is the last one."""


class Unit(Protocol):
    """One transaction."""

    @property
    def requests(self) -> RequestStore:
        """Requests, decisions, comments, documents."""

    @property
    def rollouts(self) -> RolloutStore:
        """Rollouts and their journal."""

    @property
    def oversight(self) -> OversightStore:
        """Findings, assignments, re-reviews."""

    @property
    def deployments(self) -> DeploymentStore:
        """What is live, releases, incidents."""

    @property
    def hooks(self) -> HookStore:
        """Service hooks' events and checks."""

    @property
    def catalogue(self) -> CatalogueStore:
        """The copy of the registry."""

    @property
    def sessions(self) -> SessionStore:
        """Sign-ins and people seen."""

    @property
    def notices(self) -> NoticeStore:
        """Notifications: cursor and outbox."""

    @property
    def evidence_reads(self) -> ReadStore:
        """Who read which evidence."""

    @property
    def marks(self) -> MarkStore:
        """Small facts."""

    @property
    def tokens(self) -> TokenStore:
        """Service tokens."""

    @property
    def log(self) -> Ledger:
        """Both sides of the ledger's storage, for witnessing."""

    @property
    def archive(self) -> LedgerArchive:
        """The ledger's reading side."""

    @property
    def ledger(self) -> LedgerWriter:
        """The ledger's writing side."""


class Units(Protocol):
    """Opens units of work."""

    def begin(self) -> AbstractContextManager[Unit]:
        """A writing transaction; leaving the block commits, an exception rolls back."""

    def read(self) -> AbstractContextManager[Unit]:
        """A reading transaction."""
