"""Environments and what was deployed to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from azure_devops_server.model.checks import Environment
from azure_devops_server.storage.state import State


class Environments:
    """Makes and changes environments; names are unique in a project, any case."""

    def __init__(self, state: State, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._clock = clock

    def ensure(self, project_id: str, name: str, created_by: str, *, description: str = "") -> Environment:
        """The environment of that name; made if there is none, as the first run that names it does."""
        with self._state.store.lock:
            known = self._state.environment_named(project_id, name)
            if known is not None:
                return known
            now = self._clock()
            row = Environment(
                id=self._state.store.next_number("environment"),
                project_id=project_id,
                name=name,
                description=description,
                created_by=created_by,
                created=now,
                modified_by=created_by,
                modified=now,
            )
            return self._state.environments.put(row)

    def change(self, environment: Environment, *, name: str, description: str, by: str) -> Environment:
        """Rename or describe an environment."""
        now = self._clock()
        return self._state.environments.change(
            environment.id,
            lambda row: replace(row, name=name or row.name, description=description, modified=now, modified_by=by),
        )

    def delete(self, environment: Environment) -> None:
        """Remove an environment with its checks; deployment records stay for the runs' sake."""
        with self._state.store.transaction():
            for check in self._state.checks.within(environment.project_id):
                if check.resource_type == "environment" and check.resource_id == str(environment.id):
                    self._state.checks.delete(check.id)
            self._state.environments.delete(environment.id)
