"""One of MLflow's scoring servers, for one version, in a separate process.

The process is forked from one that has already imported MLflow and scikit-learn (see `preloaded.py`), so that it starts
quickly and shares that memory. It fetches the model's files, reports their digest, and serves them. It ends with the
host, however that ends.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from demo.leash import end_with_parent

META = "registered_model_meta"
"""A file that MLflow's client adds to what it downloads; it is not part of the model."""


@dataclass(frozen=True)
class Order:
    """What to serve and where; `folder` belongs to the server and exists already."""

    model: str
    version: str
    port: int
    folder: str

    @property
    def log(self) -> Path:
        """What the server writes."""
        return Path(self.folder, "log")

    @property
    def digest_file(self) -> Path:
        """Takes the digest of the model's files."""
        return Path(self.folder, "digest")


def serve(order: Order) -> None:
    """Fetch and serve; the entry of a new process."""
    os.setsid()  # a separate process group, ended as a whole
    end_with_parent()
    _write_to(order.log)
    import uvicorn
    from mlflow.artifacts import download_artifacts
    from mlflow.pyfunc import scoring_server

    target = Path(order.folder, "model")
    target.mkdir()
    files = download_artifacts(f"models:/{order.model}/{order.version}", dst_path=str(target))
    _report(order.digest_file, digest_of_folder(Path(files)))
    os.environ[scoring_server._SERVER_MODEL_PATH] = str(files)  # noqa: SLF001 - how MLflow itself hands it over
    uvicorn.run("mlflow.pyfunc.scoring_server.app:app", host="127.0.0.1", port=order.port, log_level="warning")


def digest_of_folder(folder: Path) -> str:
    r"""``sha256:…`` over the files: SHA-256 of one line per file, in the order of the paths' bytes.

    A line is ``<sha256 of the content> <length of the path in bytes> <path>\n``: what the portal signs and the gate
    compares.
    """
    contents: dict[bytes, str] = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != META:
            with path.open("rb") as file:
                contents[name.encode()] = hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for name_bytes in sorted(contents):
        total.update(b"%s %d %s\n" % (contents[name_bytes].encode(), len(name_bytes), name_bytes))
    return f"sha256:{total.hexdigest()}"


def _report(file: Path, digest: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(digest)
    part.replace(file)


def _write_to(log: Path) -> None:
    with log.open("wb") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
