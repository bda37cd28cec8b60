"""Calls that the server itself makes: checks and service hooks, to loopback addresses only."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

_LIMIT = 2 * 1024 * 1024


class CallFailedError(Exception):
    """No answer: refused, broken, or too late."""


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes


def check_target(url: str) -> str:
    """The URL, if it is http(s) on this machine; ValueError says what is wrong.

    The real service does the opposite: it refuses private addresses. A local server must not reach out.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"'{url}' is not an http or https URL.")
    if parts.hostname != "localhost":
        try:
            loopback = ipaddress.ip_address(parts.hostname).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(f"'{url}' is not on this machine: the local server calls loopback addresses only.")
    return url


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    auth: tuple[str, str] | None = None,
    timeout: float = 20.0,
) -> Reply:
    """Send a request and read the answer within `timeout` seconds in all; CallFailedError if there is none."""
    deadline = time.monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.request(
                method,
                check_target(url),
                headers=dict(headers),
                data=body,
                auth=auth,
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                return Reply(response.status_code, _read(response, deadline))
        except (requests.RequestException, ValueError) as error:
            raise CallFailedError(str(error)) from error


def _read(response: requests.Response, deadline: float) -> bytes:
    content = b""
    for chunk in response.iter_content(64 * 1024):
        content += chunk
        if len(content) > _LIMIT:
            raise CallFailedError("The answer is larger than 2 MB.")
        if time.monotonic() > deadline:
            raise CallFailedError("The answer took too long.")
    return content
