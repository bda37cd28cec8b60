"""Endpoints: a name, the version served, and the scoring server process behind it.

A deployment starts the new version beside the old one, waits until it responds, swaps them, and ends the old process: a
working endpoint keeps working, even if the new version does not start.
"""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import requests

from demo.serving.scoring import DidNotStartError, ScoringServer, ScoringServers

State = Literal["deploying", "ready", "failed"]
SCORING_SECONDS = 20.0


@dataclass(frozen=True)
class Endpoint:
    """One endpoint as people and pipelines see it.

    `model`, `version` and `digest` (of its files, as loaded) describe what is served now; `previous_version` was served
    before it, for roll-back.
    """

    name: str
    environment: str
    state: State
    wanted_model: str
    wanted_version: str
    model: str | None = None
    version: str | None = None
    digest: str | None = None
    previous_model: str | None = None
    previous_version: str | None = None
    error: str = ""

    def waiting(self) -> Endpoint:
        """The same endpoint after a restart: it is to serve the same version again."""
        then = replace(self, state="deploying", model=None, version=None, digest=None, error="")
        if self.model is None or self.version is None:
            return then
        return replace(then, wanted_model=self.model, wanted_version=self.version)

    def answering(self, digest: str) -> Endpoint:
        """The same endpoint once the wanted version responds; a repeated deployment keeps the previous version."""
        is_other = self.version is not None and (self.model, self.version) != (self.wanted_model, self.wanted_version)
        before = (self.model, self.version) if is_other else (self.previous_model, self.previous_version)
        return replace(
            self, state="ready", model=self.wanted_model, version=self.wanted_version, digest=digest, error="",
            previous_model=before[0], previous_version=before[1],
        )  # fmt: skip


class Endpoints:
    """All endpoints of this host."""

    def __init__(self, directory: Path, tracking_uri: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._scoring = ScoringServers(directory / "scoring", tracking_uri)
        self._lock = threading.Lock()
        self._endpoints: dict[str, Endpoint] = {}
        self._servers: dict[str, ScoringServer] = {}

    def restore(self) -> None:
        """Deploy again what was served before the host stopped, or what was being deployed if nothing was served."""
        self._scoring.warm_up()
        waiting = {kept.name: kept.waiting() for kept in self._kept()}
        self._endpoints.update(waiting)
        for endpoint in waiting.values():
            self._begin(endpoint)

    def all(self) -> list[Endpoint]:
        """All endpoints by name."""
        with self._lock:
            return [self._endpoints[name] for name in sorted(self._endpoints)]

    def get(self, name: str) -> Endpoint | None:
        """One endpoint, or None."""
        with self._lock:
            return self._endpoints.get(name)

    def deploy(self, name: str, *, environment: str, model: str, version: str) -> Endpoint:
        """Begin a deployment; it continues in the background."""
        known = self.get(name) or Endpoint(name, environment, "deploying", model, version)
        return self._begin(
            replace(
                known, environment=environment, state="deploying", wanted_model=model, wanted_version=version, error=""
            )
        )

    def remove(self, name: str) -> bool:
        """Take an endpoint down."""
        with self._lock:
            known = self._endpoints.pop(name, None)
            server = self._servers.pop(name, None)
            self._keep()
        if server:
            server.end()
        return known is not None

    def score(self, name: str, body: bytes, content_type: str) -> requests.Response | None:
        """Ask the version that is served now; None if there is none."""
        with self._lock:
            server = self._servers.get(name)
        if server is None:
            return None
        return requests.post(
            f"{server.url}/invocations", data=body, headers={"content-type": content_type}, timeout=SCORING_SECONDS
        )

    def close(self) -> None:
        """End every scoring server."""
        with self._lock:
            servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.end()

    def _begin(self, begun: Endpoint) -> Endpoint:
        with self._lock:
            self._endpoints[begun.name] = begun
            self._keep()
        threading.Thread(target=self._swap, args=(begun,), daemon=True).start()
        return begun

    def _swap(self, begun: Endpoint) -> None:
        try:
            server = self._scoring.start(begun.wanted_model, begun.wanted_version)
        except DidNotStartError as error:
            self._failed(begun, str(error))
            return
        ended = self._put(begun, server)
        if ended:
            ended.end()

    def _put(self, begun: Endpoint, server: ScoringServer) -> ScoringServer | None:
        """Switch to the new server; returns the one no longer needed: the old one, or the new one if overtaken."""
        with self._lock:
            now = self._endpoints.get(begun.name)
            if now is None or _wanted(now) != _wanted(begun):
                return server
            old = self._servers.get(begun.name)
            self._servers[begun.name] = server
            self._endpoints[begun.name] = now.answering(server.digest)
            self._keep()
            return old

    def _failed(self, begun: Endpoint, error: str) -> None:
        with self._lock:
            now = self._endpoints.get(begun.name)
            if now is not None and _wanted(now) == _wanted(begun):
                self._endpoints[begun.name] = replace(now, state="failed", error=error)
                self._keep()

    def _kept(self) -> list[Endpoint]:
        names = {field.name for field in fields(Endpoint)}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            rows = json.loads(self._state_file.read_text())
            return [Endpoint(**{k: v for k, v in row.items() if k in names}) for row in rows]
        return []

    def _keep(self) -> None:
        part = self._state_file.with_suffix(".part")
        part.write_text(json.dumps([asdict(e) for e in self._endpoints.values()]))
        part.replace(self._state_file)

    @property
    def _state_file(self) -> Path:
        return self._directory / "endpoints.json"


def _wanted(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.wanted_model, endpoint.wanted_version
