"""Plays one trace: lets workers, hands, runs and people do what it says, and compares the state after each event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, update

from services.catalogue.sync import CatalogueSync
from services.comparisons.held_out import HeldOutPredictions
from services.database.tables.governance import rollout as rollout_table
from services.database.unit import Units
from services.domain.identity.people import Actor, Person, Role
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.promotions.requests import DecisionKind
from services.domain.promotions.rollout import RecoveryAction, Rollout
from services.domain.registry import VersionKey
from services.domain.releases import RunResult, RunState
from services.errors import UpstreamUnavailableError
from services.health.bypassed import RegistryWatch
from services.policies.reading import parse_governance
from services.promotions.desk import PromotionDesk
from services.promotions.gate import Gate, GateQuestion
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from services.rollout.audit import ReleaseAudit
from services.rollout.context import Observer, Tools
from services.rollout.journal import move_of
from services.rollout.lease import LeaseTimes
from services.rollout.recovery import RecoveryDesk
from services.rollout.worker import RolloutWorker
from tests.integration.rollout.conformance.outside import Network, ScriptedPipelines, ScriptedRegistry
from tests.integration.rollout.conformance.threads import WorkerThread
from tests.simulators.basics import ANA, CHLOE, START, CountingIds, StillClock

GOVERNANCE = """
version: 1
environments:
  production:
    stage: Production
    alias: champion
    pipeline: {project: ml, id: 12}
    registry: ORDER
policies:
  - models: "*"
    environment: production
    quorum: 1
    expires_after_days: 300
    witness_before_release: true
    checks:
      - {kind: artifact_digest}
"""
OPERATOR = Actor(Person("olga", "Olga"), frozenset({Role.OPERATOR}))
LEASE, DEADLINE = timedelta(hours=1), timedelta(days=100)
STEPS = {
    "witness": "wait_for_witness", "reserve": "reserve_target", "recheck": "recheck_plan", "start": "start_run",
    "follow": "follow_run", "move": "move_registry", "live": "mark_live", "end": "end", "": "",
}  # fmt: skip
STATES = {"succeeded": "promoted", "needs_human": "needs human", "given_up": "failed"}
INCIDENTS = {
    "registry": "out_of_band", "identity": "version_recreated", "runs": "two_runs", "release": "release_differs",
}  # fmt: skip
"""Detector of the model to the kind of incident. "webhooks" is not here: MLflow's hooks reach no inbox yet."""


@dataclass
class Site:
    """What all traces on one database share."""

    engine: Engine
    units: Units
    clock: StillClock
    ids: CountingIds
    folder: Path


class _Witness:
    def __init__(self) -> None:
        self.has = False

    def has_seen(self, request_id: str) -> bool:
        return bool(request_id) and self.has


class Player:
    """One trace, on a model of its own name."""

    def __init__(self, site: Site, trace: dict[str, Any]) -> None:
        self.site, self.trace = site, trace
        self.model = f"census-{trace['id']}"
        self.network, self.witness = Network(), _Witness()
        self.registry = ScriptedRegistry(self.network, self.model)
        self.pipelines = ScriptedPipelines(self.network)
        self.rules = parse_governance(GOVERNANCE.replace("ORDER", trace["order"]))
        held_out = HeldOutPredictions(self.registry, site.folder / "cache", site.clock)
        reader = MaterialReader(self.registry, held_out, pipelines=self.pipelines, generation=site.units.generation)
        self.sealer = Sealer(reader, self.rules, lambda *_: {})
        self.desk = PromotionDesk(site.units, self.sealer, clock=site.clock, ids=site.ids)
        self.recovery = RecoveryDesk(site.units, self.registry, self.pipelines, clock=site.clock, ids=site.ids)
        self.gate = Gate(site.units, self.registry)
        self._make_live()
        self.requests = [self._opened(version) for version in (2, 3)[: trace["requests"]]]
        self.workers: dict[str, WorkerThread] = {}

    def _make_live(self) -> None:
        key = VersionKey(self.model, 1)
        created = self.registry.kept[key].created.isoformat()
        live = Deployment(self.site.ids.new("dep"), key, "production", self.site.clock.now(), version_created=created)
        with self.site.units.begin() as unit:
            unit.deployments.begin(live)

    def _opened(self, version: int) -> PromotionRequest:
        return self.desk.open(ANA, VersionKey(self.model, version), "production", reason="Better.")

    def _approve(self) -> None:
        for request in self.requests:
            self.desk.decide(
                CHLOE, request.id, DecisionKind.APPROVE, seen=request.plan_digest, reason="Right.",
                idempotency_key=f"{request.id}-yes",
            )  # fmt: skip

    def _worker(self, observe: Observer) -> RolloutWorker:
        tools = Tools(
            units=self.site.units, reader=self.registry, writer=self.registry, pipelines=self.pipelines,
            sealer=self.sealer, clock=self.site.clock, ids=self.site.ids, witness=self.witness, settle=timedelta(),
            deadline=DEADLINE, lease=LeaseTimes(LEASE, beat=None), observe=observe,
        )  # fmt: skip
        return RolloutWorker(tools)

    # --- playing

    def play(self) -> None:
        """All events, then the end."""
        self._approve()
        for name in (f"worker {chr(65 + k)}" for k in range(self.trace["workers"])):
            self.workers[name] = WorkerThread(f"{self.model} {name}", self._worker)
        try:
            for number, event in enumerate(self.trace["events"]):
                self._event(number, event)
            self._end()
        finally:
            for worker in self.workers.values():
                worker.end()
            self._leave()

    def _event(self, number: int, event: dict[str, Any]) -> None:
        where = f"{self.trace['id']} event {number}: {event['actor']} {event['step']}.{event['op']} {event['outcome']}"
        self.site.clock.advance(10)
        kind = event["actor"].split()[0]
        try:
            getattr(self, f"_by_{kind}")(event)
            self._compare(event)
        except AssertionError as error:
            raise AssertionError(f"{where}\n{error}") from error

    def _by_worker(self, event: dict[str, Any]) -> None:
        worker = self.workers[event["actor"]]
        if event["op"] == "claim":
            self._claim(worker, event)
            return
        expected = (self._rollout(event["rollout"]).id, STEPS[event["step"]], event["op"])
        assert worker.pending() == expected, f"stands before {worker.pending()}, not {expected}"
        if event["fault"] == "killed":
            worker.kill()
            return
        if event["fault"] == "too_slow":
            self.site.clock.advance(DEADLINE.total_seconds() + 1)
        self.network.fault = event["fault"] if event["fault"] in {"request_lost", "answer_lost", "late"} else None
        worker.go()
        assert self.network.fault is None, f"nothing was sent, so the fault {self.network.fault} did not happen"

    def _claim(self, worker: WorkerThread, event: dict[str, Any]) -> None:
        """Only the rollout of the event is due."""
        assert worker.pending() == ("", "", "claim")
        if "lease" in event["outcome"]:
            self.site.clock.advance(LEASE.total_seconds() + 1)
        wanted, now = self._rollout(event["rollout"]).id, self.site.clock.now()
        with self.site.engine.begin() as connection:
            for request in self.requests:
                own = rollout_table.c.request_id == request.id
                connection.execute(update(rollout_table).where(own).values(not_before=now + timedelta(days=9999)))
            connection.execute(update(rollout_table).where(rollout_table.c.id == wanted).values(not_before=now))
        assert worker.go()[0] == wanted

    def _by_witness(self, event: dict[str, Any]) -> None:
        del event
        self.witness.has = True

    def _by_network(self, event: dict[str, Any]) -> None:
        del event
        self.network.deliver()

    def _by_hand(self, event: dict[str, Any]) -> None:
        if "YAML" in event["outcome"]:
            self.pipelines.yaml_is_sealed = False
        else:
            self.registry.by_hand(event["outcome"])

    def _by_run(self, event: dict[str, Any]) -> None:
        request = self.requests[event["rollout"]]
        if "gate" not in event["outcome"]:
            numbers = [n for n in self.pipelines.past_gate if self._mark(n) == request.id]
            result = RunResult.SUCCEEDED if "succeeds" in event["outcome"] else RunResult.FAILED
            self.pipelines.end(numbers[0], result)
            return
        wants = "passes" in event["outcome"]
        answers = {run.ref.number: self._ask(request, run.ref.number) for run in self.pipelines.queued(request.id)}
        number = next((n for n, answer in answers.items() if answer is wants), None)
        assert number is not None, f"no queued run is {'let through' if wants else 'refused'}: {answers}"
        if wants:
            self.pipelines.past_gate.add(number)
        else:
            self.pipelines.end(number, RunResult.FAILED)

    def _mark(self, number: int) -> str:
        index = next(k for k, run in enumerate(self.pipelines.started) if run.ref.number == number)
        return self.pipelines.starts[index].request_id

    def _ask(self, request: PromotionRequest, number: int) -> bool | None:
        """What the gate says to a run; None: ask again."""
        question = GateQuestion(request.id, request.key, "production", request.plan_digest, run=number)
        try:
            return self.gate.ask(question).allowed
        except UpstreamUnavailableError:
            return None

    def _by_person(self, event: dict[str, Any]) -> None:
        request, action = self.requests[event["rollout"]], RecoveryAction(event["op"])
        with self.site.units.read() as unit:
            before = len(unit.deployments.incidents())
        self.recovery.choose(OPERATOR, request.id, action, reason="Looked at it.")
        with self.site.units.read() as unit:
            assert len(unit.deployments.incidents()) == before - 1, "the incident is not closed"

    # --- comparing

    def _rollout(self, number: int) -> Rollout:
        with self.site.units.read() as unit:
            found = unit.rollouts.of_request(self.requests[number].id)
        assert found is not None
        return found

    def _state(self) -> dict[str, Any]:
        ids = [self._rollout(number).id for number in range(len(self.requests))]
        with self.site.units.read() as unit:
            holder = unit.rollouts.target_holder(self.model, "production")
        states = [self._rollout(number).state.value for number in range(len(self.requests))]
        return {
            "registry": {"alias": self.registry.alias, "stages": self.registry.stages},
            "lock": None if holder is None else ids.index(holder),
            "rollouts": [STATES.get(state, state) for state in states],
        }

    def _compare(self, event: dict[str, Any]) -> None:
        expected = {name: event[name] for name in ("registry", "lock", "rollouts")}
        assert self._state() == expected, f"is {self._state()}\nshould be {expected}"

    def _end(self) -> None:
        end = self.trace["end"]
        for name, worker in self.workers.items():
            assert worker.pending() == ("", "", "claim"), f"{name} is still at work: {worker.pending()}"
        with self.site.units.read() as unit:
            live = unit.deployments.of(model=self.model, live_only=True)
        state = self._state()
        is_now = {
            "live": [deployment.key.version for deployment in live], "deployed": self.pipelines.deployed,
            "rollouts": state["rollouts"], "lock": state["lock"], "runs": self._runs(),
        }  # fmt: skip
        expected = {**{name: end[name] for name in is_now}, "live": [end["live"]]}
        assert is_now == expected, f"{self.trace['id']} ends as {is_now}\nand should as {expected}"
        self._watched(end["incidents"])

    def _runs(self) -> list[dict[str, Any]]:
        told = []
        numbers = {request.id: k for k, request in enumerate(self.requests)}
        for run, start in zip(self.pipelines.started, self.pipelines.starts, strict=True):
            if start.request_id in numbers:
                assert run.state is RunState.COMPLETED
                told.append(
                    {
                        "rollout": numbers[start.request_id],
                        "state": "ok" if run.result is RunResult.SUCCEEDED else "bad",
                        "sealed": self.pipelines.sealed[run.ref.number],
                        "noted": self._rollout(numbers[start.request_id]).run_id == run.ref.number,
                    }
                )
        return told

    def _watched(self, detectors: list[str]) -> None:
        """After one beat of the watch there is an incident for each thing that is wrong, and for nothing else."""
        units, clock, ids = self.site.units, self.site.clock, self.site.ids
        clock.advance(10)
        CatalogueSync(self.registry, units, clock=clock, sweep_every=timedelta()).beat()
        clock.advance(10)
        RegistryWatch(units, self.rules, self.registry, move_of=move_of, clock=clock, ids=ids).beat()
        ReleaseAudit(units, self.pipelines, clock=clock, ids=ids).beat()
        with units.read() as unit:
            found = {incident.kind for incident in unit.deployments.incidents() if incident.model == self.model}
        expected = {INCIDENTS[name] for name in detectors if name in INCIDENTS}
        assert found == expected, f"{self.trace['id']}: the watch found {found}, and should have {expected}"

    def _leave(self) -> None:
        """The next trace on this database has another model: nothing of this one is looked at any more."""
        with self.site.engine.begin() as connection:
            connection.execute(update(rollout_table).values(updated=START))
        with self.site.units.begin() as unit:
            unit.deployments.end_current(self.model, "production", self.site.clock.now())
            for incident in unit.deployments.incidents():
                unit.deployments.close_incident(incident.id, self.site.clock.now())
