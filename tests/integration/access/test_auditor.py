"""Who reads everything changes nothing: with the auditor's hands; `test_matrix` tries every command."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.access.sessions import SessionDesk
from services.access.tokens import TokenDesk
from services.domain.identity.people import PERMISSIONS, Permission, Role
from services.domain.identity.sessions import SessionRules
from services.domain.identity.tokens import Scope
from services.domain.promotions.requests import DecisionKind
from services.domain.registry import VersionKey
from services.errors import NotAllowedError, RefusedError
from services.releases.desk import ReleaseDesk
from tests.simulators.basics import CHLOE, DEV
from tests.world import MODEL, World

CHANGING = {
    Permission.COMMENT, Permission.OPEN_REQUEST, Permission.DECIDE, Permission.OPERATE_RELEASE, Permission.MANAGE_ACCESS,
}  # fmt: skip
KEY = VersionKey(MODEL, 3)


def commands(world: World, request_id: str, digest: str) -> dict[str, Any]:
    desk, releases = world.desk, ReleaseDesk(world.units, world.pipelines, world.clock)
    told = {"reason": "I should not be able to.", "idempotency_key": "k"}
    return {
        "Promotions.open": lambda: desk.open(DEV, KEY, "production", reason="x"),
        "Promotions.decide": lambda: desk.decide(DEV, request_id, DecisionKind.APPROVE, seen=digest, **told),
        "Promotions.decide/reject": lambda: desk.decide(DEV, request_id, DecisionKind.REJECT, seen=digest, **told),
        "Promotions.reseal": lambda: desk.reseal(DEV, request_id),
        "Promotions.withdraw": lambda: desk.withdraw(DEV, request_id, reason="x"),
        "Promotions.comment": lambda: desk.comment(DEV, request_id, "x", idempotency_key="c"),
        "Releases.cancel": lambda: releases.cancel(DEV, "ml", 1),
        "Releases.retry_stage": lambda: releases.retry_stage(DEV, "ml", 1, "Production"),
        "tokens.issue": lambda: _tokens(world).issue(DEV, "mine", scopes=[Scope.READ], lifetime=timedelta(days=1)),
        "tokens.revoke": lambda: _tokens(world).revoke(DEV, "tok-1"),
        "sessions.end_all_of": lambda: _sessions(world).end_all_of(DEV, "ana.ruiz"),
    }


def _tokens(world: World) -> TokenDesk:
    return TokenDesk(world.units, clock=world.clock, ids=world.ids)


def _sessions(world: World) -> SessionDesk:
    return SessionDesk(world.units, world.clock, rules=SessionRules())


def everything(world: World) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with world.engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: sorted(map(str, connection.execute(text(f"SELECT * FROM {name}")).all())) for name in names}


def test_roles__that_only_read__hold_no_permission_that_changes() -> None:
    assert not PERMISSIONS[Role.AUDITOR] & CHANGING
    assert not PERMISSIONS[Role.READER] & CHANGING
    assert {Permission.BROWSE, Permission.READ_LEDGER, Permission.LOOK_UP_PREDICTION, Permission.EXPORT} <= PERMISSIONS[
        Role.AUDITOR
    ]


def test_auditor__every_command__is_refused_and_leaves_no_trace(world: World) -> None:
    request = world.open()
    before = everything(world)
    for name, command in commands(world, request.id, request.plan_digest).items():
        with pytest.raises((NotAllowedError, RefusedError)):
            command()
        assert everything(world) == before, name


def test_auditor__reads_the_evidence__and_that_is_recorded_once_a_day(world: World) -> None:
    request = world.open()
    for _ in range(3):
        assert world.desk.detail(DEV, request.id).evidence
    assert world.actions().count("evidence:bundle:viewed") == 1
    world.desk.detail(CHLOE, request.id)
    world.clock.advance(24 * 3600)
    world.desk.detail(DEV, request.id)
    assert world.actions().count("evidence:bundle:viewed") == 3
