"""The demo's history, created by the real workflow: version 4 was requested, approved and released, and serves since.

A request for version 7 is open: its average barely changes, but it is worse for women.

Nothing here writes into the portal's database: the services that the pages use do, and the portal's own worker runs the
rollout. `python -m demo.history --directory DIR` can start while later versions are still training: each part waits for
what it needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import requests

from demo.layout import ENVIRONMENT, HISTORY, Layout, read_layout
from demo.people import ANA, BEN
from demo.portal_access import actor_of, opened_portal
from demo.traffic import score
from demo.world.kept import read_world
from demo.world.names import AWKWARD, BIKES, MODEL, SOUND
from services.bootstrap.portal import OpenedPortal
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import DecisionKind, RequestState
from services.domain.registry import VersionKey
from services.errors import PortalError

FIRST = 4
WAITING = 7
RELEASE_SECONDS = 420.0
ENDPOINT_SECONDS = 120.0
WORLD_SECONDS = 600.0
LOOK_EVERY = 0.1
ROWS = 60


class HistoryError(Exception):
    """The demo's history could not be created; the message says where to look."""


def main() -> int:
    """Create the history; if that fails, the exit status is 1 and the reason is on stderr."""
    parser = argparse.ArgumentParser(prog="python -m demo.history", description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    try:
        make_history(read_layout(parser.parse_args().directory))
    except (HistoryError, PortalError, requests.RequestException) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def make_history(layout: Layout) -> None:
    """Promote version 4, let it serve, and open further requests; once per demo."""
    marker = layout.directory / HISTORY
    if marker.exists():
        return
    with opened_portal(layout) as opened:
        _await(lambda: _is_registered(layout, FIRST), WORLD_SECONDS, f"{MODEL} v{FIRST} is not registered", layout)
        with _step(f"history: {MODEL} v{FIRST} is requested, approved and released"):
            request_id = _promote(opened, FIRST)
            _await(lambda: _is_released(opened, request_id, layout), RELEASE_SECONDS, "The release did not end", layout)
        with _step(f"{ROWS} predictions at the production endpoint"):
            _await(lambda: _is_answering(layout), ENDPOINT_SECONDS, "The production endpoint is not ready", layout)
            score(layout, MODEL, range(ROWS))
        _await(lambda: read_world(layout.directory) is not None, WORLD_SECONDS, "The models are not finished", layout)
        with _step(f"{MODEL} v{WAITING} is requested and waits for a decision"):
            _ask_for(opened, WAITING, "Trained on fewer rows, so it is quicker to train; the AUC is about the same.")
            _ask_for_bikes(opened)
        opened.sync.refresh([MODEL, BIKES, AWKWARD])
    marker.write_text(json.dumps({"request": request_id}))


@contextmanager
def _step(text: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    print(f"{text} ({time.monotonic() - begun:.1f} s)", flush=True)


def _promote(opened: OpenedPortal, version: int) -> str:
    request = _ask_for(opened, version, "Better than the logistic regression on every slice that we look at.")
    if request.state is RequestState.OPEN:
        opened.portal.promotions.decide(
            actor_of(BEN), request.id, DecisionKind.APPROVE, seen=request.plan_digest,
            reason="Compared with v3: better, no slice harmed, card and tests complete.", idempotency_key=uuid4().hex,
        )  # fmt: skip
    return request.id


def _ask_for(opened: OpenedPortal, version: int, reason: str, model: str = MODEL) -> PromotionRequest:
    """The request for a version: an existing one (an earlier start may have been interrupted), or a new one by Ana."""
    opened.sync.refresh([model])
    desk = opened.portal.promotions
    earlier = desk.find(text=model, states=[RequestState.OPEN, RequestState.ROLLING_OUT, RequestState.PROMOTED]).rows
    found = next((row for row in earlier if row.key == VersionKey(model, version)), None)
    return found or desk.open(actor_of(ANA), VersionKey(model, version), ENVIRONMENT, reason=reason)


def _ask_for_bikes(opened: OpenedPortal) -> None:
    """The higher tier: two disciplines sign in order; the first has a question."""
    request = _ask_for(
        opened,
        SOUND,
        "A simple start: nothing serves the bike model yet, and a linear model is easy to explain.",
        BIKES,
    )
    if request.state is RequestState.OPEN and not opened.portal.promotions.detail(actor_of(BEN), request.id).comments:
        text = f"@{ANA.id}, the run has no tests and no model card. Is last year's data set still right?"
        opened.portal.promotions.comment(actor_of(BEN), request.id, text, idempotency_key=f"bikes-{request.id}")


def _await(is_so: Callable[[], bool], seconds: float, problem: str, layout: Layout) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise HistoryError(f"{problem} within {seconds:g} s. {_where(layout)}")
        time.sleep(LOOK_EVERY)


def _is_registered(layout: Layout, version: int) -> bool:
    """A version counts as present once everything about it is logged."""
    address = f"{layout.mlflow_url}/api/2.0/mlflow/model-versions/get"
    return requests.get(address, params={"name": MODEL, "version": str(version)}, timeout=10).ok


def _is_released(opened: OpenedPortal, request_id: str, layout: Layout) -> bool:
    detail = opened.portal.promotions.detail(actor_of(ANA), request_id)
    if detail.request.is_final and detail.request.state is not RequestState.PROMOTED:
        error = detail.rollout.error if detail.rollout else ""
        raise HistoryError(f"The first release ended {detail.request.state.value}. {error} {_where(layout)}")
    return detail.request.state is RequestState.PROMOTED


def _is_answering(layout: Layout) -> bool:
    """Wait for the endpoint, whose model loads again after a restart."""
    answer = requests.get(f"{layout.serving_url}/endpoints/{MODEL}", timeout=10)
    return answer.ok and answer.json()["state"] == "ready"


def _where(layout: Layout) -> str:
    return f"The logs are in {layout.directory / 'run'}."


if __name__ == "__main__":
    sys.exit(main())
