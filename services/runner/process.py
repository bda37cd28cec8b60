"""Runs one task with one model in a separate process: the only way in which the portal runs a model.

The process gets no variable of the portal's environment, no network if the system allows that, hidden and read-only
files, and limits of time, memory and output. Its output comes back through files and is bounded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.errors import InvalidInputError, ModelRunError
from services.runner.inside.tasks import REFUSED
from services.runner.limits import Isolation, Limits, RunResult
from services.runner.watch import Ended, watch

MAIN = Path(__file__).parent / "inside" / "main.py"
SAID_LIMIT = 4000
_KILLED_FOR_MEMORY = 137
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Host:
    """The runner's settings for this machine."""

    python: str = sys.executable
    """Interpreter with MLflow and the libraries that the models need."""
    hidden: tuple[Path, ...] = ()
    """Files and folders that a model must not see."""
    demand_isolation: bool = False
    """True: refuse to run without complete isolation."""
    redact: Callable[[str], str] = str


def run_model(
    model_dir: Path,
    task: str,
    inputs: Mapping[str, Any],
    limits: Limits | None = None,
    *,
    host: Host | None = None,
    files: Mapping[str, Path] | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run `services.runner.inside.task_<task>` with the MLflow model in `model_dir`.

    `inputs` is JSON; `files` are input files by name; files that the task writes are moved into `keep`. Raises
    ModelRunError (code model_failed, model_load, model_time, model_memory, model_output, model_crashed,
    model_isolation) and InvalidInputError.
    """
    limits, host = limits or Limits(), host or Host()
    if not (model_dir / "MLmodel").is_file():
        raise InvalidInputError(f"{model_dir.name} is not an MLflow model: it has no MLmodel file.")
    work = Path(os.path.realpath(tempfile.mkdtemp(prefix="countersign-model-")))
    try:
        request = _request(work, model_dir, task, inputs, limits=limits, host=host, files=files or {})
        (work / "request.json").write_text(request)
        ended = _started(work, limits, host, progress)
        return _result(work, ended, limits, host=host, keep=keep)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _request(
    work: Path,
    model_dir: Path,
    task: str,
    inputs: Mapping[str, Any],
    *,
    limits: Limits,
    host: Host,
    files: Mapping[str, Path],
) -> str:
    for name in ("model", "inputs", "out", "tmp"):
        (work / name).mkdir()
    given = {name: str(_lend(path, work / "inputs" / f"{name}{path.suffix}")) for name, path in files.items()}
    document = {
        "model": os.path.realpath(model_dir),
        "task": task,
        "inputs": dict(inputs),
        "files": given,
        "limits": asdict(limits),
        "hidden": [os.path.realpath(path) for path in host.hidden],
        "demand": host.demand_isolation,
    }
    try:
        return json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"The input of the model has no JSON form: {error}.") from error


def _lend(source: Path, target: Path) -> Path:
    """A copy: a hard link would let the model change the original."""
    shutil.copyfile(source, target)
    return target


def _environment(work: Path) -> dict[str, str]:
    """The whole environment of the process; nothing is inherited."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLFLOW_TRACKING_URI": f"file://{work}/mlruns",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MPLCONFIGDIR": str(work / "tmp"),
        "NUMBA_CACHE_DIR": str(work / "tmp"),
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1"),
        "MALLOC_ARENA_MAX": "2",
    }


def _started(work: Path, limits: Limits, host: Host, progress: Progress | None) -> Ended:
    with (work / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [host.python, "-I", "-B", str(MAIN), str(work)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=_environment(work),
            cwd=work,
            start_new_session=True,
        )
    return watch(
        process,
        work,
        seconds=limits.seconds,
        memory=limits.memory,
        output=limits.output,
        beat=_teller(work / "progress.json", progress),
    )


def _teller(path: Path, progress: Progress | None) -> Callable[[], None]:
    last: list[str] = []

    def tell() -> None:
        if progress is None:
            return
        with suppress(OSError, ValueError, KeyError, TypeError):
            text = _small(path, 1000)
            if text and text not in last:
                last[:] = [text]
                told = json.loads(text)
                progress(int(told["done"]), int(told["total"]), str(told["what"])[:80])

    return tell


def _small(path: Path, limit: int) -> str:
    """At most `limit` bytes of a file, which the model may have replaced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(limit + 1).decode("utf-8", "replace")


def _result(work: Path, ended: Ended, limits: Limits, *, host: Host, keep: Path | None) -> RunResult:
    isolation = _isolation(work)
    said = _said(work, host)
    if ended.reason or ended.code == REFUSED:
        raise _stopped(ended, limits, isolation)
    answer = _answer(work, limits)
    if answer is None:
        raise _crashed(ended, said)
    if "error" in answer:
        raise _failed(answer["error"], limits, host)
    return RunResult(
        output=answer["output"],
        isolation=isolation,
        seconds=round(ended.seconds, 3),
        peak_memory=ended.peak,
        said=said,
        files=_kept(work / "out", keep, limits) if keep else {},
    )


def _isolation(work: Path) -> Isolation:
    try:
        told = json.loads(_small(work / "isolation.json", 5000))
        return Isolation(**{**told, "problem": str(told["problem"])[:200]})
    except (OSError, ValueError, TypeError, KeyError):
        return Isolation(problem="the process ended before reporting it")


def _said(work: Path, host: Host) -> str:
    try:
        with (work / "said.txt").open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - SAID_LIMIT))
            return host.redact(stream.read(SAID_LIMIT).decode("utf-8", "replace"))
    except OSError:
        return ""


def _answer(work: Path, limits: Limits) -> dict[str, Any] | None:
    try:
        text = _small(work / "result.json", limits.answer)
    except OSError:
        return None
    if len(text) > limits.answer:
        raise ModelRunError(
            f"The model's answer is larger than {limits.answer // 2**20:,} MB.",
            hint="Request fewer rows.",
            code="model_output",
        )
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.keys() & {"output", "error"} else None


def _stopped(ended: Ended, limits: Limits, isolation: Isolation) -> ModelRunError:
    if ended.reason == "time":
        message = f"The model did not finish within {limits.seconds:g} seconds and was stopped."
        return ModelRunError(
            message, hint="Increase COUNTERSIGN_RUNNER_SECONDS, or find out why it hangs.", code="model_time"
        )
    if ended.reason == "memory":
        return _memory_error(limits)
    if ended.reason == "output":
        message = f"The model wrote more than {limits.output // 2**20:,} MB and was stopped."
        return ModelRunError(message, hint="A model does not need to write files to predict.", code="model_output")
    return ModelRunError(
        f"The model was not run: {isolation.sentence()}",
        hint="Allow unprivileged user namespaces, or set COUNTERSIGN_RUNNER_ISOLATION=when_possible.",
        code="model_isolation",
    )


def _memory_error(limits: Limits) -> ModelRunError:
    return ModelRunError(
        f"The model exceeded {limits.memory // 2**20:,} MB of memory and was stopped.",
        hint="Increase COUNTERSIGN_RUNNER_MEMORY_MB, or score fewer rows.",
        code="model_memory",
    )


def _crashed(ended: Ended, said: str) -> ModelRunError:
    how = f"signal {ended.code - 128}" if ended.code > 128 else f"exit code {ended.code}"
    last = said.strip().splitlines()[-1][:300] if said.strip() else ""
    more = f" Last output: {last}" if last else ""
    return ModelRunError(
        f"The model's process ended without an answer ({how}).{more}",
        hint="Check whether the model loads outside the portal and whether it needs more memory.",
        code="model_crashed",
    )


def _failed(error: Any, limits: Limits, host: Host) -> ModelRunError:
    told = error if isinstance(error, dict) else {}
    kind, text = str(told.get("type", "Error"))[:80], host.redact(str(told.get("message", "")))[:500]
    if kind in {"MemoryError", "_ArrayMemoryError"}:
        return _memory_error(limits)
    if told.get("stage") == "load":
        return ModelRunError(
            f"The model cannot be loaded: {kind}: {text}",
            hint="The runner needs the model's libraries: set COUNTERSIGN_RUNNER_PYTHON to a Python that has them.",
            code="model_load",
        )
    return ModelRunError(
        f"The model failed: {kind}: {text}", hint="Check the input and the model.", code="model_failed"
    )


def _kept(out: Path, keep: Path, limits: Limits) -> dict[str, Path]:
    """Regular files directly below the out folder, moved; links and folders stay behind."""
    keep.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    for entry in _entries(out):
        if entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size <= limits.output:
            found[entry.name] = Path(shutil.move(entry.path, keep / entry.name))
    return found


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)
