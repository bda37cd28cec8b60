"""Resolves host and organization of a path, and authenticates the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from azure_devops_server.config import ServerConfig
from azure_devops_server.http.errors import PlainError, unauthorized
from azure_devops_server.http.faults import SIGN_IN
from azure_devops_server.http.wire import Caller
from azure_devops_server.identities import presented_token
from azure_devops_server.values import Host

if TYPE_CHECKING:
    from azure_devops_server.resources import Resources

_PREFIXES: dict[str, Host] = {"vsrm": "release", "vstmr": "tests"}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_REAL = ("dev.azure.com", ".dev.azure.com", ".visualstudio.com")
_REALM = 'Basic realm="https://tfsprodsin1.app.visualstudio.com/"'


def check_host(headers: Mapping[str, str]) -> None:
    """Refuse foreign host names: a web page must not reach this server by another name (DNS rebinding).

    The real service's names are let in, for tools that insist on them and come through a local proxy.
    """
    name = headers.get("host", "").casefold()
    name = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
    if name not in _LOCAL and not any(name == real or name.endswith(real) for real in _REAL):
        raise PlainError(421, f"This server answers on this machine only, not as '{name}'.")


def host_of(config: ServerConfig, segments: Sequence[str]) -> tuple[Host, tuple[str, ...]] | None:
    """Host and path below the organization; None for another organization.

    What is above the organization belongs to the deployment: clients ask it for locations when it has none itself.
    """
    rest = tuple(segments)
    host: Host = "main"
    if rest and not config.on_premises and rest[0].casefold() in _PREFIXES:
        host, rest = _PREFIXES[rest[0].casefold()], rest[1:]
    wanted = tuple(part.casefold() for part in config.organization.split("/"))
    if tuple(part.casefold() for part in rest[: len(wanted)]) == wanted:
        return host, rest[len(wanted) :]
    for depth in range(len(wanted)):
        if [part.casefold() for part in rest[: depth + 1]] == [*wanted[:depth], "_apis"]:
            return host, rest[depth:]
    return None


def authenticate(resources: Resources, method: str, headers: Mapping[str, str], *, is_page: bool) -> Caller:
    """The caller; otherwise the answers that the service gives to nobody and to wrong tokens.

    Pages for people open without a token as long as none is demanded, since a browser has none.
    """
    if is_page and resources.config.token is None and not presented_token(headers):
        return Caller(resources.identities.administrator.id)
    try:
        caller = resources.identities.caller(headers)
    except KeyError:
        raise PlainError(401, headers={"WWW-Authenticate": _REALM}) from None
    if caller is not None:
        return caller
    if is_page:
        raise PlainError(401, headers={"WWW-Authenticate": _REALM})
    if method == "PATCH" and headers.get("authorization", "").casefold().startswith("bearer"):
        raise unauthorized()
    raise PlainError(203, SIGN_IN, media_type="text/html")
