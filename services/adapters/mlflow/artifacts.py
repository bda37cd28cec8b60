"""Lists and reads artifacts of runs through the server, which knows the way to every artifact store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

from services.adapters.http.deadline import Deadline
from services.adapters.mlflow import artifact_paths, entities, parse
from services.adapters.mlflow.paging import pages
from services.adapters.mlflow.parse import Json
from services.adapters.mlflow.transport import Ask, Params, Transport
from services.domain.registry import Artifact, VersionKey
from services.errors import InvalidInputError, NotFoundError, UpstreamError

Chunks = AbstractContextManager[Iterator[bytes]]


class ArtifactReads:
    """Stateless."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of_run(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        """One level below a path, by path. A missing folder is empty: MLflow does not tell the two apart."""
        params: Params = {"run_id": run_id}
        return self._listed("artifacts/list", params, "path", artifact_paths.checked_folder(path))

    def root_of_run(self, run_id: str) -> str:
        """The address of the run's artifact folder, as MLflow keeps it."""
        return parse.text(self._transport.get("artifacts/list", {"run_id": run_id}), "root_uri")

    def of_logged_model(self, model_id: str, path: str = "") -> Sequence[Artifact]:
        """One level below a path of a logged model."""
        call = f"logged-models/{model_id}/artifacts/directories"
        return self._listed(call, {}, "artifact_directory_path", artifact_paths.checked_folder(path))

    def of_store(self, root: str, path: str = "") -> Sequence[Artifact]:
        """One level of the proxied store below `root`; paths are relative to it."""
        folder = artifact_paths.checked_folder(path)
        asked = {"path": f"{root}/{folder}" if folder else root}
        with self._transport.understanding():
            answer = self._transport.json_outside_api("/api/2.0/mlflow-artifacts/artifacts", asked)
            found = [entities.artifact(item) for item in parse.objects(answer, "files")]
        prefix = f"{folder}/" if folder else ""
        return sorted((Artifact(prefix + a.path, a.kind, a.size) for a in found), key=_by_path)

    def read(self, run_id: str, path: str, *, limit: int) -> bytes:
        """One artifact of a run. Raises NotFoundError, InvalidInputError (larger than `limit` bytes)."""
        path = artifact_paths.checked(path)
        deadline = self._transport.deadline(self._transport.config.download_seconds)
        try:
            return whole(self.stream(run_id, path, deadline), path, limit)
        except UpstreamError:
            if deadline.left() > 0:
                self._raise_when_absent(path, self.of_run(run_id, _parent(path)))
            raise

    def stream(self, run_id: str, path: str, deadline: Deadline) -> Chunks:
        """The bytes of a run's artifact."""
        return self._transport.stream(Ask("GET", "/get-artifact", {"run_id": run_id, "path": path}), deadline)

    def stream_of_version(self, key: VersionKey, path: str, deadline: Deadline) -> Chunks:
        """The bytes of a file of a version's model."""
        params: Params = {"name": key.model, "version": str(key.version), "path": path}
        return self._transport.stream(Ask("GET", "/model-versions/get-artifact", params), deadline)

    def _listed(self, call: str, params: Params, name: str, folder: str) -> Sequence[Artifact]:
        asked = {**params, name: folder} if folder else params

        def fetch(token: str) -> Json:
            return self._transport.get(call, {**asked, "page_token": token} if token else asked)

        with self._transport.understanding():
            items = [item for answer in pages(fetch) for item in _files(answer)]
            return sorted((entities.artifact(item) for item in items), key=_by_path)

    def _raise_when_absent(self, path: str, siblings: Sequence[Artifact]) -> None:
        """Some stores answer a missing file with a server error, and MLflow a folder with a refusal."""
        kind = next((a.kind for a in siblings if a.path == path), None)
        if kind != "file":
            why = "it is a folder" if kind else "MLflow does not list it"
            raise NotFoundError(f"There is no file “{path}”: {why}.")


def _files(answer: Json) -> Sequence[Json]:
    parse.name(answer, "root_uri")  # always there: without it the answer is not MLflow's
    return parse.optional_objects(answer, "files")


def whole(chunks: Chunks, path: str, limit: int) -> bytes:
    """All bytes of a stream. Raises InvalidInputError when there are more than `limit`."""
    data = bytearray()
    with chunks as stream:
        for chunk in stream:
            data += chunk
            if len(data) > limit:
                raise InvalidInputError(
                    f"“{path}” is larger than {limit:,} bytes.", hint="Log a smaller file, or raise the limit."
                )
    return bytes(data)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _by_path(artifact: Artifact) -> str:
    return artifact.path
