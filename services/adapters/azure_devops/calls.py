"""Makes calls to Azure DevOps bounded and typed: those of the SDK, and plain ones where the SDK has no client."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from services.adapters.azure_devops.auth import SdkAuthentication
from services.adapters.azure_devops.config import AzureDevOpsConfig
from services.adapters.azure_devops.failures import demand_good, lost, rubbish
from services.errors import PortalError

# the SDK keeps a cache of the server's routes for twelve hours, by default in the home directory and shared
os.environ.setdefault("AZURE_DEVOPS_CACHE_DIR", tempfile.mkdtemp(prefix="countersign-azure-"))

T = TypeVar("T")


class Calls:
    """Thread-safe; one pool of threads so that a call can be left behind when its time is over."""

    def __init__(self, config: AzureDevOpsConfig) -> None:
        self.config = config
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="azure-devops")
        self._clients: dict[str, Any] = {}

    def client(self, kind: type[Any]) -> Any:
        """An SDK client, made without `Connection`: that one asks more hosts and cannot be bounded."""
        name = kind.__name__
        if name not in self._clients:
            client = kind(self.config.base, SdkAuthentication(self.config.auth))
            client.config.connection.timeout = (self.config.connect_seconds, self.config.read_seconds)
            client.config.retry_policy.retries = 0
            client.config.retry_policy.policy.raise_on_status = False
            client.config.retry_policy.policy.respect_retry_after_header = False
            client.config.redirect_policy.allow = False
            client.config.proxies.use_env_settings = False
            client.config.hooks.append(_check)
            self._clients[name] = client
        return self._clients[name]

    def sdk(self, call: Callable[[], T], *, is_write: bool = False) -> T:
        """Run one SDK call within its time. Raises UpstreamError, NotFoundError."""
        return self._bounded(lambda: _typed(call, is_write=is_write), is_write=is_write)

    def get(self, project: str, path: str, **parameters: str) -> Any:
        """A plain GET below ``{project}/_apis``; the answer as JSON."""
        return self._bounded(lambda: self._send("GET", project, path, parameters, None), is_write=False)

    def send(self, method: str, project: str, path: str, body: Any, **parameters: str) -> Any:
        """A plain write; sent once."""
        return self._bounded(lambda: self._send(method, project, path, parameters, body), is_write=True)

    def _send(self, method: str, project: str, path: str, parameters: Mapping[str, str], body: Any) -> Any:
        scope = f"/{quote(project)}" if project else ""
        is_write = method != "GET"
        try:
            with requests.Session() as session:
                session.auth, session.trust_env = self.config.auth, False
                response = session.request(
                    method, f"{self.config.base}{scope}/_apis/{path}", params=dict(parameters), json=body,
                    headers={"X-TFS-FedAuthRedirect": "Suppress", "Accept": "application/json"},
                    timeout=(self.config.connect_seconds, self.config.read_seconds), allow_redirects=False,
                )  # fmt: skip
        except requests.RequestException as error:
            raise lost(error, is_write=is_write) from error
        demand_good(response)
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise rubbish("no JSON", is_write=is_write) from error

    def _bounded(self, call: Callable[[], T], *, is_write: bool) -> T:
        future = self._pool.submit(call)
        try:
            return future.result(self.config.call_seconds)
        except FutureTimeoutError as error:
            raise lost(error, is_write=is_write) from error


def _check(response: requests.Response, *_: Any, **__: Any) -> None:
    demand_good(response)


def _typed(call: Callable[[], T], *, is_write: bool) -> T:
    from msrest.exceptions import ClientException

    try:
        return call()
    except PortalError:
        raise
    except ClientException as error:
        raise lost(error, is_write=is_write) from error
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise rubbish(type(error).__name__, is_write=is_write) from error
    except requests.RequestException as error:
        raise lost(error, is_write=is_write) from error
