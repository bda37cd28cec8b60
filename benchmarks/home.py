"""How fast the queue and the list of requests read: ``python -m benchmarks.home [--quick]``.

SQLite, 500 open requests (100 with --quick) and four times as many decided ones, under three policies with disciplines.
Every evidence document has a realistic size: a comparison of 8 000 held-out rows over four slice columns, sealed by the
portal's own code, with a model card of 6 kB; each request has a different one. Half of the requests have a signature;
one in ten was snoozed.

*One by one* reads each request with everything that its page needs, including the sealed evidence; *together* is what
the portal does. Milliseconds, median of the rounds. The last line is JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from services.comparisons.desk import compare_files, drift_files
from services.comparisons.held_out import HeldOutPredictions
from services.database.engine import open_engine
from services.database.unit import Unit
from services.domain.identity.people import Actor, Person, Role
from services.domain.policy import Governance
from services.domain.promotions.oversight import Assignment, AssignmentKind
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.promotions.requests import FINAL, Decision, DecisionKind, Participants, RequestState
from services.domain.promotions.rights import UserAction, actions
from services.domain.registry import VersionKey
from services.oversight.findings import FindingDesk
from services.oversight.reminding import ReminderDesk
from services.policies.reading import parse_governance
from services.promotions.desk import PromotionDesk
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Document, Sealed, Sealer
from services.promotions.sealed_request import facts_of
from tests.simulators.basics import ANA
from tests.world import MODEL, World

OPEN, QUICK = 500, 100
ROWS, DECIDED, LIVE, PEOPLE = 8_000, 4, 60, 30
PLACES = ("production", "emea", "apac")
RULES = "version: 1\nenvironments:\n" + "".join(f"  {name}: {{alias: {name}}}\n" for name in PLACES) + """disciplines:
  risk: {people: [p-0, p-1, p-2]}
  business: {people: [p-3, p-4, p-5]}
policies:
""" + "".join(f"""  - models: "*"
    environment: {name}
    quorum: 2
    in_order: true
    slots: [{{discipline: risk}}, {{discipline: business}}]
    expires_after_days: {days}
    review_every_days: 90
    checks:
      - {{kind: tests_passed}}
      - {{kind: comparison, with: {{margin: 0.002, baseline: 0.6, resamples: 200}}}}
      - {{kind: slice_floor, with: {{at_least: 0.5, columns: [sex, region, age, channel]}}}}
      - {{kind: drift, with: {{max_psi: 0.25}}}}
""" for name, days in zip(PLACES, (7, 14, 21), strict=True))  # fmt: skip
REVIEWERS = [Actor(Person(f"p-{n}", f"Person {n}"), frozenset({Role.REVIEWER})) for n in range(PEOPLE)]
UNDECIDED = [state for state in RequestState if state not in FINAL]
LABELS = {
    "one_by_one_ms": "a reviewer's queue, one by one",
    "waiting_ms": "a reviewer's queue, together",
    "asked_ms": "what I asked for",
    "reviews_ms": "re-reviews due",
    "home_ms": "the page Queue, all its requests",
    "search_ms": "a search over all requests",
    "reminders_ms": f"one run of the reminders, {PEOPLE} people",
}


def main() -> None:
    """Measure, print a table, end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="100 requests instead of 500")
    count = QUICK if parser.parse_args().quick else OPEN
    with tempfile.TemporaryDirectory(prefix="home-bench-") as folder, built(Path(folder), count) as portal:
        found = measure(portal)
    print(f"{count} open requests of {count * (1 + DECIDED)}, evidence of {found['evidence_kb']:.0f} kB each, ms")
    for name, label in LABELS.items():
        print(f"{label:>40} {found[name]:>10,.1f}")
    print(json.dumps({"open": count, **{name: round(value, 2) for name, value in found.items()}}))


@dataclass
class Built:
    """A portal full of requests."""

    world: World
    desk: PromotionDesk
    findings: FindingDesk
    reminders: ReminderDesk
    evidence_bytes: int

    def one_by_one(self, actor: Actor) -> int:
        """As each request's own page reads it."""
        with self.world.units.read() as unit:
            rows = unit.requests.in_states([RequestState.OPEN])
            return sum(self._could_reject(unit, actor, row) for row in rows)

    def _could_reject(self, unit: Unit, actor: Actor, request: PromotionRequest) -> bool:
        found = actions(actor, facts_of(unit, request, self.world.clock.now()))
        return any(state.action is UserAction.REJECT and state.is_open for state in found)

    def home(self, actor: Actor) -> None:
        """What the page asks for, but the catalogue's part."""
        self.desk.waiting_for(actor)
        self.asked(actor)
        self.desk.mentions(actor)
        self.findings.reviews_due()
        self.findings.findings()

    def asked(self, actor: Actor) -> None:
        """Both lists of what somebody asked for."""
        self.desk.find(states=UNDECIDED, requester=actor.person.id)
        self.desk.find(requester=actor.person.id)


def measure(portal: Built) -> dict[str, float]:
    """All figures; what is read is right before it is timed."""
    risk, business, nobody = REVIEWERS[0], REVIEWERS[3], REVIEWERS[-1]
    with portal.world.units.read() as unit:
        total = len(unit.requests.in_states([RequestState.OPEN]))
    waiting = [len(portal.desk.waiting_for(person)) for person in (risk, business, nobody)]
    assert waiting == [total // 2 - total // 10, total // 2, 0], (waiting, total)
    assert portal.desk.find(states=UNDECIDED, requester=ANA.person.id).total == total
    assert portal.reminders.beat() >= total
    return {
        "evidence_kb": portal.evidence_bytes / 1000,
        "one_by_one_ms": _middle(lambda: portal.one_by_one(risk), rounds=3),
        "waiting_ms": _middle(lambda: portal.desk.waiting_for(risk)),
        "asked_ms": _middle(lambda: portal.asked(ANA)),
        "reviews_ms": _middle(portal.findings.reviews_due),
        "home_ms": _middle(lambda: portal.home(risk)),
        "search_ms": _middle(lambda: portal.desk.find(text="ana better v17")),
        "reminders_ms": _middle(portal.reminders.beat, rounds=3),
    }


def _middle(work: Callable[[], object], *, rounds: int = 15) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


@contextmanager
def built(folder: Path, count: int) -> Iterator[Built]:
    """A database with so many open requests, and the desks over it."""
    engine = open_engine(f"sqlite:///{folder / 'portal.db'}")
    world = World(engine, folder, known=tuple(REVIEWERS))
    sealer = _sealer(world, parse_governance(RULES))
    seals = [sealer.seal(VersionKey(MODEL, 2), place) for place in PLACES]
    with world.units.begin() as unit:
        for number in range(count):
            _open(unit, world, number, seals[number % len(PLACES)])
        for number in range(count, count * (1 + DECIDED)):
            _decided(unit, world, number, seals[number % len(PLACES)])
    desk = PromotionDesk(world.units, sealer, clock=world.clock, ids=world.ids)
    findings = FindingDesk(world.units, lambda: REVIEWERS, clock=world.clock, ids=world.ids)
    reminders = ReminderDesk(world.units, findings, lambda: REVIEWERS, clock=world.clock)
    yield Built(world, desk, findings, reminders, len(seals[0].evidence_document.body))
    engine.dispose()


def _sealer(world: World, rules: Governance) -> Sealer:
    for version, noise in ((1, 1.2), (2, 1.0)):
        run = f"run-{MODEL}-{version}"
        world.registry.files[(run, "evaluation/predictions.parquet")] = _table(noise)
        world.registry.files[(run, "training/sample.parquet")] = _sample(version)
        world.registry.files[(run, "model_card.md")] = b"# Card\n\n" + b"What it is for, and what it is not for. " * 150
    for place in PLACES:
        world.registry.hold(VersionKey(MODEL, 1), stage="Production", alias=place)
    held_out = HeldOutPredictions(world.registry, world.folder / "tables", world.clock)
    return Sealer(MaterialReader(world.registry, held_out), rules, compare_files, drift=drift_files)


def _open(unit: Unit, world: World, number: int, sealed: Sealed) -> None:
    request = _request(world, number, sealed)
    evidence = json.loads(sealed.evidence_document.body)
    evidence["version"]["version"] = number
    document = Document.of("evidence", evidence)
    for kept in (document, sealed.plan_document, sealed.policy_document):
        unit.requests.put_document(kept.digest, kept.kind, kept.body, request.created)
    unit.requests.insert(replace(request, evidence_digest=document.digest))
    at, key = request.created + timedelta(hours=1), f"{number}"
    if number % 2:
        made = Decision(f"d-{number}", DecisionKind.APPROVE, REVIEWERS[1].person, request.plan_digest, "Fine.", at)
        unit.requests.add_decision(request.id, replace(made, slot="risk"), idempotency_key=key)
    if number % 10 == 0:
        person, until = REVIEWERS[0].person, world.clock.now() + timedelta(days=2)
        step = Assignment(f"a-{number}", AssignmentKind.DEFER, person, person, "Later.", at, until=until)
        unit.oversight.add_assignment(request.id, step, idempotency_key=key)


def _decided(unit: Unit, world: World, number: int, sealed: Sealed) -> None:
    request = replace(_request(world, number, sealed), state=RequestState.PROMOTED)
    unit.requests.insert(request)
    if number % (OPEN * DECIDED // LIVE) == 0:
        live = Deployment(f"dep-{number}", request.key, request.environment, request.created, request_id=request.id)
        unit.deployments.begin(live)


def _request(world: World, number: int, sealed: Sealed) -> PromotionRequest:
    at = world.clock.now() - timedelta(days=5, minutes=number)
    who = ANA.person if number < OPEN else Person(f"asker-{number % 40}", f"Asker {number % 40}")
    return PromotionRequest(
        id=f"req-{number:06d}", key=VersionKey(f"model-{number // 20}", number % 20 + 1),
        environment=sealed.plan.environment, state=RequestState.OPEN, revision=1, participants=Participants(who),
        reason="Better on the slices that matter.", plan_digest=sealed.plan_document.digest,
        evidence_digest=sealed.evidence_document.digest, policy_digest=sealed.policy_document.digest, created=at,
        updated=at, expires=world.clock.now() + timedelta(hours=20),
    )  # fmt: skip


def _table(noise: float) -> bytes:
    random = np.random.default_rng(3)
    label = random.random(ROWS) < 0.3
    score = 1 / (1 + np.exp(-(label * 2 - 1 + random.normal(0, noise, ROWS))))
    slices: dict[str, Any] = {
        "sex": random.choice(["f", "m"], ROWS), "region": random.choice([f"region {n}" for n in range(8)], ROWS),
        "age": random.choice(["under 25", "25 to 44", "45 to 64", "65 or older"], ROWS),
        "channel": random.choice(["branch", "phone", "web"], ROWS),
    }  # fmt: skip
    return _bytes(pd.DataFrame({"row_id": range(ROWS), "label": label.astype(int), "score": score, **slices}))


def _sample(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    return _bytes(pd.DataFrame({f"feature_{n}": random.normal(n, 3, 2000) for n in range(14)}))


def _bytes(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
