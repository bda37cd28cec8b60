"""The HTTP session: credentials, certificates, and nothing that comes from the environment unless configured."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from services.adapters.http.deadline import BoundedAdapter
from services.adapters.mlflow.config import MlflowConfig

CONNECTIONS = 8


class _Bearer(AuthBase):
    """An explicit `auth`, so a netrc file can never override the token."""

    def __init__(self, config: MlflowConfig) -> None:
        self._config = config

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._config.token.get_secret_value()}"
        return request


def new_session(config: MlflowConfig) -> requests.Session:
    """A session whose connections keep deadlines; cookies are not kept, so threads share no state."""
    session = requests.Session()
    session.trust_env = config.trust_env
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = BoundedAdapter(pool_connections=1, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "countersign"})
    if config.workspace:
        session.headers["X-MLFLOW-WORKSPACE"] = config.workspace
    if config.ca_file:
        session.verify = config.ca_file
    if config.token.get_secret_value():
        session.auth = _Bearer(config)
    elif config.username:
        user, password = config.username.encode(), config.password.get_secret_value().encode()
        session.auth = HTTPBasicAuth(user, password)
    return session
