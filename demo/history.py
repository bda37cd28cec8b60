"""A past for the demo, made by the real workflow: version 4 was asked for, approved, released and has answered since.

Version 7 has been asked for and waits: its average barely moves, and women are harmed.

Nothing is written into the portal's database from here: the same services do it that the pages use, and the portal's
own worker carries the rollout out.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import requests

from demo.layout import ENVIRONMENT, Layout
from demo.people import ANA, BEN, DemoPerson
from demo.show import Progress
from demo.world.adult import load_adult
from demo.world.gaps import BIKES, SOUND
from demo.world.registry import MODEL
from services.bootstrap.portal import OpenedPortal, build_portal, open_access
from services.cli.access import administrator
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import DecisionKind, RequestState
from services.domain.registry import VersionKey
from services.settings import Settings, load_settings

FIRST = 4
WAITING = 7
MARKER = "history.json"
RELEASE_SECONDS = 420.0
ENDPOINT_SECONDS = 120.0
ROWS = 60
TOKEN_LIFE = timedelta(days=366)


class HistoryError(Exception):
    """The demo's past could not be made; the message says where to look."""


def make_history(layout: Layout, progress: Progress) -> None:
    """Promote version 4 and let it answer; once a world."""
    marker = layout.directory / MARKER
    if marker.exists():
        return
    with opened_portal(layout) as opened:
        with progress.step(f"the past: {MODEL} v{FIRST} is asked for, approved and released"):
            request_id = _promote(opened, FIRST)
            _await_end(opened, request_id, layout)
        with progress.step(f"{ROWS} predictions at the production endpoint"):
            _await_endpoint(layout)
            score(layout, range(ROWS))
        with progress.step(f"{MODEL} v{WAITING} is asked for and waits for a decision"):
            _ask_for(opened, WAITING, "Trained on fewer rows, so it is quicker to train; the AUC is about the same.")
            _ask_for_bikes(opened)
    marker.write_text(json.dumps({"request": request_id}))


@contextlib.contextmanager
def opened_portal(layout: Layout) -> Iterator[OpenedPortal]:
    """The portal's services on the demo's database, without background work of their own."""
    opened = build_portal(_settings(layout))
    try:
        yield opened
    finally:
        opened.close()


def _settings(layout: Layout) -> Settings:
    values = {k.removeprefix("COUNTERSIGN_").lower(): v for k, v in layout.portal_settings().items()}
    values["demo_people"] = json.loads(values["demo_people"])
    return load_settings(_env_file=None, **values)


def issue_token(layout: Layout) -> str:
    """The service token of the demo's pipelines, issued as `countersign token create` does."""
    with open_access(_settings(layout)) as access:
        scopes = [Scope.READ, Scope.OPEN_REQUESTS]
        _, secret = access.tokens.issue(administrator(), "pipelines", scopes=scopes, lifetime=TOKEN_LIFE)
    return secret


def _promote(opened: OpenedPortal, version: int) -> str:
    request = _ask_for(opened, version, "Better than the logistic regression on every slice that we look at.")
    if request.state is RequestState.OPEN:
        opened.portal.promotions.decide(
            actor_of(BEN), request.id, DecisionKind.APPROVE, seen=request.plan_digest,
            reason="Compared with v3: better, no slice harmed, card and tests complete.", idempotency_key=uuid4().hex,
        )  # fmt: skip
    return request.id


def _ask_for(opened: OpenedPortal, version: int, reason: str, model: str = MODEL) -> PromotionRequest:
    """The request for a version: an earlier one (the start may have been cut off), or a new one of Ana's."""
    opened.sync.refresh([model])
    desk = opened.portal.promotions
    earlier = desk.find(text=model, states=[RequestState.OPEN, RequestState.ROLLING_OUT, RequestState.PROMOTED]).rows
    found = next((row for row in earlier if row.key == VersionKey(model, version)), None)
    return found or desk.open(actor_of(ANA), VersionKey(model, version), ENVIRONMENT, reason=reason)


def _ask_for_bikes(opened: OpenedPortal) -> None:
    """The higher tier: two disciplines sign one after the other; the first of them has a question."""
    request = _ask_for(
        opened,
        SOUND,
        "A plain start: nothing answers for the bikes yet, and a linear model is easy to explain.",
        BIKES,
    )
    if request.state is RequestState.OPEN and not opened.portal.promotions.detail(actor_of(BEN), request.id).comments:
        text = (
            f"@{ANA.id}, there are no tests and no model card with the run. Is the data set of last year still right?"
        )
        opened.portal.promotions.comment(actor_of(BEN), request.id, text, idempotency_key=f"bikes-{request.id}")


def _await_end(opened: OpenedPortal, request_id: str, layout: Layout) -> None:
    end = time.monotonic() + RELEASE_SECONDS
    while time.monotonic() < end:
        detail = opened.portal.promotions.detail(actor_of(ANA), request_id)
        if detail.request.state is RequestState.PROMOTED:
            return
        if detail.request.is_final:
            error = detail.rollout.error if detail.rollout else ""
            raise HistoryError(f"The first release ended {detail.request.state.value}. {error} {_where(layout)}")
        time.sleep(0.5)
    raise HistoryError(f"The first release did not end within {RELEASE_SECONDS:g} s. {_where(layout)}")


def _await_endpoint(layout: Layout) -> None:
    """After a restart, the endpoint's model loads again."""
    end = time.monotonic() + ENDPOINT_SECONDS
    while time.monotonic() < end:
        answer = requests.get(f"{layout.serving_url}/endpoints/{MODEL}", timeout=10)
        if answer.ok and answer.json()["state"] == "ready":
            return
        time.sleep(0.5)
    raise HistoryError(f"The production endpoint is not ready within {ENDPOINT_SECONDS:g} s. {_where(layout)}")


def _where(layout: Layout) -> str:
    return f"The logs are in {layout.directory / 'run'}."


def actor_of(person: DemoPerson) -> Actor:
    """A demo person at work."""
    return Actor(Person(person.id, person.name), frozenset(Role(role) for role in person.roles))


def score(layout: Layout, numbers: range) -> list[str]:
    """Send evaluation rows to the production endpoint one by one; returns the request ids."""
    rows = load_adult().evaluation.features
    ids: list[str] = []
    for number in numbers:
        row = rows.iloc[[number % len(rows)]]
        body: dict[str, Any] = {"dataframe_split": {"columns": list(row.columns), "data": row.to_numpy().tolist()}}
        answer = requests.post(f"{layout.serving_url}/endpoints/{MODEL}/invocations", json=body, timeout=30)
        answer.raise_for_status()
        ids += answer.json()["request_ids"]
    return ids
