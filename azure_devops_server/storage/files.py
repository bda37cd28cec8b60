"""Logs, artifacts and attachments on disk, and their rows."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from azure_devops_server.model.build import Artifact, Attachment, LogFile
from azure_devops_server.storage.state import State

_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)


class Files:
    """What runs write, below the server's folder."""

    def __init__(self, root: Path, state: State, clock: Callable[[], datetime]) -> None:
        self._root = root
        self._state = state
        self._clock = clock

    def new_log(self, owner: str | int) -> LogFile:
        """An empty log of a build or deployment; ids count from 1 within it."""
        now = self._clock()
        with self._state.store.lock:
            number = len(self._state.logs.within(owner)) + 1
            return self._state.logs.put(LogFile(str(owner), number, created=now, changed=now))

    def append(self, log: LogFile, text: str) -> LogFile:
        """Add whole lines to a log."""
        path = self._log_path(log)
        with self._state.store.lock:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(text if text.endswith("\n") else f"{text}\n")
            added = text.removesuffix("\n").count("\n") + 1
            now = self._clock()
            key = f"{log.owner}/{log.id}"
            return self._state.logs.change(key, lambda row: replace(row, lines=row.lines + added, changed=now))

    def read_log(self, log: LogFile, first: int | None = None, last: int | None = None) -> str:
        """A log's text, or its lines `first` to `last`, counted from 1, both included."""
        path = self._log_path(log)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if first is None and last is None:
            return text
        lines = text.splitlines(keepends=True)
        start = max((first or 1) - 1, 0)
        return "".join(lines[start : last or None])

    def keep_artifact(self, build_id: int, name: str, source: Path, *, producer: str) -> Artifact:
        """Copy a file or folder as an artifact; one of the same name is replaced."""
        with self._state.store.lock:
            known = next((row for row in self._state.artifacts.within(build_id) if row.name == name), None)
            number = known.id if known else len(self._state.artifacts.within(build_id)) + 1
        target = self.artifact_path(build_id, number)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copy2(source, target / source.name)
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file() and not path.is_symlink())
        return self._state.artifacts.put(Artifact(build_id, number, name=name, source=producer, size=size))

    def artifact_path(self, build_id: int, number: int) -> Path:
        """The folder with an artifact's content."""
        return self._root / "artifacts" / str(build_id) / str(number)

    def artifact_zip(self, artifact: Artifact) -> bytes:
        """An artifact as a zip; all entries are below a folder of its name. Links are left out."""
        folder = self.artifact_path(artifact.build_id, artifact.id)
        entries = {
            f"{artifact.name}/{path.relative_to(folder).as_posix()}": path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        return zipped({name: path.read_bytes() for name, path in entries.items()})

    def keep_attachment(self, build_id: int, record_id: str, source: Path, *, kind: str) -> Attachment:
        """Copy a file that a step attached."""
        file = f"{record_id}-{_UNSAFE.sub('_', kind)}-{_UNSAFE.sub('_', source.name)}"
        target = self.attachment_path(build_id, file)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        return self._state.attachments.put(Attachment(build_id, record_id, kind, source.name, file))

    def attachment_path(self, build_id: int, file: str) -> Path:
        """Where an attachment lies."""
        return self._root / "attachments" / str(build_id) / file

    def _log_path(self, log: LogFile) -> Path:
        return self._root / "logs" / log.owner / f"{log.id}.log"


def zipped(entries: dict[str, bytes]) -> bytes:
    """A zip file with the given entries."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()
