"""`python -m demo.serving.scorer`: one scoring server, MLflow's own, for one version.

It imports MLflow, then waits for its order: one line of JSON on the input (see `Order`). It fetches the model's files,
tells their digest, and serves them. The input is also its leash: when the host closes it or is gone, however it ended,
so is this process.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

META = "registered_model_meta"
"""A file that MLflow's client adds to what it downloads; it is none of the model's."""


@dataclass(frozen=True)
class Order:
    """What to serve and where; `folder` is an empty folder for the model's files, `digest_file` takes their digest."""

    model: str
    version: str
    port: int
    folder: str
    digest_file: str


def main() -> int:
    """Wait, fetch, serve."""
    import uvicorn
    from mlflow.artifacts import download_artifacts
    from mlflow.pyfunc import scoring_server

    line = sys.stdin.readline()
    if not line.strip():
        return 0
    threading.Thread(target=_leave_with_host, args=(sys.stdin,), daemon=True).start()
    order = Order(**json.loads(line))
    files = download_artifacts(f"models:/{order.model}/{order.version}", dst_path=order.folder)
    _tell(Path(order.digest_file), digest_of_folder(Path(files)))
    os.environ[scoring_server._SERVER_MODEL_PATH] = str(files)  # noqa: SLF001 - how MLflow itself hands it over
    uvicorn.run("mlflow.pyfunc.scoring_server.app:app", host="127.0.0.1", port=order.port, log_level="warning")
    return 0


def digest_of_folder(folder: Path) -> str:
    r"""``sha256:…`` over the files: SHA-256 of one line a file, in the order of the paths' bytes.

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


def _tell(file: Path, digest: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(digest)
    part.replace(file)


def _leave_with_host(leash: IO[str]) -> None:
    while leash.readline():
        pass
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
