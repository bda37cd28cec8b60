"""Addresses of MLflow's own pages, for people. Names are percent-encoded, so any name survives."""

from __future__ import annotations

from urllib.parse import quote

from services.domain.registry import VersionKey


class Links:
    """Builds addresses below the base address of MLflow's pages (no slash at the end)."""

    def __init__(self, base: str, *, workspace: str = "") -> None:
        self._base = base.rstrip("/")
        self._query = f"?workspace={_part(workspace)}" if workspace else ""

    def model(self, name: str) -> str:
        """The page of a registered model."""
        return self._page("models", name)

    def version(self, key: VersionKey) -> str:
        """The page of a model version."""
        return self._page("models", key.model, "versions", str(key.version))

    def run(self, experiment_id: str, run_id: str) -> str:
        """The page of a run."""
        return self._page("experiments", experiment_id, "runs", run_id)

    def experiment(self, experiment_id: str) -> str:
        """The page of an experiment."""
        return self._page("experiments", experiment_id)

    def _page(self, *parts: str) -> str:
        return f"{self._base}/#/{'/'.join(_part(part) for part in parts)}{self._query}"


def _part(text: str) -> str:
    return quote(text, safe="", errors="replace")
