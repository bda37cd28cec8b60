"""The timeline of a build: records as the engine gives them, older attempts moved aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from azure_devops_server.engine.journal import Record
from azure_devops_server.model.build import Build, TimelineEntry
from azure_devops_server.storage.files import Files
from azure_devops_server.storage.state import State
from azure_devops_server.values import derived_guid


class Timeline:
    """Writes the records and logs of one build."""

    def __init__(self, state: State, files: Files, build: Build, clock: Callable[[], datetime]) -> None:
        self._state = state
        self._files = files
        self._build = build
        self._clock = clock

    def put(self, record: Record) -> TimelineEntry | None:
        """Insert or replace a record; returns the entry that was there under its id, if any."""
        with self._state.store.transaction():
            known = self._state.timeline.get(f"{self._build.id}/{record.id}")
            if known is None:
                self._write(record, previous=self._replaced(record))
            else:
                self._write(record, known=known)
                if known.timeline_id is not None:
                    self._move(record.id, None)
        return known

    def log(self, record_id: str, text: str) -> None:
        """Append text to a record's log, which is made by its first text."""
        with self._state.store.lock:
            entry = self._state.timeline.get(f"{self._build.id}/{record_id}")
            if entry is None:
                return
            if entry.log_id is None:
                log = self._files.new_log(self._build.id)
                self._state.timeline.put(replace(entry, log_id=log.id, change_id=self._next_change()))
            else:
                found = self._state.logs.get(f"{self._build.id}/{entry.log_id}")
                if found is None:
                    return
                log = found
            self._files.append(log, text)

    def _write(
        self, record: Record, *, known: TimelineEntry | None = None, previous: tuple[tuple[int, str, str], ...] = ()
    ) -> None:
        self._state.timeline.put(
            TimelineEntry(
                build_id=self._build.id,
                record=record,
                change_id=self._next_change(),
                modified=self._clock(),
                log_id=known.log_id if known else None,
                previous=known.previous if known else previous,
            )
        )

    def _replaced(self, record: Record) -> tuple[tuple[int, str, str], ...]:
        """Move what an earlier attempt left under the same identifier aside; its attempts so far."""
        for entry in self._state.timeline.within(self._build.id):
            old = entry.record
            same = old.identifier == record.identifier and old.type == record.type
            if same and entry.timeline_id is None and old.attempt < record.attempt:
                timeline_id = older_timeline(self._build, old.attempt)
                self._move(old.id, timeline_id)
                return (*entry.previous, (old.attempt, old.id, timeline_id))
        return ()

    def _move(self, record_id: str, timeline_id: str | None) -> None:
        """Put a record and all below it on an older timeline, or back."""
        entries = self._state.timeline.within(self._build.id)
        wanted = {record_id}
        for _ in range(6):  # Stage, Phase, Job, Task: the tree is never deeper
            wanted |= {entry.record.id for entry in entries if entry.record.parent_id in wanted}
        for entry in entries:
            if entry.record.id in wanted:
                self._state.timeline.put(replace(entry, timeline_id=timeline_id, change_id=self._next_change()))

    def _next_change(self) -> int:
        return self._state.store.next_number(f"change/{self._build.id}")


def older_timeline(build: Build, attempt: int) -> str:
    """The id of the timeline that keeps a replaced attempt's records."""
    return derived_guid(build.plan_id, f"attempt-{attempt}")
