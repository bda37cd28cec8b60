"""As of T: what was live in each environment at any past moment, from the ledger alone.

Neither MLflow nor the deployments table is read: deleting a model, a version, a run or a user changes no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from services.database.unit import Units
from services.domain.registry import VersionKey
from services.domain.why.live_history import Happened, LiveEvent, Spell, Timeline, timeline_of
from services.errors import InvalidInputError
from services.ledger.actions import Action
from services.ledger.reader import read_stored
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, StoredEntry
from services.ledger.tree.entry import LedgerEntry

PIECE = 500
MEANING: Mapping[Action, Happened] = {
    Action.REQUEST_OPENED: Happened.SEALED,
    Action.REQUEST_SEALED: Happened.SEALED,
    Action.ROLLOUT_STARTED: Happened.STARTED,
    Action.ROLLOUT_STEP_DONE: Happened.STEP_DONE,
    Action.VERSION_LIVE: Happened.LIVE,
    Action.VERSION_RETIRED: Happened.RETIRED,
    Action.ROLLOUT_COMPENSATED: Happened.UNDONE,
    Action.ROLLOUT_VOIDED: Happened.UNDONE,
    Action.ROLLOUT_STOPPED: Happened.STOPPED,
    Action.INCIDENT_OPENED: Happened.INCIDENT,
}


class AsOf:
    """Reads the timeline from the ledger."""

    def __init__(self, units: Units) -> None:
        self._units = units

    def timeline(self, model: str = "") -> Timeline:
        """Everything the ledger has about one model, or all."""
        with self._units.read() as unit:
            return read_timeline(unit.archive, model)

    def live_at(self, moment: datetime, *, model: str = "", environment: str = "") -> tuple[Spell, ...]:
        """What was live then, most certain first."""
        return self.timeline(model).at(moment, model=model, environment=environment)


def read_timeline(archive: LedgerArchive, model: str = "") -> Timeline:
    """The timeline of one model, or of all; entries that cannot be read are named, not silently skipped."""
    events: list[LiveEvent] = []
    problems: list[str] = []
    for stored in sorted(_stored(archive, model), key=lambda row: row.seq):
        read = read_stored(stored)
        if read.problem:
            problems.append(f"Ledger entry {read.seq}: {read.problem}.")
        if read.entry is not None:
            event = _event(read.entry)
            events += [event] if event else []
    return timeline_of(events, problems=problems)


def _stored(archive: LedgerArchive, model: str) -> Iterator[StoredEntry]:
    for action in MEANING:
        wanted = EntryFilter(action_prefix=action.value, subject_type="model_version")
        page = archive.page(wanted, EntryPage(PIECE))
        while page:
            yield from (row for row in page if not model or _model_of(str(row.columns["subject_id"])) == model)
            page = archive.page(wanted, EntryPage(PIECE, page[-1].seq)) if len(page) == PIECE else []


def _model_of(subject_id: str) -> str:
    return subject_id.rpartition("/")[0]


def _event(entry: LedgerEntry) -> LiveEvent | None:
    model, _, number = entry.subject.id.rpartition("/")
    if not model or not number.isdigit():
        return None
    before, after = _object(entry.before), _object(entry.after)
    return LiveEvent(
        seq=entry.seq,
        at=entry.time,
        what=MEANING[entry.action],
        key=VersionKey(model, int(number)),
        request_id=entry.request_id or "",
        plan_digest=entry.plan_digest or "",
        environment=str(after.get("environment") or ""),
        step=str(after.get("step") or ""),
        before=_number(before.get("version")),
        release=str(after.get("release") or ""),
        run_id=_number(after.get("run")),
        sentence=str(after.get("sentence") or ""),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def parse_moment(text: str) -> datetime:
    """A moment as people write it: ISO 8601; without a zone it is UTC. Raises InvalidInputError."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InvalidInputError(
            f"{text!r} is not a time.", hint="Write it like 2026-11-20T10:00:00 or 2026-11-20T11:00:00+01:00."
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
