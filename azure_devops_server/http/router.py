"""Routes: which function answers which method and path. Paths match in any case."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from azure_devops_server.http.errors import PlainError, dangerous_path, no_controller
from azure_devops_server.http.wire import Answer, Call
from azure_devops_server.values import Host

T = TypeVar("T")
"""What handlers act on."""
_REFUSED = re.compile(r"[:<>*?]")


@dataclass(frozen=True)
class Route(Generic[T]):
    """One method and path below the organization, on one or more of its hosts."""

    method: str
    segments: tuple[str, ...]
    handler: Callable[[T, Call], Any]
    hosts: tuple[Host, ...]

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Values of the path's placeholders, or None if it does not fit."""
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if segment.startswith("{*"):
                values[segment[2:-1]] = "/".join(path[position:])
                return values if position < len(path) else None
            if position >= len(path):
                return None
            if segment.startswith("{"):
                values[segment[1:-1]] = path[position]
            elif segment.casefold() != path[position].casefold():
                return None
        return values if len(path) == len(self.segments) else None


class Router(Generic[T]):
    """All routes; modules of handlers add to it by the decorator that `add` gives."""

    def __init__(self) -> None:
        self._routes: list[Route[T]] = []

    def add(
        self, method: str, path: str, *, hosts: tuple[Host, ...] = ("main",)
    ) -> Callable[[Callable[[T, Call], Any]], Callable[[T, Call], Any]]:
        """Register a handler for a method and a path such as ``{project}/_apis/build/Builds/{buildId}``."""

        def register(handler: Callable[[T, Call], Any]) -> Callable[[T, Call], Any]:
            self._routes.append(Route(method, tuple(part for part in path.split("/") if part), handler, hosts))
            return handler

        return register

    @property
    def routes(self) -> tuple[Route[T], ...]:
        """All routes, in the order in which they are tried."""
        return tuple(self._routes)

    def find(
        self, method: str, path: Sequence[str], hosts: Sequence[Host]
    ) -> tuple[Callable[[T, Call], Any], dict[str, str]]:
        """The handler on any of the hosts and its path values; 404 and 405 as the service says them."""
        joined = "/".join(path)
        if refused := _REFUSED.search(joined):
            raise dangerous_path(refused.group())
        methods = []
        for route in self._routes:
            if set(hosts) & set(route.hosts) and (values := route.match(path)) is not None:
                if route.method == method:
                    return route.handler, values
                methods.append(route.method)
        if methods:
            text = f"The requested resource does not support http method '{method}'."
            body = f'{{"count":1,"value":{{"Message":"{text}"}}}}'
            raise PlainError(405, body, media_type="application/json", headers={"Allow": ", ".join(sorted(methods))})
        raise no_controller("/" + joined)


def as_answer(result: Any) -> Answer:
    """What a handler gave: an Answer, or a document for a 200."""
    return result if isinstance(result, Answer) else Answer(result)
