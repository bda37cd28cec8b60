"""Which function runs which task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from azure_devops_server.engine.tasks.artifacts import run_download_artifact, run_publish_artifact
from azure_devops_server.engine.tasks.checkout import run_checkout
from azure_devops_server.engine.tasks.junit import run_publish_test_results
from azure_devops_server.engine.tasks.python_version import run_use_python
from azure_devops_server.engine.tasks.scripts import run_bash, run_command_line, run_python

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun

RUNNERS: Mapping[str, Callable[[StepRun], None]] = {
    "Checkout": run_checkout,
    "CmdLine": run_command_line,
    "Bash": run_bash,
    "PythonScript": run_python,
    "UsePythonVersion": run_use_python,
    "PublishTestResults": run_publish_test_results,
    "PublishPipelineArtifact": run_publish_artifact,
    "DownloadPipelineArtifact": run_download_artifact,
}
