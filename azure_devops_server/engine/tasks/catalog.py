"""The tasks that the local server runs, with their inputs and the inputs' other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Input:
    """One input: its default, and the values that are supported where not all are."""

    default: str = ""
    aliases: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class TaskSpec:
    """A task by name and major version."""

    name: str
    version: str
    title: str
    inputs: Mapping[str, Input] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """As written in YAML, for example ``Bash@3``."""
        return f"{self.name}@{self.version}"


_FOLDER = Input(aliases=("cwd",))
_FLAG = Input("false")

CHECKOUT = TaskSpec("Checkout", "1", "Get sources", {"repository": Input(), "persistCredentials": _FLAG})

_SPECS = (
    TaskSpec(
        "CmdLine",
        "2",
        "Command line",
        {"script": Input(required=True), "workingDirectory": _FOLDER, "failOnStderr": _FLAG},
    ),
    TaskSpec(
        "Bash",
        "3",
        "Bash",
        {
            "targetType": Input("filePath", only=("filePath", "inline")),
            "filePath": Input(),
            "script": Input(),
            "arguments": Input(),
            "workingDirectory": _FOLDER,
            "failOnStderr": _FLAG,
        },
    ),
    TaskSpec(
        "PythonScript",
        "0",
        "Python script",
        {
            "scriptSource": Input("filePath", aliases=("targetType",), only=("filePath", "inline")),
            "scriptPath": Input(aliases=("filePath",)),
            "script": Input(),
            "arguments": Input(),
            "pythonInterpreter": Input(),
            "workingDirectory": _FOLDER,
            "failOnStderr": _FLAG,
        },
    ),
    TaskSpec(
        "UsePythonVersion",
        "0",
        "Use Python version",
        {
            "versionSpec": Input("3.x"),
            "addToPath": Input("true"),
            "architecture": Input("x64", only=("x64",)),
            "disableDownloadFromRegistry": _FLAG,
        },
    ),
    TaskSpec(
        "PublishTestResults",
        "2",
        "Publish Test Results",
        {
            "testResultsFormat": Input("JUnit", aliases=("testRunner",), only=("JUnit",)),
            "testResultsFiles": Input("**/TEST-*.xml"),
            "searchFolder": Input("$(System.DefaultWorkingDirectory)"),
            "mergeTestResults": _FLAG,
            "failTaskOnFailedTests": _FLAG,
            "failTaskOnMissingResultsFile": _FLAG,
            "testRunTitle": Input(),
        },
    ),
    TaskSpec(
        "PublishPipelineArtifact",
        "1",
        "Publish Pipeline Artifacts",
        {
            "targetPath": Input("$(Pipeline.Workspace)", aliases=("path",)),
            "artifact": Input(aliases=("artifactName",)),
            "publishLocation": Input("pipeline", aliases=("artifactType",), only=("pipeline",)),
        },
    ),
    TaskSpec(
        "DownloadPipelineArtifact",
        "2",
        "Download Pipeline Artifacts",
        {
            "buildType": Input("current", aliases=("source",), only=("current",)),
            "artifactName": Input(aliases=("artifact",)),
            "itemPattern": Input("**", aliases=("patterns",)),
            "targetPath": Input("$(Pipeline.Workspace)", aliases=("path",)),
        },
    ),
)

TASKS: Mapping[str, TaskSpec] = {spec.reference.casefold(): spec for spec in _SPECS}
SUPPORTED = ", ".join(spec.reference for spec in _SPECS)


def task_spec(name: str) -> TaskSpec:
    """The specification of a task by its name without version."""
    if name == CHECKOUT.name:
        return CHECKOUT
    return next(spec for spec in _SPECS if spec.name == name)
