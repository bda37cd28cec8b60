"""The predefined variables that stage, job and folders give."""

from __future__ import annotations

import os
import platform
import socket

from azure_devops_server.engine.plan import InstancePlan, JobPlan, StagePlan
from azure_devops_server.engine.step.state import Folders

_ARCHITECTURES = {"x86_64": "X64", "amd64": "X64", "aarch64": "ARM64", "arm64": "ARM64"}


def folder_variables(folders: Folders) -> dict[str, str]:
    """Where things lie."""
    return {
        "Agent.BuildDirectory": str(folders.workspace),
        "Agent.TempDirectory": str(folders.temp),
        "Agent.ToolsDirectory": str(folders.tools),
        "Agent.WorkFolder": str(folders.workspace.parent),
        "Build.ArtifactStagingDirectory": str(folders.staging),
        "Build.BinariesDirectory": str(folders.binaries),
        "Build.Repository.LocalPath": str(folders.sources),
        "Build.SourcesDirectory": str(folders.sources),
        "Build.StagingDirectory": str(folders.staging),
        "Common.TestResultsDirectory": str(folders.test_results),
        "Pipeline.Workspace": str(folders.workspace),
        "System.ArtifactsDirectory": str(folders.staging),
        "System.DefaultWorkingDirectory": str(folders.sources),
    }


def job_variables(
    stage: StagePlan, job: JobPlan, *, instance: InstancePlan, attempt: int, record_id: str
) -> dict[str, str]:
    """Who runs."""
    variables = {
        "Agent.JobName": instance.display_name,
        "Agent.JobStatus": "Succeeded",
        "Agent.MachineName": socket.gethostname(),
        "Agent.Name": "local",
        "Agent.Id": "1",
        "Agent.OS": {"Linux": "Linux", "Darwin": "Darwin"}.get(platform.system(), "Windows_NT"),
        "Agent.OSArchitecture": _ARCHITECTURES.get(platform.machine().casefold(), platform.machine()),
        "System.JobAttempt": str(attempt),
        "System.JobDisplayName": instance.display_name,
        "System.JobId": record_id,
        "System.JobIdentifier": f"{job.name}.{instance.name}",
        "System.JobName": instance.name,
        "System.PhaseAttempt": str(attempt),
        "System.PhaseDisplayName": job.display_name,
        "System.PhaseName": job.name,
        **stage_variables(stage, attempt=attempt),
    }
    if job.is_deployment:
        variables |= {"Strategy.Name": "runOnce", "Environment.Name": job.environment or ""}
    return variables


def stage_variables(stage: StagePlan, *, attempt: int) -> dict[str, str]:
    """Which stage runs."""
    return {
        "System.StageAttempt": str(attempt),
        "System.StageDisplayName": stage.display_name,
        "System.StageName": stage.name,
        "System.HostType": "build",
        "System.ProcessorCount": str(os.cpu_count() or 1),
    }
