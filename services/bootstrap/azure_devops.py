"""The part of the composition root for calls from Azure DevOps: hooks, checks and their jobs."""

from __future__ import annotations

from dataclasses import dataclass

from services.adapters.azure_devops import build_callbacks
from services.adapters.oidc.config import Sealer
from services.api.azure_devops import AzureInboxes
from services.bootstrap.background import Job
from services.database.unit import Units
from services.hooks.checks import CheckInbox, CheckWorker
from services.hooks.inbox import HookInbox, HookWorker
from services.ports.time import Clock
from services.promotions.gate import Gate
from services.releases.watch import AzureWatch
from services.rollout.context import Tools
from services.settings import Settings

AZURE_LOOK = 15.0


@dataclass(frozen=True)
class AzureParts:
    """What the API needs, and the jobs of the worker."""

    inboxes: AzureInboxes
    jobs: tuple[Job, ...]


def open_azure(settings: Settings, units: Units, gate: Gate, tools: Tools, clock: Clock) -> AzureParts:
    """Everything for Azure DevOps that runs without a page."""
    safe = Sealer(settings.azure_devops_hook_secret, "azure check")
    callbacks = build_callbacks(settings) if settings.azure_devops_url else None
    hooks = HookWorker(units, tools.pipelines, tools.follower, clock)
    checks = CheckWorker(units, gate, tools.pipelines, callbacks, safe=safe, clock=clock)
    return AzureParts(
        inboxes=AzureInboxes(
            HookInbox(units, clock), CheckInbox(units, callbacks, safe, clock), settings.azure_devops_hook_secret
        ),
        jobs=(
            Job("azure", AZURE_LOOK, AzureWatch(tools.pipelines, units, clock).beat),
            Job("azure-hooks", settings.worker_interval, hooks.beat),
            Job("azure-checks", settings.worker_interval, checks.beat),
        ),
    )
