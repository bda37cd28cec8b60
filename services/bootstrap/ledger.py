"""The part of the composition root for the ledger: its key, its witnesses and their watches."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine

from services.adapters.witness.azure_blob import AzureBlobWitness, BlobContainer, entra_token
from services.adapters.witness.file import FileWitness
from services.adapters.witness.git import GitRemote, GitWitness
from services.adapters.witness.timestamp import TimeStampAuthority, TimeStampWitness
from services.audit.browser import LedgerDesk
from services.audit.exporting import LedgerExports
from services.audit.verifying import LedgerChecks, LedgerVerdicts
from services.audit.witnesses import Heartbeat, WatchedWitness, WitnessWatch, reading, writing
from services.bootstrap.background import Job
from services.clock import SystemClock
from services.database import migrate
from services.database.engine import open_engine
from services.database.stores.ledger import ledger_transactions
from services.database.unit import Units
from services.domain.identity.people import SYSTEM
from services.domain.policy import Governance
from services.errors import SettingsError
from services.ledger.keeping.operate import retain_once
from services.ledger.keeping.retention import RetentionRule
from services.ledger.signing.key_file import KeyFile
from services.ledger.signing.keys import KeyRing
from services.ledger.signing.rotation import announce_new, demand_signer, known_keys, settle
from services.ledger.tools import LedgerTools
from services.ledger.tree.entry import Actor
from services.ledger.tree.note import VerifierKey
from services.policies.reading import load_governance
from services.ports.time import Clock, Ids
from services.settings import Settings

LedgerKeys = KeyRing | KeyFile
HEARTBEAT_LOOK = 15.0
STAMP_LOOK = 60.0
RETENTION_LOOK = 3600.0


def open_keys(settings: Settings, engine: Engine) -> LedgerKeys:
    """The ledger's key from the settings or from its file; a rotation that a crash interrupted is settled first.

    Raises SettingsError if the key is missing, unreadable, or does not sign this ledger.
    """
    name, text = settings.ledger_origin, settings.ledger_key.get_secret_value()
    path = settings.ledger_key_file or settings.data_dir / "ledger.pem"
    try:
        with ledger_transactions(engine)() as ledger:
            ring = KeyRing.parse(name, text) if text else settle(path, name, ledger)
            demand_signer(ledger, ring)
            if text:
                actor = Actor(SYSTEM.person.id, SYSTEM.person.name)
                announce_new(ledger, ring, actor=actor, clock=SystemClock().now)
        return ring if text else KeyFile(path, name)
    except OSError as error:
        raise SettingsError(
            f"The ledger's key file {path} cannot be used ({error.strerror}).",
            hint="Set COUNTERSIGN_LEDGER_KEY_FILE or COUNTERSIGN_DATA_DIR to a writable path.",
        ) from error


def active_ring(keys: LedgerKeys) -> KeyRing:
    """The ring that signs now."""
    return keys.ring if isinstance(keys, KeyFile) else keys


def ledger_keys(units: Units, keys: LedgerKeys) -> list[VerifierKey]:
    """Every public key that this ledger was ever signed with, oldest first."""
    with units.read() as unit:
        return known_keys(active_ring(keys), unit.archive)


def open_witnesses(settings: Settings) -> list[WatchedWitness]:
    """All witnesses that the settings name."""
    makers: Sequence[tuple[object, Callable[[Settings], WatchedWitness]]] = (
        (settings.witness_file, _file),
        (settings.witness_git_url, _git),
        (settings.witness_blob_url, _blob),
        (settings.witness_timestamp_url, _timestamp),
    )
    return [make(settings) for is_set, make in makers if is_set]


def demand_witnesses(governance: Governance, settings: Settings, witnesses: Sequence[WatchedWitness]) -> None:
    """SettingsError if a policy requires more witnesses than are set."""
    counting = [found for found in witnesses if found.remembers]
    if len(counting) < settings.witnesses_needed and any(p.witness_before_release for p in governance.policies):
        raise SettingsError(
            f"A policy requires a witness before the release: {settings.witnesses_needed} needed, {len(counting)} set.",
            hint="Set COUNTERSIGN_WITNESS_FILE, …_GIT_URL or …_BLOB_URL (a time stamp does not count), lower "
            "COUNTERSIGN_WITNESSES_NEEDED, or remove witness_before_release from the policy.",
        )


def ledger_desk(
    settings: Settings, units: Units, keys: LedgerKeys, *, witnesses: Sequence[WatchedWitness], clock: Clock
) -> LedgerDesk:
    """Dependencies of the audit log."""
    known, asked = partial(ledger_keys, units, keys), [found.witness for found in witnesses]
    return LedgerDesk(
        units,
        LedgerChecks(LedgerVerdicts(units, known, asked), clock),
        LedgerExports(units, known, asked, clock),
        clock=clock,
        witnesses=[found.name for found in witnesses],
        interval=timedelta(seconds=settings.heartbeat_interval),
    )


def ledger_jobs(
    settings: Settings,
    units: Units,
    keys: LedgerKeys,
    *,
    witnesses: Sequence[WatchedWitness],
    clock: Clock,
    ids: Ids,
) -> list[Job]:
    """The heartbeat, and a job for each witness."""
    interval = timedelta(seconds=settings.heartbeat_interval)
    heartbeat = Heartbeat(writing(units), keys, clock, interval)
    look = min(HEARTBEAT_LOOK, settings.heartbeat_interval / 4)
    watches = [
        Job(
            f"witness-{found.name}",
            found.every or settings.worker_interval,
            WitnessWatch(units, found.witness, clock=clock, ids=ids, interval=interval).beat,
        )
        for found in witnesses
    ]
    return [Job("heartbeat", look, heartbeat.beat), *watches]


def retention_jobs(units: Units, keys: LedgerKeys, *, clock: Clock, keep: timedelta | None) -> list[Job]:
    """Deletes personal values past the policy's retention, every hour."""
    if keep is None:
        return []
    rule, tools = RetentionRule(keep), ledger_tools(units, keys, witnesses=(), clock=clock)
    actor = Actor(SYSTEM.person.id, SYSTEM.person.name)

    def drop() -> None:
        while retain_once(tools, rule, actor):
            pass

    return [Job("retention", RETENTION_LOOK, drop)]


@contextmanager
def open_ledger(settings: Settings) -> Iterator[LedgerTools]:
    """Dependencies of `countersign ledger`: only the database, the key and the witnesses."""
    is_there = settings.governance_file.exists()
    keep = load_governance(settings.governance_file).keep_personal if is_there else None
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine, clock = open_engine(settings.database_url), SystemClock()
    try:
        migrate.upgrade(engine)
        keys = open_keys(settings, engine)
        units = Units(engine, keys, clock)
        yield ledger_tools(units, keys, witnesses=open_witnesses(settings), clock=clock, keep_personal=keep)
    finally:
        engine.dispose()


def ledger_tools(
    units: Units,
    keys: LedgerKeys,
    *,
    witnesses: Sequence[WatchedWitness],
    clock: Clock,
    keep_personal: timedelta | None = None,
) -> LedgerTools:
    """Dependencies of `countersign ledger`."""
    return LedgerTools(
        reading=reading(units),
        writing=writing(units),
        public_keys=partial(ledger_keys, units, keys),
        signer=keys,
        witnesses=[found.witness for found in witnesses],
        clock=clock.now,
        key_file=keys.path if isinstance(keys, KeyFile) else None,
        keep_personal=keep_personal,
    )


def _file(settings: Settings) -> WatchedWitness:
    if settings.witness_file is None:  # pragma: no cover - asked only when set
        raise SettingsError("No witness file is set.")
    return WatchedWitness(FileWitness(settings.witness_file))


def _git(settings: Settings) -> WatchedWitness:
    token = settings.witness_git_token.get_secret_value()
    basic = base64.b64encode(f":{token}".encode()).decode()
    remote = GitRemote(
        settings.witness_git_url,
        settings.data_dir / "witness-git",
        branch=settings.witness_git_branch,
        header=f"Authorization: Basic {basic}" if token else "",
        timeout=settings.witness_timeout,
    )
    return WatchedWitness(GitWitness(remote))


def _blob(settings: Settings) -> WatchedWitness:
    sas = settings.witness_blob_sas.get_secret_value().lstrip("?")
    token = None if sas else entra_token()
    witness = AzureBlobWitness(BlobContainer(settings.witness_blob_url, sas, token, settings.witness_timeout))
    return WatchedWitness(witness, check=witness.check)


def _timestamp(settings: Settings) -> WatchedWitness:
    if settings.witness_timestamp_ca is None:
        raise SettingsError(
            "The time-stamp authority has no root certificate.",
            hint="Set COUNTERSIGN_WITNESS_TIMESTAMP_CA to a PEM file; without it any time stamp would be trusted.",
        )
    authority = TimeStampAuthority(
        settings.witness_timestamp_url, settings.witness_timestamp_ca, settings.witness_timeout
    )
    witness = TimeStampWitness(settings.data_dir / "witness-timestamps", authority)
    return WatchedWitness(witness, remembers=False, every=STAMP_LOOK, check=witness.check)
