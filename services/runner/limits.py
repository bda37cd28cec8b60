"""What a model's process may use, and what came out of it."""

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
    """Wall clock, loading included."""
    memory: int = 4096 * MIB
    """Resident memory of all of its processes together; each one's address space is limited a little above it."""
    output: int = 512 * MIB
    """Largest file that it may write."""
    answer: int = 64 * MIB
    """Largest JSON answer."""
    processes: int = 128
    """Processes and threads, where the system has user namespaces."""

    def __post_init__(self) -> None:
        """Refuse limits that limit nothing."""
        if min(self.seconds, self.memory, self.output, self.answer, self.processes) <= 0:
            raise InvalidInputError("Every limit of a model's process must be greater than 0.")


@dataclass(frozen=True)
class Isolation:
    """What the system allowed to build around the process; what it did not is said, never assumed."""

    network: bool = False
    """True: it has no network at all."""
    files: bool = False
    """True: it can write into its own folder only, and the portal's folders are hidden."""
    processes: bool = False
    """True: it sees its own processes only, and all of them end with it."""
    privileges: bool = False
    """True: it holds no capability and can gain none."""
    problem: str = ""
    """Why something is missing, in the system's words."""

    @property
    def is_complete(self) -> bool:
        """Everything was built."""
        return self.network and self.files and self.processes and self.privileges

    def sentence(self) -> str:
        """For people."""
        if self.is_complete:
            return "Run in a process of its own without network, without the portal's secrets and files."
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
        known = "Run in a process of its own without the portal's secrets, but this system did not allow more"
        return f"{known}{why}: {', '.join(missing)}."


@dataclass(frozen=True)
class RunResult:
    """What a task gave back. All of it was said by the model's process: treat it as input from outside."""

    output: Mapping[str, Any]
    """The task's JSON answer."""
    isolation: Isolation
    seconds: float
    peak_memory: int
    """Largest resident memory that was seen, bytes."""
    said: str = ""
    """The end of what it printed, redacted."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Files that the task wrote, by name; they lie in the folder that the caller gave."""
