"""Finds, reads and hashes the files of a version's model.

Where they lie depends on how the version was registered: as a logged model (MLflow 3), below a run (MLflow 2), in
the proxied store, or as a copy of another version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from services.adapters.http.deadline import Deadline
from services.adapters.mlflow import artifact_paths, parse
from services.adapters.mlflow.artifacts import ArtifactReads, Chunks, whole
from services.adapters.mlflow.transport import Transport
from services.domain.model_digest import digest_of_files
from services.domain.registry import Artifact, ModelVersion, VersionKey
from services.errors import InvalidInputError, NotFoundError, UpstreamError, UpstreamUnavailableError

MODEL_ID = re.compile(r"m-[A-Za-z0-9_-]{1,64}")
_LOGGED = re.compile(rf"models:/(?P<id>{MODEL_ID.pattern})")
_RUNS = re.compile(r"runs:/(?P<run>[A-Za-z0-9_-]{1,64})/(?P<path>.+)")
MAX_DEPTH = 30


@dataclass(frozen=True)
class Files:
    """How the files of one model are listed (one level) and read; paths are relative to the model's folder."""

    listed: Callable[[str], Sequence[Artifact]]
    read: Callable[[str, Deadline], Chunks]


class ModelFiles:
    """Stateless; sizes and times come from the configuration."""

    def __init__(
        self, transport: Transport, artifacts: ArtifactReads, version: Callable[[VersionKey], ModelVersion]
    ) -> None:
        self._transport = transport
        self._config = transport.config
        self._artifacts = artifacts
        self._version = version

    def read(self, key: VersionKey, path: str, *, limit: int) -> bytes:
        """One file. Raises NotFoundError, InvalidInputError (larger than `limit` bytes)."""
        path = artifact_paths.checked(path)
        files = self._files(key)
        deadline = self._transport.deadline(self._config.download_seconds)
        try:
            return whole(files.read(path, deadline), path, limit)
        except UpstreamError as error:
            if deadline.left() > 0 and not _is_listed(files, path):
                raise NotFoundError(f"The model of {key} has no file “{path}”.") from error
            raise

    def list(self, key: VersionKey) -> Sequence[Artifact]:
        """All files, by path. Raises NotFoundError, InvalidInputError (too many)."""
        deadline = self._transport.deadline(self._config.digest_seconds)
        return sorted(self._walk(self._files(key), key, deadline), key=lambda artifact: artifact.path)

    def digest(self, key: VersionKey) -> str:
        """``sha256:…`` as `digest_of_files` defines it.

        Raises NotFoundError (no files to be found), InvalidInputError (more bytes or files than configured, or a
        file name that MLflow cannot serve).
        """
        return self._digest(key, None)

    def save(self, key: VersionKey, folder: Path) -> str:
        """Write the files below an empty folder and give their digest. Raises what `digest` raises."""
        return self._digest(key, folder)

    def _digest(self, key: VersionKey, folder: Path | None) -> str:
        deadline = self._transport.deadline(self._config.digest_seconds)
        files = self._files(key)
        found = [*self._walk(files, key, deadline)]
        if not found:
            raise NotFoundError(f"The model of {key} has no files.", hint="Its artifacts may have been deleted.")
        self._check_size(sum(artifact.size or 0 for artifact in found), key)
        contents: dict[str, str] = {}
        total = 0
        for artifact in found:
            self._check_time(deadline, key)
            with files.read(artifact.path, deadline) as chunks, _target(folder, artifact.path) as target:
                size, contents[artifact.path] = self._copied(chunks, target, key=key, before=total)
            _check_unchanged(artifact, size)
            total += size
        return digest_of_files(contents)

    def _copied(
        self, chunks: Iterator[bytes], target: IO[bytes] | None, *, key: VersionKey, before: int
    ) -> tuple[int, str]:
        """Size and SHA-256 of one file."""
        sha, size = hashlib.sha256(), 0
        for chunk in chunks:
            size += len(chunk)
            self._check_size(before + size, key)
            sha.update(chunk)
            if target is not None:
                target.write(chunk)
        return size, sha.hexdigest()

    def _walk(self, files: Files, key: VersionKey, deadline: Deadline) -> Iterator[Artifact]:
        folders, count = [""], 0
        while folders:
            self._check_time(deadline, key)
            folder = folders.pop()
            for artifact in files.listed(folder):
                count += 1
                self._check_entry(artifact, folder, count)
                if artifact.kind == "folder":
                    folders.append(artifact.path)
                else:
                    yield artifact

    def _check_entry(self, artifact: Artifact, folder: str, count: int) -> None:
        if count > self._config.digest_limit_files or artifact.path.count("/") > MAX_DEPTH:
            raise InvalidInputError(
                f"The model has more than {self._config.digest_limit_files:,} files, or folders too deep.",
                hint="Log it as an archive, or raise the adapter's digest_limit_files.",
            )
        if not artifact_paths.below(folder, artifact.path):
            raise InvalidInputError(
                f"The model holds a file that MLflow cannot serve by its name: “{artifact.path[:200]}”.",
                hint="Log the model again without %, #, ? or \\ in file names.",
            )

    def _check_size(self, total: int, key: VersionKey) -> None:
        limit = self._config.digest_limit_bytes
        if total > limit:
            raise InvalidInputError(
                f"The model of {key} is larger than {limit:,} bytes, so it was not hashed.",
                hint="Raise the adapter's digest_limit_bytes, and digest_seconds with it.",
            )

    def _check_time(self, deadline: Deadline, key: VersionKey) -> None:
        if deadline.left() <= 0:
            raise UpstreamUnavailableError(
                f"Hashing the model of {key} took more than {deadline.seconds:g} seconds.",
                system="mlflow",
                hint="Try again when MLflow is less busy, or raise the adapter's digest_seconds.",
            )

    def _files(self, key: VersionKey) -> Files:
        version = self._version(key)
        if logged := _LOGGED.fullmatch(version.source):
            return self._of_logged_model(key, logged["id"])
        address = self._address(key)
        if logged := _LOGGED.fullmatch(address):
            return self._of_logged_model(key, logged["id"])
        if run := _RUNS.fullmatch(address):
            return self._of_run(run["run"], run["path"])
        if address.startswith("mlflow-artifacts:"):
            return self._of_store(key, unquote(urlsplit(address).path).strip("/"))
        return self._in_run_folder(version, address)

    def _address(self, key: VersionKey) -> str:
        """Where the model lies; for a copy of another version MLflow answers with that one's place."""
        asked = {"name": key.model, "version": str(key.version)}
        answer = self._transport.get("model-versions/get-download-uri", asked)
        return parse.text(answer, "artifact_uri")

    def _of_logged_model(self, key: VersionKey, model_id: str) -> Files:
        return Files(
            listed=lambda path: self._artifacts.of_logged_model(model_id, path),
            read=lambda path, deadline: self._artifacts.stream_of_version(key, path, deadline),
        )

    def _of_store(self, key: VersionKey, root: str) -> Files:
        if not artifact_paths.is_safe(root):
            raise NotFoundError(f"The source of {key} is not served by MLflow.")
        return Files(
            listed=lambda path: self._artifacts.of_store(root, path),
            read=lambda path, deadline: self._artifacts.stream_of_version(key, path, deadline),
        )

    def _of_run(self, run_id: str, root: str) -> Files:
        """By the run: MLflow answers `get-artifact` of a version with such a source with a server error."""
        root = artifact_paths.checked(root)

        def listed(path: str) -> Sequence[Artifact]:
            found = self._artifacts.of_run(run_id, f"{root}/{path}" if path else root)
            return [Artifact(a.path.removeprefix(f"{root}/"), a.kind, a.size) for a in found]

        return Files(listed, lambda path, deadline: self._artifacts.stream(run_id, f"{root}/{path}", deadline))

    def _in_run_folder(self, version: ModelVersion, address: str) -> Files:
        """A source in a separate store (s3://, …): it can be listed only as part of its run."""
        root = self._artifacts.root_of_run(version.run_id).rstrip("/") if version.run_id else ""
        if not root or not address.startswith(f"{root}/"):
            raise NotFoundError(
                f"The files of {version.key} cannot be listed: its source lies outside its run.",
                hint="Register the model from a run or as a logged model.",
            )
        return self._of_run(version.run_id, address.removeprefix(f"{root}/"))


def _target(folder: Path | None, path: str) -> AbstractContextManager[IO[bytes] | None]:
    """Where a file is written; the walk lets only paths below the model's folder through."""
    if folder is None:
        return nullcontext()
    target = folder / artifact_paths.checked(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.open("xb")


def _is_listed(files: Files, path: str) -> bool:
    folder = path.rpartition("/")[0]
    return any(a.path == path and a.kind == "file" for a in files.listed(folder))


def _check_unchanged(artifact: Artifact, size: int) -> None:
    """A file that is being replaced, or whose end was cut off, has no digest now."""
    if artifact.size is not None and artifact.size != size:
        raise UpstreamUnavailableError(
            f"“{artifact.path}” was listed with {artifact.size:,} bytes, and {size:,} came.",
            system="mlflow",
            hint="Somebody may be writing the model's files. Try again.",
        )
