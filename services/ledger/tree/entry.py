"""One entry of the ledger, and its one text.

The body is an RFC 8785 object that always has the same fourteen keys; unknown values are null. An entry of version 1
never gains or loses a key: a new shape gets a new `v`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from services.errors import IntegrityError, InvalidInputError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json, canonical_text, parse_canonical

ENTRY_VERSION = 1
MAX_BODY_BYTES = 256 * 1024
"""Larger content is evidence: store it as a file and record its digest here."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_KEYS = frozenset(
    {"action", "actor", "after", "at", "before", "on_behalf_of", "personal"}
    | {"plan_digest", "portal_version", "reason", "request_id", "seq", "subject", "v"}
)


@dataclass(frozen=True)
class Actor:
    """Who did it: the identity provider's immutable id and the name shown at that time."""

    id: str
    name: str


@dataclass(frozen=True)
class Subject:
    """What it was done to: a kind of thing (``promotion_request``, ``model_version``, …) and its id."""

    type: str
    id: str


@dataclass(frozen=True)
class LedgerEntry:
    """One past fact. `at` is UTC text with microseconds, `before` and `after` are JSON."""

    seq: int
    at: str
    actor: Actor
    action: Action
    subject: Subject
    on_behalf_of: Actor | None = None
    plan_digest: str | None = None
    before: Json = None
    after: Json = None
    reason: str | None = None
    request_id: str | None = None
    """The promotion request that the entry belongs to, if any."""
    personal: Mapping[str, str] | None = None
    """Field name to ``sha256:`` commitment; the values are in an erasable side table."""
    portal_version: str = ""
    v: int = ENTRY_VERSION

    def __post_init__(self) -> None:
        _check(self)

    @property
    def time(self) -> datetime:
        """`at` as an aware datetime."""
        return datetime.fromisoformat(self.at)

    def body(self) -> str:
        """The canonical text: what is stored, hashed and exported."""
        text = canonical_text(_as_json(self))
        if len(text.encode()) > MAX_BODY_BYTES:
            raise InvalidInputError(
                f"This ledger entry is larger than {MAX_BODY_BYTES // 1024} KiB.",
                hint="Store the content as evidence and record its digest in the ledger.",
            )
        return text

    @classmethod
    def parse(cls, body: str) -> LedgerEntry:
        """Read a stored body; `IntegrityError` for anything that `body` would not have written."""
        value = parse_canonical(body)
        if not isinstance(value, dict) or set(value) != _KEYS:
            raise IntegrityError("A ledger entry lacks keys or has unknown ones.")
        try:
            return _from_json(value)
        except (InvalidInputError, ValueError, TypeError, KeyError) as error:
            raise IntegrityError(f"A ledger entry is malformed: {error}") from error


def instant(moment: datetime) -> str:
    """UTC text with microseconds and Z; sorts as the time does. Rejects a naive datetime."""
    if moment.tzinfo is None:
        raise InvalidInputError("A ledger time requires a time zone.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _as_json(entry: LedgerEntry) -> dict[str, Any]:
    behalf = entry.on_behalf_of
    return {
        "v": entry.v,
        "seq": entry.seq,
        "at": entry.at,
        "actor": {"id": entry.actor.id, "name": entry.actor.name},
        "on_behalf_of": None if behalf is None else {"id": behalf.id, "name": behalf.name},
        "action": entry.action.value,
        "subject": {"type": entry.subject.type, "id": entry.subject.id},
        "plan_digest": entry.plan_digest,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "personal": None if entry.personal is None else dict(entry.personal),
        "portal_version": entry.portal_version,
    }


def _from_json(value: dict[str, Any]) -> LedgerEntry:
    behalf = value["on_behalf_of"]
    fields = dict(value)
    fields["actor"] = Actor(**value["actor"])
    fields["on_behalf_of"] = None if behalf is None else Actor(**behalf)
    fields["subject"] = Subject(**value["subject"])
    fields["action"] = Action(value["action"])
    return LedgerEntry(**fields)


def _check(entry: LedgerEntry) -> None:
    behalf = entry.on_behalf_of
    people = [entry.actor, *([behalf] if behalf is not None else [])]
    for text in (entry.subject.type, entry.subject.id, *(part for p in people for part in (p.id, p.name))):
        _check_name(text)
    _check_optional("request id", entry.request_id)
    _check_optional("reason", entry.reason)
    if type(entry.seq) is not int or entry.seq < 1 or entry.v != ENTRY_VERSION:
        raise InvalidInputError(f"A ledger entry has a number from 1 and version {ENTRY_VERSION}.")
    if not _INSTANT.fullmatch(entry.at):
        raise InvalidInputError(f"{entry.at!r} is not a UTC time with microseconds and Z.")
    for digest in (entry.plan_digest, *(entry.personal or {}).values()):
        if digest is not None and not _DIGEST.fullmatch(digest):
            raise InvalidInputError(f"{digest!r} is not a digest of the form sha256:<64 hexadecimal digits>.")


def _check_name(text: object) -> None:
    if not isinstance(text, str) or not text or len(text) > 500 or "\x00" in text:
        raise InvalidInputError("Actors and subjects of a ledger entry need an id of 1 to 500 characters.")


def _check_optional(what: str, text: object) -> None:
    if text is not None and (not isinstance(text, str) or "\x00" in text):
        raise InvalidInputError(f"The {what} of a ledger entry is a text without NUL, or absent.")
