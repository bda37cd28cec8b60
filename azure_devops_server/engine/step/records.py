"""Timeline records and logs of a run, with secrets masked."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from azure_devops_server.engine.context import RunContext
from azure_devops_server.engine.journal import Issue, Record, RecordResult, RunJournal
from azure_devops_server.engine.step.masking import Masker

_WORST = ("succeeded", "succeededWithIssues", "failed", "canceled")


def worst(results: Iterable[RecordResult]) -> RecordResult:
    """The result of a whole from its parts: failed, canceled, with issues, succeeded; skipped where all are."""
    known = [result for result in results if result != "skipped"]
    if not known:
        return "skipped"
    order: tuple[RecordResult, ...] = ("failed", "canceled", "abandoned", "succeededWithIssues", "succeeded")
    return next(result for result in order if result in known)


def merged(current: RecordResult, coming: RecordResult) -> RecordResult:
    """A step's result after one more verdict on it: the worse counts; canceled and skipped stay."""
    if current not in _WORST[:3]:
        return current
    if coming not in _WORST:
        return coming
    return max(current, coming, key=_WORST.index)


class Recorder:
    """Writes records of one run."""

    def __init__(self, context: RunContext, journal: RunJournal, *, masker: Masker) -> None:
        self._context = context
        self._journal = journal
        self._masker = masker

    def now(self) -> datetime:
        """The time now, UTC."""
        return self._context.clock()

    def id_of(self, identifier: str, attempt: int | None = None) -> str:
        """The record id of an identifier in one attempt (by default the run's)."""
        number = self._context.attempt if attempt is None else attempt
        return str(uuid.uuid5(self._context.record_namespace, f"{identifier}@{number}"))

    def put(self, record: Record) -> Record:
        """Insert or replace a record; its texts are masked."""
        clean = replace(
            record,
            name=self._masker.mask(record.name),
            operation=self._masker.mask(record.operation) if record.operation else record.operation,
            issues=tuple(replace(issue, message=self._masker.mask(issue.message)) for issue in record.issues),
        )
        self._journal.record(clean)
        return clean

    def start(self, record: Record) -> Record:
        """Mark a record as in progress from now."""
        return self.put(replace(record, state="inProgress", started=self.now()))

    def finish(self, record: Record, result: RecordResult, *, error: str | None = None) -> Record:
        """Mark a record as completed now; `error` becomes one more issue."""
        issues = (*record.issues, Issue("error", error)) if error else record.issues
        now = self.now()
        return self.put(
            replace(
                record,
                state="completed",
                result=result,
                finished=now,
                issues=issues,
                percent=100 if record.type == "Task" and result != "skipped" else record.percent,
            )
        )

    def log(self, record_id: str, lines: Iterable[str]) -> None:
        """Append lines to a record's log, each with the time."""
        stamp = log_time(self.now())
        text = "".join(f"{stamp} {self._masker.mask(line)}\n" for item in lines for line in item.split("\n"))
        if text:
            self._journal.write_log(record_id, text)


def log_time(moment: datetime) -> str:
    """The time format of Azure's logs: seven digits, ``Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
