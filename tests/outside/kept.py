"""A simulator whose state lies in a file, so that several processes see the same outside world, also after kill -9.

Each call takes a lock, loads, calls and writes the file anew in one move: what was done stays done.
"""

from __future__ import annotations

import fcntl
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulators.pipelines import PipelinesSimulator
from tests.simulators.registry import RegistrySimulator


class Kept:
    """Stands for the simulator in `path`; attributes are read from it and set in it."""

    def __init__(self, path: Path) -> None:
        self.__dict__["path"] = path

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._load(), name)
        return self._calling(name) if callable(found) else found

    def __setattr__(self, name: str, value: Any) -> None:
        with self._locked():
            simulator = self._load()
            setattr(simulator, name, value)
            self._save(simulator)

    def _calling(self, name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            with self._locked():
                simulator = self._load()
                try:
                    answer = getattr(simulator, name)(*given, **named)
                    return list(answer) if name == "models" else answer
                finally:
                    self._save(simulator)

        return call

    def _locked(self) -> Any:
        file = self.path.with_suffix(".lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def _load(self) -> Any:
        return pickle.loads(self.path.read_bytes())

    def _save(self, simulator: Any) -> None:
        part = self.path.with_suffix(".part")
        part.write_bytes(pickle.dumps(simulator))
        part.replace(self.path)


def _no_hook(name: str) -> None:
    del name


def keep_registry(path: Path) -> Kept:
    simulator = RegistrySimulator()
    simulator.before_write = _no_hook
    path.write_bytes(pickle.dumps(simulator))
    return Kept(path)


def keep_pipelines(path: Path) -> Kept:
    path.write_bytes(pickle.dumps(PipelinesSimulator()))
    return Kept(path)
