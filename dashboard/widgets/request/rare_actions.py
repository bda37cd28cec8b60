"""The rarer actions on a request: reassign, delegate, snooze, raise a finding, break glass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import streamlit as st

from dashboard import identity, wiring
from dashboard.widgets.base.commands import Command
from services.domain.identity.people import Actor
from services.domain.promotions.oversight import NewFinding, Severity
from services.domain.promotions.rights import UserAction
from services.errors import InvalidInputError
from services.promotions.answers import RequestDetail

LABELS = {
    UserAction.DELEGATE: ("Delegate", ":material/person_add:"),
    UserAction.REASSIGN: ("Reassign", ":material/forward:"),
    UserAction.DEFER: ("Snooze", ":material/snooze:"),
    UserAction.RAISE_FINDING: ("Raise a finding", ":material/flag:"),
    UserAction.BREAK_GLASS: ("Break glass", ":material/emergency:"),
}


def command_for(action: UserAction, detail: RequestDetail, name: str, subject: str) -> Command:
    """The dialog of one of these actions."""
    return _BUILDERS[action](detail, name, subject)


def _delegate(detail: RequestDetail, name: str, subject: str) -> Command:
    picked: dict[str, Any] = {}

    def run(actor: Actor, reason: str, key: str) -> object:
        return wiring.portal().assigning.delegate(
            actor, detail.request.id, to=_person(picked), reason=reason, idempotency_key=key
        )

    slots = ", ".join(detail.slots)
    return Command(
        name=name, title="Delegate", label="Delegate", run=run, done="Delegated",
        lead=f"{subject}  \nAnother reviewer signs for **{slots}** in your place. "
        "The four-eyes rule applies to them as well.",
        extra=lambda: _pick_person(picked, detail, name),
    )  # fmt: skip


def _reassign(detail: RequestDetail, name: str, subject: str) -> Command:
    picked: dict[str, Any] = {}

    def run(actor: Actor, reason: str, key: str) -> object:
        return wiring.portal().assigning.reassign(
            actor, detail.request.id, to=_person(picked), reason=reason, idempotency_key=key
        )

    return Command(
        name=name, title="Reassign", label="Reassign", run=run, done="Reassigned",
        lead=f"{subject}  \nIt moves from your queue to theirs.",
        extra=lambda: _pick_person(picked, detail, name),
    )  # fmt: skip


def _defer(detail: RequestDetail, name: str, subject: str) -> Command:
    picked: dict[str, Any] = {}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)

    def ask() -> None:
        picked["day"] = st.date_input("Until", value=tomorrow, min_value=tomorrow, key=f"day:{name}")

    def run(actor: Actor, reason: str, key: str) -> object:
        until = datetime.combine(picked["day"], time(), UTC)
        return wiring.portal().assigning.defer(
            actor, detail.request.id, until=until, reason=reason, idempotency_key=key
        )

    return Command(
        name=name, title="Snooze", label="Snooze", run=run, done="Snoozed", extra=ask,
        lead=f"{subject}  \nIt leaves your queue until then. It still expires, and others may still decide.",
    )  # fmt: skip


def _raise_finding(detail: RequestDetail, name: str, subject: str) -> Command:
    picked: dict[str, Any] = {}

    def run(actor: Actor, reason: str, key: str) -> object:
        due = datetime.combine(picked["day"], time(23, 59), UTC)
        wanted = NewFinding(reason, picked["severity"], picked["owner"].id, due, detail.request.id)
        return wiring.portal().findings.raise_finding(actor, detail.request.key, wanted, idempotency_key=key)

    return Command(
        name=name, title="Raise a finding", label="Raise finding", run=run, done="Finding raised",
        lead=f"{subject}  \nOpen findings block approval, except low-severity ones.",
        reason_label="What is wrong?", extra=lambda: _ask_finding(picked, name),
    )  # fmt: skip


def _ask_finding(picked: dict[str, Any], name: str) -> None:
    with st.container(horizontal=True):
        picked["severity"] = st.selectbox(
            "Severity", list(Severity), index=1, key=f"severity:{name}", format_func=lambda s: s.value
        )
        people = list(wiring.portal().findings.people())
        picked["owner"] = st.selectbox("Owner", people, key=f"owner:{name}", format_func=lambda p: p.name)
        picked["day"] = st.date_input(
            "Until", value=datetime.now(UTC).date() + timedelta(days=7), key=f"due:{name}", min_value="today"
        )


def _break_glass(detail: RequestDetail, name: str, subject: str) -> Command:
    def run(actor: Actor, reason: str, key: str) -> object:
        return wiring.portal().emergency.break_glass(
            actor, detail.request.id, seen=detail.request.plan_digest, reason=reason, idempotency_key=key
        )

    return Command(
        name=name, title="Break glass", label="Promote without signatures", run=run, done="Glass broken",
        lead=f"{subject}  \n**This bypasses signatures and checks.** It is shown to everybody, written to the ledger "
        "under your name, and blocks further promotions there until another person has reviewed it. Countersign will "
        "then immediately:",
        explanation=detail.consequences, reason_label="What is the emergency?",
    )  # fmt: skip


def _pick_person(picked: dict[str, Any], detail: RequestDetail, name: str) -> None:
    people = list(wiring.portal().assigning.colleagues(identity.actor(), detail.request.id))
    picked["person"] = st.selectbox(
        "Who", people, key=f"person:{name}", format_func=lambda p: p.name,
        placeholder="Choose a reviewer" if people else "Nobody else may decide on this request",
    )  # fmt: skip


def _person(picked: Mapping[str, Any]) -> str:
    person = picked.get("person")
    if person is None:
        raise InvalidInputError("Nobody is chosen.", hint="Choose a reviewer.")
    return str(person.id)


_BUILDERS: dict[UserAction, Callable[[RequestDetail, str, str], Command]] = {
    UserAction.DELEGATE: _delegate,
    UserAction.REASSIGN: _reassign,
    UserAction.DEFER: _defer,
    UserAction.RAISE_FINDING: _raise_finding,
    UserAction.BREAK_GLASS: _break_glass,
}
