"""What every place to deploy to can do; the steps know no more than this."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from common import StepError, poll

State = Literal["deploying", "ready", "failed"]
T = TypeVar("T")


@dataclass(frozen=True)
class Wanted:
    """What is to answer; `digest` is that of the signed files, empty if it is not known."""

    model: str
    version: str
    environment: str
    digest: str = ""


@dataclass(frozen=True)
class Served:
    """An endpoint as it is now.

    `model` and `version` are served now; None while nothing is. `digest` is that of the loaded files
    (`digest_is_of_loaded_files`), or the one given to the deployment if the target does not report it.
    `previous_version` was served before.
    """

    url: str
    state: State
    wanted_version: str | None
    model: str | None = None
    version: str | None = None
    digest: str | None = None
    digest_is_of_loaded_files: bool = False
    previous_version: str | None = None
    detail: str = ""

    def serves(self, model: str, version: str) -> bool:
        """True if this version answers and nothing else is on its way."""
        return self.state == "ready" and (self.model, self.version) == (model, version)


@dataclass(frozen=True)
class Records:
    """Rows to be scored."""

    columns: list[str]
    data: list[list[Any]]


@dataclass(frozen=True)
class Scores:
    """An answer a row, and the version that gave them where the target tells it."""

    predictions: list[Any]
    version: str | None = None


class Watch:
    """One deadline over all that a step waits for, with progress on the run's page."""

    def __init__(self, seconds: float, *, every: float = 1.0) -> None:
        self._end = time.monotonic() + seconds
        self._every = every

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """The first thing that `look` finds. Raises StepError if the time is over."""
        return poll(look, what=what, seconds=max(0.0, self._end - time.monotonic()), every=self._every)


class Target(Protocol):
    """A place to deploy to. Every call has a time-out; what goes wrong is a StepError that says what to do."""

    def deploy(self, endpoint: str, wanted: Wanted, watch: Watch) -> Served:
        """Let the version answer at the endpoint, and wait until it does; what answered goes on until then."""
        ...

    def look(self, endpoint: str) -> Served | None:
        """The endpoint now, or None when there is none of this name."""
        ...

    def score(self, endpoint: str, records: Records) -> Scores:
        """Ask the endpoint."""
        ...

    def remove(self, endpoint: str) -> None:
        """Take the endpoint down; one that is not there is no error."""
        ...


def existing(target: Target, endpoint: str) -> Served:
    """The endpoint. Raises StepError if there is none."""
    found = target.look(endpoint)
    if found is None:
        raise StepError(f"There is no endpoint {endpoint}. Deploy to it first, or check its name.")
    return found
