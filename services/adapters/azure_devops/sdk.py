"""The azure-devops SDK with private caches, quiet logs, and clients whose requests pass the guard.

`Connection` is not used: it contacts further hosts and cannot be bounded. Clients are created directly; the only extra
request is one OPTIONS per address and process.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests

from services.adapters.azure_devops.auth import SdkAuthentication
from services.adapters.azure_devops.config import AzureDevOpsConfig
from services.adapters.azure_devops.failures import demand_good
from services.adapters.azure_devops.guard import GuardedAdapter

CACHE_SETTING = "AZURE_DEVOPS_CACHE_DIR"
_LOCK = threading.Lock()
_CLIENTS = {
    "pipelines": ("azure.devops.v7_1.pipelines.pipelines_client", "PipelinesClient"),
    "build": ("azure.devops.v7_1.build.build_client", "BuildClient"),
    "test": ("azure.devops.v7_1.test.test_client", "TestClient"),
    "release": ("azure.devops.v7_1.release.release_client", "ReleaseClient"),
    "task_agent": ("azure.devops.v7_1.task_agent.task_agent_client", "TaskAgentClient"),
}


def load(module: str) -> Any:
    """Import a module of the SDK.

    At its first import the SDK opens a cache of the server's routes, kept twelve hours and by default shared in the
    home directory, where a second process can corrupt it and a read-only home breaks the import. It gets a separate
    folder, removed when the process ends. At debug level the SDK logs whole bodies with secrets, so that is off.
    """
    import importlib

    with _LOCK:
        if "azure.devops._file_cache" not in sys.modules:
            with _private_cache():
                importlib.import_module("azure.devops.client")
        logging.getLogger("azure.devops").setLevel(logging.INFO)
        return importlib.import_module(module)


@contextlib.contextmanager
def _private_cache() -> Iterator[None]:
    folder = tempfile.mkdtemp(prefix="countersign-azure-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before = os.environ.get(CACHE_SETTING)
    os.environ[CACHE_SETTING] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ[CACHE_SETTING]
        else:
            os.environ[CACHE_SETTING] = before


class SdkClients:
    """Creates each client once; many threads may share the clients."""

    def __init__(self, config: AzureDevOpsConfig, adapter: GuardedAdapter) -> None:
        self._config = config
        self._adapter = adapter
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    def client(self, area: str) -> Any:
        """The client of an area: pipelines, build, test, release or task_agent."""
        with self._lock:
            if area not in self._made:
                module, name = _CLIENTS[area]
                base = self._config.release_base if area == "release" else self._config.base
                self._made[area] = self._make(getattr(load(module), name), base)
            return self._made[area]

    def forget_locations(self) -> None:
        """Clear the cached routes: the SDK caches even an empty answer permanently."""
        client = load("azure.devops.client")
        for base in {self._config.base, self._config.release_base}:
            client.Client._locations_cache.pop(base.lower(), None)  # noqa: SLF001 - there is no public way
            client.OPTIONS_FILE_CACHE[base.lower()] = None
        with self._lock:
            self._made.clear()

    def _make(self, kind: Any, base: str) -> Any:
        client = kind(base, SdkAuthentication(self._config.auth))
        config = client.config
        config.connection.timeout = (self._config.connect_seconds, self._config.read_seconds)
        config.retry_policy.retries = 0
        config.retry_policy.policy.raise_on_status = False
        config.retry_policy.policy.respect_retry_after_header = False
        config.redirect_policy.allow = False
        config.proxies.use_env_settings = False
        config.hooks.append(_check)
        config.session_configuration_callback = self._configure
        return client

    def _configure(self, session: requests.Session, *_: Any, **request: Any) -> dict[str, Any]:
        """One session per thread; all share the guard and its connections."""
        prepare(session, self._adapter)
        return request


def prepare(session: requests.Session, adapter: GuardedAdapter) -> requests.Session:
    """Make a session ignore the environment, keep no cookies, and send through the guard."""
    if session.adapters.get("https://") is not adapter:
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.mount("http://", adapter)
        session.mount("https://", adapter)
    return session


def _check(response: requests.Response, *_: Any, **__: Any) -> None:
    demand_good(response)
