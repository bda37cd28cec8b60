"""The server's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from azure_devops_server.values import utc_now


@dataclass(frozen=True)
class ServerConfig:
    """Where the state lies, which organization is served, and limits.

    `organization` may have several path segments for a Server collection, such as ``tfs/DefaultCollection``.
    `token` is a personal access token to demand; None accepts any that is not empty. `people` maps further tokens
    to names, so that several persons can act.
    """

    root: Path
    organization: str = "demo"
    project: str = "ml-platform"
    token: str | None = None
    people: Mapping[str, str] = field(default_factory=dict)
    on_premises: bool = False
    parallel_runs: int = 4
    """Runs whose steps execute at the same time; runs that wait for checks do not count."""
    limit_variables: bool = True
    """Only variables marked ``allowOverride`` at their pipeline may be set when a run is queued."""
    seconds_per_minute: float = 60.0
    """Length of a minute of checks' time-outs, hooks' retries and jobs' time-outs; tests shorten it."""
    call_timeout: float = 20.0
    """Seconds that the target of an *Invoke REST API* check or of a service hook has to answer."""
    stop_grace: tuple[float, float] = (7.5, 2.5)
    """Seconds from SIGINT to SIGTERM and from SIGTERM to SIGKILL for cancelled steps."""
    host: str = "127.0.0.1"
    port: int = 0
    clock: Callable[[], datetime] = utc_now
