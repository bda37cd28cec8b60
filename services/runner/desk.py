"""Runs models by version: fetches their files, runs the task, keeps results by digest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock, Semaphore
from typing import Any

from services.domain.model_digest import digest_of_files
from services.domain.registry import VersionKey
from services.errors import ModelRunError
from services.ledger.tree.canonical import digest as digest_of_json
from services.ports.registry import RegistryReader
from services.runner.limits import Isolation, Limits, RunResult
from services.runner.process import Host, Progress, run_model

MODELS_KEPT = 12
FORMAT = "countersign.runner/1"


@dataclass(frozen=True)
class Fetched:
    """A model's files on disk, named by their digest."""

    folder: Path
    digest: str


class ModelFolders:
    """Cached models; a folder is named by the digest of its files and checked against it before each use."""

    def __init__(self, registry: RegistryReader, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._lock = Lock()

    def fetch(self, key: VersionKey, *, digest: str | None = None) -> Fetched:
        """The files of a version; with `digest` exactly those bytes, even if MLflow is unavailable.

        Raises ModelRunError (code model_changed) if the registry has different bytes, and the registry's errors.
        """
        with self._lock:
            if digest is not None and (found := self._at_hand(digest)):
                return found
            fetched = self._download(key)
            self._prune(fetched.folder)
        if digest is not None and fetched.digest != digest:
            raise ModelRunError(
                f"The files of {key} no longer match the digest {digest[:20]}….",
                hint="The model's files were replaced after that digest was computed.",
                code="model_changed",
            )
        return fetched

    def _at_hand(self, digest: str) -> Fetched | None:
        folder = self._folder / digest.removeprefix("sha256:")
        if not folder.is_dir():
            return None
        if digest_of_folder(folder) != digest:
            shutil.rmtree(folder)
            return None
        folder.touch()
        return Fetched(folder, digest)

    def _download(self, key: VersionKey) -> Fetched:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=self._folder))
        try:
            digest = self._registry.save_model(key, part)
            if found := self._at_hand(digest):
                return found
            target = self._folder / digest.removeprefix("sha256:")
            part.rename(target)
            return Fetched(target, digest)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _prune(self, keep: Path) -> None:
        """Delete the oldest; a folder in use is newer."""
        folders = sorted((f for f in self._folder.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
        for folder in folders[:-MODELS_KEPT]:
            if folder != keep:
                shutil.rmtree(folder, ignore_errors=True)


def digest_of_folder(folder: Path) -> str:
    """The artifact digest of files on disk."""
    return digest_of_files(
        {path.relative_to(folder).as_posix(): digest_of_file(path) for path in folder.rglob("*") if path.is_file()}
    )


def digest_of_file(path: Path) -> str:
    """SHA-256 of one file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class ModelRunner:
    """Thread-safe. Runs one model at a time, since each may use the whole memory limit."""

    def __init__(self, registry: RegistryReader, folder: Path, *, host: Host, limits: Limits) -> None:
        self.models = ModelFolders(registry, folder / "models")
        self.host, self.limits = host, limits
        self._results = folder / "results"
        self._free = Semaphore(1)

    def run(
        self,
        key: VersionKey,
        task: str,
        inputs: Mapping[str, Any],
        *,
        digest: str | None = None,
        files: Mapping[str, Path] | None = None,
        progress: Progress | None = None,
    ) -> RunResult:
        """Run a task with a version's model; equal input on equal bytes is answered from the cache.

        With `digest` the model must have exactly those bytes. Raises ModelRunError, InvalidInputError, NotFoundError,
        UpstreamError.
        """
        model = self.models.fetch(key, digest=digest)
        name = self._name(model.digest, task, inputs, files or {})
        target = self._results / name
        if known := self._known(target):
            return known
        with self._turn(), tempfile.TemporaryDirectory(prefix="countersign-result-") as scratch:
            keep = Path(scratch) / "files"
            found = run_model(
                model.folder, task, inputs, self.limits, host=self.host, files=files, keep=keep, progress=progress
            )
            return self._keep(target, found)

    def _name(self, digest: str, task: str, inputs: Mapping[str, Any], files: Mapping[str, Path]) -> str:
        form = {
            "format": FORMAT,
            "model": digest,
            "task": task,
            "python": self.host.python,
            "inputs": json.dumps(dict(inputs), sort_keys=True, allow_nan=False),
            "files": {name: digest_of_file(path) for name, path in files.items()},
        }
        return digest_of_json(form).removeprefix("sha256:")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._free.acquire(timeout=self.limits.seconds):
            raise ModelRunError("Other models are running.", hint="Try again in a minute.", code="model_busy")
        try:
            yield
        finally:
            self._free.release()

    def _known(self, target: Path) -> RunResult | None:
        try:
            kept = json.loads((target / "result.json").read_text())
        except (OSError, ValueError):
            return None
        files = {name: target / name for name in kept.pop("files")}
        return RunResult(**{**kept, "isolation": Isolation(**kept["isolation"])}, files=files)

    def _keep(self, target: Path, found: RunResult) -> RunResult:
        self._results.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix="part-", dir=self._results))
        for name, path in found.files.items():
            shutil.move(path, part / name)
        document = {**asdict(found), "files": sorted(found.files)}
        (part / "result.json").write_text(json.dumps(document))
        try:
            part.rename(target)
        except OSError:  # another thread or replica was first, with the same answer
            shutil.rmtree(part)
        return self._known(target) or found
