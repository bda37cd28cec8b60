"""The part of the composition root for rollouts: their worker, and what watches the targets beside and after it."""

from __future__ import annotations

from services.bootstrap.background import Job
from services.domain.policy import Governance
from services.health.bypassed import RegistryWatch
from services.rollout.audit import ReleaseAudit
from services.rollout.context import Tools
from services.rollout.journal import move_of
from services.rollout.worker import RolloutWorker
from services.settings import Settings

WATCH_EVERY = 30.0
AUDIT_EVERY = 300.0


def rollout_jobs(settings: Settings, tools: Tools, worker: RolloutWorker, governance: Governance) -> tuple[Job, ...]:
    """Carry out what is due; compare the registry with what is live; look at what ended rollouts have left."""
    watch = RegistryWatch(tools.units, governance, tools.reader, move_of=move_of, clock=tools.clock, ids=tools.ids)
    audit = ReleaseAudit(tools.units, tools.pipelines, clock=tools.clock, ids=tools.ids)
    return (
        Job("rollouts", settings.worker_interval, lambda: _all_due(worker)),
        Job("watch", WATCH_EVERY, watch.beat),
        Job("release audit", AUDIT_EVERY, audit.beat),
    )


def _all_due(worker: RolloutWorker) -> None:
    while worker.run_once():
        pass
