"""A real Spark Connect server in local mode, from the wheel pyspark, for tests; it needs Java."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 120.0


def why_not() -> str:
    """Empty where a server can run, else what is missing."""
    if shutil.which("java") is None:
        return "Java is not installed, so no Spark server can be started (Debian: apt-get install openjdk-17-jre)."
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "pyspark is not installed (requirements-dev.txt has it)."
    return ""


@contextmanager
def spark_connect(folder: Path) -> Iterator[str]:
    """Run a server while the block lasts; yields its ``sc://`` address."""
    import pyspark

    port = _free_port()
    submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    conf = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
    }
    command = [str(submit), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--name", "log"]
    command += ["--master", "local[1]", "--driver-memory", "1g"]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SPARK")}
    with (folder / "spark.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "spark-internal"], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(process, port, folder / "spark.log")
        yield f"sc://127.0.0.1:{port}"
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
                break


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-2000:]
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.3)
    raise AssertionError(f"Spark did not answer in time: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
