"""The local Azure DevOps server as a process of its own, with one pipeline that waits until it is told to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from azure_devops_server import seed
from azure_devops_server.config import ServerConfig
from azure_devops_server.server import AzureDevOpsServer

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "ml platform"
TOKEN = "a-token-of-the-tests"
WAITING = """
name: ${{ parameters.requestId }}-$(Rev:r)
parameters:
- {name: modelName, type: string}
- {name: modelVersion, type: string}
- {name: requestId, type: string}
- {name: planDigest, type: string}
- {name: artifactDigest, type: string}
stages:
- stage: Test
  jobs:
  - job: wait
    steps:
    - checkout: none
    - script: while [ ! -e "$MARK" ]; do sleep 0.2; done
      env:
        MARK: MARK_PATH
"""


class AzureProcess:
    """The running server; `kill` is kill -9 on it and its steps."""

    def __init__(self, folder: Path) -> None:
        self.mark = folder / "go"
        self._process: subprocess.Popen[str] | None = None
        self._folder = folder
        self.port = 0

    def start(self) -> None:
        """Start, again after a kill on the same port."""
        command = [sys.executable, "-m", "azure_devops_server", "--port", str(self.port), "--project", PROJECT]
        command += ["--root", str(self._folder / "root"), "--token", TOKEN]
        with (self._folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, (self._folder / "server.log").read_text()
        self._process, self.port = process, int(address.split(":")[2].split("/")[0])

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self.mark.touch()
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def azure_process(folder: Path) -> Iterator[AzureProcess]:
    """A server with the project and the pipeline (id 1); gone afterwards."""
    source = folder / "source"
    source.mkdir(parents=True)
    made = AzureProcess(folder)
    (source / "release.yml").write_text(WAITING.replace("MARK_PATH", str(made.mark)))
    with AzureDevOpsServer(ServerConfig(folder / "root", project=PROJECT, token=TOKEN)) as server:
        seed.repository(server.organization, PROJECT, source)
        seed.pipeline(server.organization, PROJECT, "release", "release.yml")
    made.start()
    try:
        yield made
    finally:
        made.stop()
