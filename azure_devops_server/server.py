"""Bind, serve, stop: the server as a whole, also for use inside of a test."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import signal
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

import azure_devops_server.api
from azure_devops_server.app import Application
from azure_devops_server.config import ServerConfig
from azure_devops_server.organization import Organization

_START_LIMIT = 15.0
_POLL = 0.5


def load_handlers() -> None:
    """Import all modules with handlers, so that their routes are known."""
    for module in pkgutil.walk_packages(azure_devops_server.api.__path__, f"{azure_devops_server.api.__name__}."):
        importlib.import_module(module.name)


class AzureDevOpsServer:
    """The local server. Binds at once, so that `address` is known; serves after `serve` or `start`.

    As a context manager it serves from a separate thread:
    ``with AzureDevOpsServer(ServerConfig(root)) as server: server.url``.
    """

    def __init__(self, config: ServerConfig) -> None:
        load_handlers()
        self._socket = socket.create_server((config.host, config.port))
        # Accepted connections inherit it. asyncio sets it by itself only on sockets that name their protocol.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = self._socket.getsockname()[1]
        self.address = f"http://{config.host}:{port}"
        self.organization = Organization(config, self.address)
        if not self.organization.state.projects.all():
            self.organization.create_project(config.project)
        self.application = Application(self.organization)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                self.application,
                log_level=logging.WARNING,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                http="h11",
                ws="none",
                timeout_graceful_shutdown=3,
            )
        )
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address of the organization."""
        return self.organization.links.base()

    def serve(self) -> None:
        """Serve until SIGTERM or SIGINT, then end all runs and their processes. For the main thread.

        Uvicorn runs in a separate thread: if it handled signals, it would end the process before the runs.
        """
        told = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        try:
            self.start()
            while not told.wait(_POLL) and self._thread is not None and self._thread.is_alive():
                pass
        finally:
            self.stop()

    def start(self) -> None:
        """Serve from a thread; returns once requests are answered."""
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="azure-devops")
        self._thread.start()
        until = time.monotonic() + _START_LIMIT
        while not self._uvicorn.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the local Azure DevOps server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        """End all runs, their processes and the server's thread."""
        self._uvicorn.should_exit = True
        if self._thread:
            self._thread.join()
        self._close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _close(self) -> None:
        if not self.organization.close():
            logging.getLogger(__name__).error("a run did not end in time")
        self._socket.close()
