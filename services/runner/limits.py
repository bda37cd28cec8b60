"""Limits of a model's process, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.errors import InvalidInputError

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Time in seconds, sizes in bytes. All are enforced by the kernel or by a watcher outside the process."""

    seconds: float = 120.0
    """Wall-clock time, including loading."""
    memory: int = 4096 * MIB
    """Resident memory of all of its processes together; each one's address space is limited a little above it."""
    output: int = 512 * MIB
    """Largest file that it may write."""
    answer: int = 64 * MIB
    """Largest JSON answer."""
    processes: int = 128
    """Processes and threads, if the system has user namespaces."""

    def __post_init__(self) -> None:
        """Reject limits that are not positive."""
        if min(self.seconds, self.memory, self.output, self.answer, self.processes) <= 0:
            raise InvalidInputError("Every limit of a model's process must be greater than 0.")


@dataclass(frozen=True)
class Isolation:
    """The isolation that the system allowed; missing parts are reported, never assumed."""

    network: bool = False
    """True: it has no network at all."""
    files: bool = False
    """True: it can write only to its own folder, and the portal's folders are hidden."""
    processes: bool = False
    """True: it sees only its own processes, and all of them end with it."""
    privileges: bool = False
    """True: it holds no capability and can gain none."""
    problem: str = ""
    """Why something is missing, as reported by the system."""

    @property
    def is_complete(self) -> bool:
        """True if the isolation is complete."""
        return self.network and self.files and self.processes and self.privileges

    def sentence(self) -> str:
        """For people."""
        if self.is_complete:
            return "Run in a separate process without network and without the portal's secrets and files."
        missing = [
            text
            for has, text in (
                (self.network, "it could reach the network"),
                (self.files, "it could read and write files of the portal's user"),
                (self.processes, "it could see other processes"),
                (self.privileges, "it kept the rights of the portal's user"),
            )
            if not has
        ]
        why = f" ({self.problem})" if self.problem else ""
        known = "Run in a separate process without the portal's secrets, but this system did not allow full isolation"
        return f"{known}{why}: {', '.join(missing)}."


@dataclass(frozen=True)
class RunResult:
    """Result of a task. All of it comes from the model's process: treat it as untrusted input."""

    output: Mapping[str, Any]
    """The task's JSON answer."""
    isolation: Isolation
    seconds: float
    peak_memory: int
    """Largest resident memory that was seen, bytes."""
    said: str = ""
    """The end of what it printed, redacted."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files that the task wrote, by name, in the caller's folder."""
