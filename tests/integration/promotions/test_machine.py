"""Several people do anything in any order: nothing is ever promoted without a valid quorum or a recorded break-glass."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.database.engine import open_engine
from services.database.stores.requests import RequestFilter
from services.domain.identity.people import Actor
from services.domain.promotions.requests import DecisionKind, RequestState, glass_broken, quorum_reached
from services.domain.registry import VersionKey
from services.errors import PortalError
from services.policies.reading import parse_governance
from services.promotions.sealed_request import frozen_policy
from tests.integration.promotions.conftest import RULES
from tests.oversight_world import EVE, OLU, OversightWorld
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, PIPELINE
from tests.world import MODEL

PEOPLE = st.sampled_from([ANA, BEN, CHLOE, DEV, EVE, OLU, PIPELINE])
KINDS = st.sampled_from(DecisionKind)
REACHED: Counter[str] = Counter()
"""In which state, and by which way, requests stood at the end of each run of the machine."""
THROUGH = {RequestState.APPROVED, RequestState.ROLLING_OUT, RequestState.PROMOTED}


class People(RuleBasedStateMachine):
    """Rules are clicks; a refusal is a fine answer, a wrong state is not."""

    way = ""
    """How the first request ends; whatever comes then begins from there."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        self.world = OversightWorld(
            open_engine(f"sqlite:///{folder / 'portal.db'}"), folder, rules=parse_governance(RULES)
        )
        self.clicks = 0
        self.ask(ANA, 2)
        ends = {
            "signed": lambda: self.sign_well(0),
            "broken": lambda: self.break_glass(OLU, 0),
            "refused": lambda: self.decide(CHLOE, DecisionKind.REJECT, 0),
            "withdrawn": lambda: self.take_back(ANA, 0, again=False),
            "expired": lambda: self.time_passes(24 * 15),
        }
        ends.get(self.way, lambda: None)()
        self.work()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            with self.world.units.read() as unit:
                for request in unit.requests.find(RequestFilter(page_size=50))[0]:
                    broken = glass_broken(unit.requests.decisions(request.id), request.plan_digest)
                    way = " by broken glass" if broken else ""
                    REACHED[f"{request.state.value}{way}"] += 1
            self.world.engine.dispose()
            self.folder.cleanup()

    def _requests(self) -> list[str]:
        """The undecided ones first: clicks on what is over do nothing, and some of them are enough."""
        with self.world.units.read() as unit:
            found = unit.requests.find(RequestFilter(page_size=50))[0]
        return sorted((r.id for r in found), key=lambda i: (i not in {r.id for r in found if not r.is_final}, i))

    def _pick(self, number: int) -> str:
        known = self._requests()
        return known[number % len(known)] if known else "req-none"

    def _key(self) -> str:
        self.clicks += 1
        return f"click-{self.clicks}"

    @rule(who=st.sampled_from([ANA, ANA, PIPELINE, BEN, DEV]), version=st.integers(2, 3))
    def ask(self, who: Actor, version: int) -> None:
        try:
            self.world.desk.open(who, VersionKey(MODEL, version), "production", reason="Better.")
        except PortalError:
            return

    @rule(who=PEOPLE, kind=KINDS, number=st.integers(0, 5))
    def decide(self, who: Actor, kind: DecisionKind, number: int) -> None:
        try:
            seen = self.world.desk.detail(who, self._pick(number)).request.plan_digest
            self.world.desk.decide(
                who, self._pick(number), kind, seen=seen, reason="So it is.", idempotency_key=self._key()
            )
        except PortalError:
            return

    @rule(number=st.integers(0, 1))
    def sign_well(self, number: int) -> None:
        """The right people in the right order, so that the machine gets far often enough."""
        for who in (CHLOE, BEN):
            self.decide(who, DecisionKind.APPROVE, number)
        self.world.run(rounds=8)

    @rule(who=PEOPLE, to=PEOPLE, number=st.integers(0, 5))
    def delegate(self, who: Actor, to: Actor, number: int) -> None:
        try:
            self.world.assigning.delegate(
                who, self._pick(number), to=to.person.id, reason="Away.", idempotency_key=self._key()
            )
        except PortalError:
            return

    @rule(who=st.sampled_from([OLU, OLU, ANA, BEN]), number=st.integers(0, 2))
    def break_glass(self, who: Actor, number: int) -> None:
        try:
            seen = self.world.desk.detail(who, self._pick(number)).request.plan_digest
            self.world.emergency.break_glass(
                who, self._pick(number), seen=seen, reason="Down.", idempotency_key=self._key()
            )
        except PortalError:
            return

    @rule(who=st.sampled_from([ANA, BEN]), number=st.integers(0, 5), again=st.booleans())
    def take_back(self, who: Actor, number: int, again: bool) -> None:
        try:
            if again:
                self.world.desk.reseal(who, self._pick(number))
            else:
                self.world.desk.withdraw(who, self._pick(number), reason="Not now.")
        except PortalError:
            return

    @rule(version=st.integers(1, 3))
    def move_round_the_portal(self, version: int) -> None:
        self.world.registry.set_alias(MODEL, "champion", version)

    @rule(hours=st.sampled_from([1, 1, 30, 24 * 15]))
    def time_passes(self, hours: int) -> None:
        self.world.clock.advance(hours * 3600)
        self.world.desk.expire_due()

    @rule()
    def work(self) -> None:
        self.world.run(rounds=8)

    @invariant()
    def nothing_is_let_through_without_a_quorum(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.world.units.read() as unit:
            for request in unit.requests.find(RequestFilter(page_size=50))[0]:
                decisions = unit.requests.decisions(request.id)
                policy = frozen_policy(unit, request)
                signed = quorum_reached(decisions, request.plan_digest, policy.quorum, policy.slots)
                broken = glass_broken(decisions, request.plan_digest)
                assert request.state not in THROUGH or signed or broken, request
                assert broken is None or broken.person == OLU.person
                made_by = {request.participants.requester.id, request.participants.author}
                signers = {d.person.id for d in decisions if d.kind is not DecisionKind.BREAK_GLASS}
                assert not signers & made_by
                assert signers <= {BEN.person.id, CHLOE.person.id, EVE.person.id}

    @invariant()
    def one_version_is_live(self) -> None:
        if not hasattr(self, "world"):
            return
        with self.world.units.read() as unit:
            assert len(unit.deployments.of(model=MODEL, live_only=True)) <= 1


SETTINGS = settings(
    max_examples=2, stateful_step_count=10, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip


def test_people__any_order__nothing_is_promoted_without_a_valid_quorum() -> None:
    """Worth something only while the machine gets there: by signatures and by broken glass, and to the other ends."""
    REACHED.clear()
    for way in ("", "signed", "broken", "refused", "withdrawn", "expired"):
        run_state_machine_as_test(type("People", (People,), {"way": way}), settings=SETTINGS)
    print(f"states reached: {dict(REACHED)}")
    wanted = {"promoted", "promoted by broken glass", "rejected", "withdrawn", "expired"}
    assert wanted <= set(REACHED), REACHED
    assert REACHED["promoted"] >= 2, REACHED
