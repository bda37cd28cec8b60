"""The composition root: the only place where adapters are chosen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from services.access.people import refuse_demo_on_real_data
from services.access.sessions import SessionDesk
from services.access.tokens import Callers
from services.adapters.file_origin import origin_of
from services.adapters.inference_log.build import build_inference_log
from services.adapters.mlflow.config import MlflowConfig
from services.adapters.mlflow.links import Links
from services.adapters.mlflow.registry import build_registry
from services.audit.verifying import WitnessDesk
from services.audit.witnesses import WatchedWitness, demand_continuation
from services.bootstrap.access import AccessTools, open_callers, open_provider, open_sessions, open_tokens
from services.bootstrap.azure_devops import AzureParts, open_azure
from services.bootstrap.background import BackgroundLoop, Job
from services.bootstrap.ledger import (
    LedgerKeys,
    demand_witnesses,
    ledger_desk,
    ledger_jobs,
    open_keys,
    open_witnesses,
    retention_jobs,
)
from services.bootstrap.notices import open_notices, open_preferences
from services.bootstrap.rollouts import rollout_jobs
from services.bootstrap.why import why_room
from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.clock import RandomIds, SystemClock
from services.comparisons.desk import ComparisonDesk, compare_files, drift_files
from services.comparisons.held_out import HeldOutPredictions
from services.comparisons.live_inputs import LiveInputs
from services.database import migrate
from services.database.engine import open_engine
from services.database.unit import Units
from services.domain.identity.people import Actor, Person
from services.domain.registry import ModelVersion, Run
from services.errors import SettingsError
from services.health.desk import HealthDesk
from services.oversight.assigning import AssigningDesk
from services.oversight.coverage import CoverageDesk
from services.oversight.emergency import EmergencyDesk
from services.oversight.findings import FindingDesk
from services.oversight.reminding import ReminderDesk
from services.policies.in_force import note_policy
from services.policies.reading import load_governance
from services.portal import Portal
from services.ports.identity import IdentityProvider
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader
from services.promotions.asking import TagDesk
from services.promotions.candidates import CandidateDesk
from services.promotions.desk import PromotionDesk
from services.promotions.gate import Gate
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.promotions.sealed.verifying import EvidenceVerifier
from services.releases.desk import ReleaseDesk
from services.rollout.context import Tools
from services.rollout.lease import lease_of
from services.rollout.recovery import RecoveryDesk
from services.rollout.worker import RolloutWorker
from services.runner.desk import ModelRunner
from services.runner.limits import MIB, Limits
from services.runner.process import Host
from services.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

HOUSEKEEPING = 30.0
ROLES_LOOK = 10.0
NOTICES_LOOK = 5.0
REMINDERS_LOOK = 300.0


class MlflowLinks:
    """Labels MLflow's addresses for the version page."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def of_version(self, version: ModelVersion, run: Run | None) -> Mapping[str, str]:
        """Label to address."""
        found = {
            "Version in MLflow": self._links.version(version.key),
            "Model in MLflow": self._links.model(version.model),
        }
        if run is not None:
            found["Run in MLflow"] = self._links.run(run.experiment_id, run.run_id)
        return found


@dataclass
class Adapters:
    """Everything that connects to outside systems."""

    engine: Engine
    units: Units
    registry: Any
    """Implements RegistryReader and RegistryWriter with short time-outs, for pages and commands."""
    sync_registry: RegistryReader
    """The same server with the longer time-outs of the sync."""
    pipelines: ReleasePipelines | None
    keys: LedgerKeys
    witnesses: Sequence[WatchedWitness]


@dataclass
class OpenedPortal:
    """A portal with its background work."""

    settings: Settings
    portal: Portal
    gate: Gate
    adapters: Adapters
    desk: PromotionDesk
    sync: CatalogueSync
    worker: RolloutWorker
    loop: BackgroundLoop
    sessions: SessionDesk
    callers: Callers
    provider: IdentityProvider | None
    runner: ModelRunner
    azure: AzureParts

    def api(self) -> FastAPI:
        """The HTTP API of this portal."""
        from services.api.app import build_api
        from services.api.azure_devops import add_azure

        api = build_api(self.portal, self.gate, self.callers)
        add_azure(api, self.azure.inboxes)
        return api

    def close(self) -> None:
        """Stop the background jobs and close the database."""
        self.loop.stop()
        self.adapters.engine.dispose()


def open_portal(settings: Settings, *, run_worker: bool | None = None) -> OpenedPortal:
    """Open everything and start the embedded worker if it is enabled. Raises SettingsError."""
    opened = build_portal(settings)
    if settings.run_worker if run_worker is None else run_worker:
        opened.loop.start()
    return opened


def build_portal(settings: Settings) -> OpenedPortal:
    """Build everything and start nothing."""
    clock, ids = SystemClock(), RandomIds()
    governance = load_governance(settings.governance_file)
    adapters = open_adapters(settings)
    demand_witnesses(governance, settings, adapters.witnesses)
    demand_continuation(adapters.units, adapters.witnesses)
    units, registry = adapters.units, adapters.registry
    note_policy(units, settings.governance_file, clock=clock, origin=origin_of)
    runner = open_runner(settings, adapters.sync_registry)
    held_out = open_held_out(settings, registry, runner)
    reader = MaterialReader(registry, held_out, pipelines=adapters.pipelines, generation=units.generation)
    links = MlflowLinks(Links(settings.mlflow_public_url or settings.mlflow_url))
    live = LiveInputs(build_inference_log(settings), clock, masked=settings.predictions_masked)
    sealer = Sealer(
        reader,
        governance,
        compare_files,
        drift=drift_files,
        live=live,
        addresses=partial(_addresses, links),
    )
    people = partial(_people_seen, units, settings)
    desk = PromotionDesk(units, sealer, clock=clock, ids=ids, people=people)
    browser = CatalogueBrowser(units, links)
    counting = [found.name for found in adapters.witnesses if found.remembers]
    witness = WitnessDesk(units, counting, needed=settings.witnesses_needed)
    if settings.demo_people:
        refuse_demo_on_real_data(units)
    provider = open_provider(settings, governance)
    sessions = open_sessions(settings, units)
    findings = FindingDesk(units, people, clock=clock, ids=ids)
    portal = Portal(
        catalogue=browser,
        comparisons=ComparisonDesk(units, held_out, governance, clock=clock, live=live),
        candidates=CandidateDesk(registry, registry, held_out, sealer=sealer, desk=desk),
        promotions=desk,
        releases=ReleaseDesk(units, adapters.pipelines, clock),
        recovery=RecoveryDesk(units, registry, adapters.pipelines, clock=clock, ids=ids),
        ledger=ledger_desk(settings, units, adapters.keys, witnesses=adapters.witnesses, clock=clock),
        why=why_room(settings, units, browser, runner=runner, registry=registry, keys=adapters.keys),
        health=HealthDesk(units),
        assigning=AssigningDesk(units, desk, people, clock=clock, ids=ids),
        emergency=EmergencyDesk(units, desk, clock=clock, ids=ids),
        findings=findings,
        coverage=CoverageDesk(units, governance, clock),
        notices=open_preferences(settings, units),
    )
    tools = Tools(
        units=units,
        reader=registry,
        writer=registry,
        pipelines=adapters.pipelines,
        sealer=sealer,
        clock=clock,
        ids=ids,
        witness=witness,
        settle=timedelta(seconds=settings.start_settle),
        deadline=timedelta(seconds=settings.rollout_deadline),
        lease=lease_of(settings.rollout_lease),
    )
    sync = CatalogueSync(
        adapters.sync_registry, units, clock=clock, sweep_every=timedelta(seconds=settings.full_sweep_interval)
    )
    worker, gate = RolloutWorker(tools), Gate(units, registry)
    azure = open_azure(settings, units, gate, tools, clock)
    jobs = [
        Job("sync", settings.sync_interval, sync.beat),
        *rollout_jobs(settings, tools, worker, governance),
        Job("expiry", HOUSEKEEPING, desk.expire_due),
        Job("reminders", REMINDERS_LOOK, ReminderDesk(units, findings, people, clock=clock).beat),
        *azure.jobs,
        Job("asked in MLflow", HOUSEKEEPING, TagDesk(units, desk, governance, clock).beat),
        *ledger_jobs(settings, units, adapters.keys, witnesses=adapters.witnesses, clock=clock, ids=ids),
        *retention_jobs(units, adapters.keys, clock=clock, keep=governance.keep_personal),
    ]
    if settings.notify:
        jobs.append(Job("notices", NOTICES_LOOK, open_notices(settings, units).beat))
    if provider is not None:
        jobs.append(Job("roles", ROLES_LOOK, partial(sessions.reread_due, provider)))
    return OpenedPortal(
        settings=settings,
        portal=portal,
        gate=gate,
        adapters=adapters,
        desk=desk,
        sync=sync,
        worker=worker,
        loop=BackgroundLoop(jobs),
        sessions=sessions,
        callers=open_callers(settings, units, provider),
        provider=provider,
        runner=runner,
        azure=azure,
    )


def open_adapters(settings: Settings) -> Adapters:
    """Outside systems: database (migrated to this release's schema), MLflow, Azure DevOps, key, witness."""
    _make_folder(settings)
    engine = open_engine(settings.database_url)
    migrate.upgrade(engine)
    keys = open_keys(settings, engine)
    return Adapters(
        engine=engine,
        units=Units(engine, keys, SystemClock()),
        registry=build_registry(mlflow_config(settings, settings.mlflow_timeout)),
        sync_registry=build_registry(mlflow_config(settings, settings.mlflow_sync_timeout)),
        pipelines=open_pipelines(settings),
        keys=keys,
        witnesses=open_witnesses(settings),
    )


def open_units(settings: Settings) -> Units:
    """The portal's database alone, for the command line."""
    engine = open_engine(settings.database_url)
    migrate.upgrade(engine)
    return Units(engine, open_keys(settings, engine), SystemClock())


def known_people(settings: Settings) -> tuple[Actor, ...]:
    """The people for checking a policy: those who have signed in; in the demo those of the picker."""
    return _people_seen(open_units(settings), settings)


def _people_seen(units: Units, settings: Settings) -> tuple[Actor, ...]:
    if settings.demo_people:
        return tuple(Actor(Person(p.id, p.name), frozenset(p.roles)) for p in settings.demo_people)
    with units.read() as unit:
        return tuple(
            Actor(seen.person, seen.roles, seen.known_as, groups=seen.groups) for seen in unit.sessions.people()
        )


@contextmanager
def open_access(settings: Settings) -> Iterator[AccessTools]:
    """Dependencies of `countersign token` and `countersign session`."""
    adapters = open_adapters(settings)
    try:
        yield AccessTools(open_tokens(adapters.units), open_sessions(settings, adapters.units))
    finally:
        adapters.engine.dispose()


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(
            f"The data folder {settings.data_dir} cannot be created ({error.strerror}).",
            hint="Set COUNTERSIGN_DATA_DIR to a writable folder.",
        ) from error


def open_pipelines(settings: Settings) -> ReleasePipelines | None:
    """Azure DevOps, or None if no organization is set."""
    if not settings.azure_devops_url:
        return None
    from services.adapters.azure_devops import build_from_settings

    return build_from_settings(settings)


def open_held_out(settings: Settings, registry: RegistryReader, runner: ModelRunner) -> HeldOutPredictions:
    """Held-out predictions from artifacts of runs, or scored by the runner."""
    return HeldOutPredictions(
        registry,
        settings.data_dir / "predictions",
        SystemClock(),
        runner=runner,
        evaluation=settings.evaluation_path,
    )


def open_verifier(settings: Settings) -> EvidenceVerifier:
    """Dependencies of `countersign evidence verify`."""
    adapters = open_adapters(settings)
    held_out = open_held_out(settings, adapters.registry, open_runner(settings, adapters.sync_registry))
    return EvidenceVerifier(adapters.units, held_out, compare=compare_files, drift=drift_files)


def _addresses(links: MlflowLinks, version: ModelVersion, run: Run | None) -> Mapping[str, str]:
    found = links.of_version(version, run)
    return {"version": found["Version in MLflow"], "run": found.get("Run in MLflow", "")}


def open_runner(settings: Settings, registry: RegistryReader) -> ModelRunner:
    """Runs models in a separate process, which cannot see the portal's folders."""
    limits = Limits(seconds=settings.runner_seconds, memory=settings.runner_memory_mb * MIB)
    return ModelRunner(registry, settings.data_dir / "runner", host=runner_host(settings), limits=limits)


def runner_host(settings: Settings) -> Host:
    """Paths hidden from models: the portal's data, keys, settings file, database and the user's credentials."""
    home = Path.home()
    private = (".ssh", ".azure", ".aws", ".kube", ".docker", ".config", ".netrc", ".git-credentials", ".databrickscfg")
    hidden = [settings.data_dir, Path(".env"), Path("/run"), *(home / name for name in private)]
    hidden += [path for path in (settings.ledger_key_file, settings.witness_file) if path is not None]
    if settings.database_url.startswith("sqlite:///"):
        database = settings.database_url.removeprefix("sqlite:///")
        hidden += [Path(database + end) for end in ("", "-wal", "-shm")]
    return Host(
        python=settings.runner_python or sys.executable,
        hidden=tuple(hidden),
        demand_isolation=settings.runner_isolation == "required",
        redact=settings.redact,
    )


def mlflow_config(settings: Settings, seconds: float) -> MlflowConfig:
    """Address of MLflow, with the time-out of a call."""
    try:
        return _mlflow_config(settings, seconds)
    except SettingsError as error:
        hint = f"{error.hint} Check COUNTERSIGN_MLFLOW_URL and the related settings.".strip()
        raise SettingsError(error.message, hint=hint) from error


def _mlflow_config(settings: Settings, seconds: float) -> MlflowConfig:
    return MlflowConfig(
        uri=settings.mlflow_url,
        username=settings.mlflow_username,
        password=settings.mlflow_password,
        token=settings.mlflow_token,
        ui_url=settings.mlflow_public_url,
        call_seconds=seconds,
    )
