"""Role by action by state: who may do what, held against the services themselves, for every command that there is.

What must hold is written here once more, from the policy and in the plainest form; nothing of `services.domain.promotions.rights`
is used for it. A refusal must leave no trace. A command that nobody entered here fails the last tests.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from sqlalchemy import Engine

import services
from services.audit.browser import LedgerChecks, LedgerDesk
from services.audit.exporting import LedgerExports
from services.audit.verifying import LedgerVerdicts
from services.comparisons.desk import ComparisonDesk
from services.comparisons.held_out import HeldOutPredictions
from services.domain.identity.people import Actor, Permission, Role
from services.domain.identity.tokens import Scope
from services.domain.notices import Preferences
from services.domain.promotions.oversight import NewFinding, Severity
from services.domain.promotions.requests import DecisionKind, RequestState
from services.domain.promotions.rollout import RecoveryAction
from services.domain.registry import VersionKey
from services.domain.why.predictions import PredictionQuery
from services.errors import NotAllowedError, PortalError, RefusedError
from services.portal import Portal
from services.promotions.candidates import CandidateDesk
from services.releases.desk import ReleaseDesk
from services.rollout.recovery import RecoveryDesk
from services.why.desk import WhyDesk
from services.why.dossier import DossierDesk
from services.why.scoring import ScoringDesk
from tests.integration.access.cast import CAST, GLASS, JUDGES, TURN, Stage, holding, people_only
from tests.world import MODEL

S, P = RequestState, Permission
KEY = VersionKey(MODEL, 4)
TOLD: dict[str, Any] = {"reason": "Because of the matrix.", "idempotency_key": "k"}
EVERY, OPEN = frozenset(S), frozenset({S.OPEN})
UNDECIDED = frozenset({S.OPEN, S.CHANGES_REQUESTED})
BEFORE_ROLLOUT = frozenset({S.DRAFT, S.OPEN, S.CHANGES_REQUESTED, S.APPROVED})


@dataclasses.dataclass(frozen=True)
class Rule:
    """Who may do something, and in which states of the request."""

    who: set[str]
    states: frozenset[RequestState]
    do: Callable[[Stage, Actor], object]


def _decide(kind: DecisionKind) -> Callable[[Stage, Actor], object]:
    def do(stage: Stage, actor: Actor) -> object:
        return stage.desk.decide(actor, "req-1", kind, seen=_digest(stage), **TOLD)

    return do


def _digest(stage: Stage) -> str:
    with stage.units.read() as unit:
        return unit.requests.get("req-1").plan_digest


def _other(actor: Actor) -> str:
    """Somebody who could decide in the actor's place."""
    return next(name for name in sorted(JUDGES) if CAST[name].person.id != actor.person.id)


def _finding(stage: Stage) -> NewFinding:
    return NewFinding("Too few rows.", Severity.HIGH, "scientist", due=stage.clock.now() + timedelta(days=3))


def _defer(stage: Stage, actor: Actor) -> object:
    return stage.assigning.defer(actor, "req-1", until=stage.clock.now() + timedelta(days=1), **TOLD)


ON_A_REQUEST: Mapping[str, Rule] = {
    "PromotionDesk.decide/approve": Rule(TURN, OPEN, _decide(DecisionKind.APPROVE)),
    "PromotionDesk.decide/review": Rule(JUDGES, OPEN, _decide(DecisionKind.REVIEW)),
    "PromotionDesk.decide/reject": Rule(JUDGES, OPEN, _decide(DecisionKind.REJECT)),
    "PromotionDesk.decide/request_changes": Rule(JUDGES, OPEN, _decide(DecisionKind.REQUEST_CHANGES)),
    "PromotionDesk.reseal": Rule({"requester"}, UNDECIDED, lambda s, a: s.desk.reseal(a, "req-1")),
    "PromotionDesk.withdraw": Rule({"requester"}, BEFORE_ROLLOUT, lambda s, a: s.desk.withdraw(a, "req-1", reason="x")),
    "PromotionDesk.comment": Rule(
        holding(P.COMMENT), EVERY, lambda s, a: s.desk.comment(a, "req-1", "Hm.", idempotency_key="c")
    ),
    "PromotionDesk.detail": Rule(holding(P.BROWSE), EVERY, lambda s, a: s.desk.detail(a, "req-1")),
    "AssigningDesk.reassign": Rule(JUDGES, OPEN, lambda s, a: s.assigning.reassign(a, "req-1", to=_other(a), **TOLD)),
    "AssigningDesk.delegate": Rule(TURN, OPEN, lambda s, a: s.assigning.delegate(a, "req-1", to=_other(a), **TOLD)),
    "AssigningDesk.defer": Rule(JUDGES, OPEN, _defer),
    "EmergencyDesk.break_glass": Rule(
        GLASS, OPEN, lambda s, a: s.emergency.break_glass(a, "req-1", seen=_digest(s), **TOLD)
    ),
    "FindingDesk.raise_finding": Rule(
        holding(P.COMMENT), EVERY, lambda s, a: s.findings.raise_finding(a, KEY, _finding(s), idempotency_key="f")
    ),
}
"""Commands about one request. What is allowed must work; everything else must be refused and change nothing."""


def _releases(stage: Stage) -> ReleaseDesk:
    return ReleaseDesk(stage.units, stage.pipelines, stage.clock)


def _recovery(stage: Stage) -> RecoveryDesk:
    return RecoveryDesk(stage.units, stage.registry, stage.pipelines, clock=stage.clock, ids=stage.ids)


def _candidates(stage: Stage) -> CandidateDesk:
    held_out = HeldOutPredictions(stage.registry, stage.folder / "tables", stage.clock)
    return CandidateDesk(stage.registry, stage.registry, held_out, sealer=stage.sealer, desk=stage.desk)


def _comparisons(stage: Stage) -> ComparisonDesk:
    held_out = HeldOutPredictions(stage.registry, stage.folder / "tables", stage.clock)
    return ComparisonDesk(stage.units, held_out, clock=stage.clock)


def _ledger(stage: Stage) -> LedgerDesk:
    exports = LedgerExports(stage.units, lambda: [stage.signer.active.verifier], (), stage.clock)
    checks = LedgerChecks(LedgerVerdicts(stage.units, lambda: [stage.signer.active.verifier], ()), stage.clock)
    return LedgerDesk(stage.units, checks, exports, clock=stage.clock)


def _why(stage: Stage) -> WhyDesk:
    return WhyDesk(stage.units, None, None)  # type: ignore[arg-type]  # who is let in stops at the log that is missing


def _scoring(stage: Stage) -> ScoringDesk:
    return ScoringDesk(stage.units, _why(stage), None, stage.registry)  # type: ignore[arg-type]  # as above


def _dossier(stage: Stage) -> DossierDesk:
    return DossierDesk(
        stage.units, _why(stage), _scoring(stage), keys=list, clock=stage.clock, namespace="urn:test"
    )  # fmt: skip


def _query(stage: Stage) -> PredictionQuery:
    return PredictionQuery(MODEL, stage.clock.now() - timedelta(days=1), stage.clock.now())


ASKS = people_only(holding(P.OPEN_REQUEST)) | {"service", "service in a reviewers' group"}
LOOKS = holding(P.LOOK_UP_PREDICTION)
ADMINISTRATORS = {"administrator"}
ON_ITS_OWN: Mapping[str, Rule] = {
    "PromotionDesk.open": Rule(ASKS, EVERY, lambda s, a: s.desk.open(a, KEY, "production", reason="x")),
    "CandidateDesk.open_best": Rule(
        ASKS, EVERY, lambda s, a: _candidates(s).open_best(a, MODEL, "production", reason="x")
    ),
    "CandidateDesk.rank": Rule(holding(P.BROWSE), EVERY, lambda s, a: _candidates(s).rank(a, MODEL, "production")),
    "ComparisonDesk.compare": Rule(
        holding(P.BROWSE), EVERY, lambda s, a: _comparisons(s).compare(a, [KEY, VersionKey(MODEL, 1)])
    ),
    "FindingDesk.close_finding": Rule(
        people_only(holding(P.DECIDE)) - {"author"}, EVERY, lambda s, a: s.findings.close_finding(a, "fnd-1", resolution="x")
    ),
    "FindingDesk.record_review": Rule(
        people_only(holding(P.DECIDE)), EVERY, lambda s, a: s.findings.record_review(a, "dep-1", **TOLD)
    ),
    "ReleaseDesk.cancel": Rule(holding(P.OPERATE_RELEASE), EVERY, lambda s, a: _releases(s).cancel(a, "ml", 1)),
    "ReleaseDesk.retry_stage": Rule(
        holding(P.OPERATE_RELEASE), EVERY, lambda s, a: _releases(s).retry_stage(a, "ml", 1, "Production")
    ),
    "ReleaseDesk.decide_approval": Rule(
        holding(P.OPERATE_RELEASE), EVERY,
        lambda s, a: _releases(s).decide_approval(a, "ml", 1, "approval-1", is_approved=True, reason="x"),
    ),
    "RecoveryDesk.choose": Rule(
        people_only(holding(P.OPERATE_RELEASE)), EVERY,
        lambda s, a: _recovery(s).choose(a, "req-none", RecoveryAction.GIVE_UP, reason="x"),
    ),
    "PreferenceDesk.own": Rule(holding(P.BROWSE), EVERY, lambda s, a: s.preferences.own(a)),
    "PreferenceDesk.choose": Rule(
        people_only(holding(P.BROWSE)), EVERY, lambda s, a: s.preferences.choose(a, Preferences())
    ),
    "LedgerDesk.export": Rule({"auditor"}, EVERY, lambda s, a: _ledger(s).export(a)),
    "LedgerExports.make": Rule({"auditor"}, EVERY, lambda s, a: _ledger(s)._exports.make(a)),
    "WhyDesk.answer": Rule(LOOKS, EVERY, lambda s, a: _why(s).answer(a, "pred-1")),
    "WhyDesk.search": Rule(LOOKS, EVERY, lambda s, a: _why(s).search(a, _query(s))),
    "ScoringDesk.replay": Rule(LOOKS, EVERY, lambda s, a: _scoring(s).replay(a, "pred-1")),
    "ScoringDesk.reasons": Rule(LOOKS, EVERY, lambda s, a: _scoring(s).reasons(a, "pred-1")),
    "DossierDesk.make": Rule({"auditor"}, EVERY, lambda s, a: _dossier(s).make(a, "pred-1")),
    "TokenDesk.issue": Rule(
        ADMINISTRATORS, EVERY,
        lambda s, a: s.tokens.issue(a, "mine", scopes=[Scope.READ], lifetime=timedelta(days=1)),
    ),
    "TokenDesk.find": Rule(ADMINISTRATORS, EVERY, lambda s, a: s.tokens.find(a)),
    "TokenDesk.revoke": Rule(ADMINISTRATORS, EVERY, lambda s, a: s.tokens.revoke(a, "tok-9")),
    "SessionDesk.end_all_of": Rule(ADMINISTRATORS, EVERY, lambda s, a: s.sessions.end_all_of(a, "requester")),
}  # fmt: skip
"""Commands without a request. Who is let in may find that there is nothing to do; nobody else gets that far."""

LISTS = {
    "RecoveryDesk.options",
    "PromotionDesk.mentions",
    "PromotionDesk.waiting_for",
    "AssigningDesk.colleagues",
    "WhyDesk.recent",
}
"""They answer with what this person may see, which is nothing for some."""
INNER = {
    "PromotionDesk.close", "PromotionDesk.demand", "PromotionDesk.demand_asking", "PromotionDesk.record",
    "PromotionDesk.tell", "EvidenceReads.note", "EvidenceReads.note_comparison",
    "EvidenceReads.note_ranking", "WhyDesk.answer_of", "WhyDesk.shown_to", "LedgerWriter.append",
    "Circle.has",
}  # fmt: skip
"""Steps of the commands above, in reach of no page: they write or look for an actor who was let in."""
HANDED_ON = {"WhyRoom": {"recent", "search", "answer", "replay", "reasons", "dossier"}}
"""Faces that only hand on."""


class Rewind:
    """Tells whether anything was written, and takes it back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watch = sqlite3.connect(path)
        self._kept = sqlite3.connect(":memory:")
        self._watch.backup(self._kept)
        self._version = self._read()

    def _read(self) -> int:
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def was_written(self) -> bool:
        return self._read() != self._version

    def back(self) -> None:
        with closing(sqlite3.connect(self._path)) as target:
            self._kept.backup(target)
        self._version = self._read()

    def close(self) -> None:
        self._watch.close()
        self._kept.close()


@pytest.fixture
def stage(engine: Engine, tmp_path: Path) -> Stage:
    made = Stage(engine, tmp_path)
    made.desk.open(CAST["requester"], KEY, "production", reason="Better on women.")
    finding = replace(_finding(made), owner="author")
    made.findings.raise_finding(CAST["reviewer"], KEY, replace(finding, severity=Severity.LOW), idempotency_key="first")
    return made


@pytest.fixture
def rewind(stage: Stage, tmp_path: Path) -> Iterator[Rewind]:
    made = Rewind(tmp_path / "portal.db")
    yield made
    made.close()


def _put_into(stage: Stage, state: RequestState) -> None:
    with stage.units.begin() as unit:
        unit.requests.save(replace(unit.requests.get("req-1"), state=state))


def _is_turned_away(error: PortalError | None) -> bool:
    closed = isinstance(error, RefusedError) and (
        error.code.endswith("_closed") or error.code == "finding_not_closable"
    )
    return isinstance(error, NotAllowedError) or closed or (error is not None and "Your role" in error.message)


def _try(rule: Rule, stage: Stage, actor: Actor) -> PortalError | None:
    try:
        rule.do(stage, actor)
    except PortalError as error:
        return error
    return None


@pytest.mark.parametrize("state", S)
def test_matrix__every_command_on_a_request__is_for_whom_the_policy_says(
    stage: Stage, tmp_path: Path, state: RequestState
) -> None:
    _put_into(stage, state)
    with closing(Rewind(tmp_path / "portal.db")) as rewind:
        for name, rule in ON_A_REQUEST.items():
            for who, actor in CAST.items():
                error = _try(rule, stage, actor)
                if who in rule.who and state in rule.states:
                    assert error is None, f"{who} may {name} while {state}, and was told: {error}"
                    rewind.back()
                else:
                    assert _is_turned_away(error), f"{who} must not {name} while {state}: {error!r}"
                    assert not rewind.was_written(), f"{name} by {who} was refused and left a trace"


@pytest.mark.parametrize("name", ON_ITS_OWN)
def test_matrix__every_other_command__is_for_whom_the_roles_say(stage: Stage, rewind: Rewind, name: str) -> None:
    rule = ON_ITS_OWN[name]
    for who, actor in CAST.items():
        error = _try(rule, stage, actor)
        assert _is_turned_away(error) is (who not in rule.who), f"{name} by {who}: {error!r}"
        if who in rule.who:
            rewind.back()
        else:
            assert not rewind.was_written(), f"{name} by {who} was refused and left a trace"


@pytest.mark.parametrize("state", S)
def test_matrix__what_waits_for_somebody__is_what_it_is_their_turn_to_decide(stage: Stage, state: RequestState) -> None:
    _put_into(stage, state)
    waiting = {who for who, actor in CAST.items() if stage.desk.waiting_for(actor)}
    assert waiting == ({"risk-a", "risk-b"} if state is S.OPEN else set()), "risk signs before business"
    assert waiting <= JUDGES


def test_services__of_any_scope_or_group__never_decide_operate_or_manage() -> None:
    services_of_any_kind = {name for name in CAST if Role.SERVICE in CAST[name].roles}
    allowed = {name for name, rule in {**ON_A_REQUEST, **ON_ITS_OWN}.items() if services_of_any_kind & rule.who}
    asks = {"PromotionDesk.open", "CandidateDesk.open_best"}
    assert (
        allowed == {"PromotionDesk.detail", "PreferenceDesk.own", "ComparisonDesk.compare", "CandidateDesk.rank"} | asks
    )


def test_auditor__reads_everything_and_changes_nothing() -> None:
    allowed = {name for name, rule in {**ON_A_REQUEST, **ON_ITS_OWN}.items() if "auditor" in rule.who}
    exports = {"LedgerDesk.export", "LedgerExports.make", "DossierDesk.make"}
    looks = {"WhyDesk.answer", "WhyDesk.search", "ScoringDesk.replay", "ScoringDesk.reasons"}
    own_mail = {"PreferenceDesk.own", "PreferenceDesk.choose"}
    evidence = {"PromotionDesk.detail", "ComparisonDesk.compare", "CandidateDesk.rank"}
    assert allowed == evidence | exports | looks | own_mail


def _classes() -> Iterator[type]:
    for found in pkgutil.walk_packages(services.__path__, "services."):
        if ".migrations" in found.name or ".inside" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        yield from (c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__)


def _takes_an_actor(owner: type) -> Iterator[str]:
    for name, member in inspect.getmembers(owner, inspect.isfunction):
        if not name.startswith("_") and "actor" in inspect.signature(member).parameters:
            yield name


def test_commands__of_all_services__stand_in_the_matrix() -> None:
    known = {name.partition("/")[0] for name in {**ON_A_REQUEST, **ON_ITS_OWN}} | LISTS | INNER
    found = {
        f"{owner.__name__}.{name}"
        for owner in _classes() if not getattr(owner, "_is_protocol", False)
        for name in _takes_an_actor(owner) if name not in HANDED_ON.get(owner.__name__, set())
    }  # fmt: skip
    assert found - known == set(), "enter these into the matrix"
    assert known - found - {"LedgerWriter.append"} == set(), "these are gone; take them out of the matrix"


READS = {
    "catalogue": {"search", "filter_values", "detail", "versions", "metric_names", "metric_over_versions"},
    "candidates": {"tagged"},
    "promotions": {"environments", "find", "people"},
    "releases": {"find", "view", "log_tail", "deployments"},
    "ledger": {"find", "actions", "witnesses", "verify", "start_check", "last_check"},
    "why": {"timeline", "live_at"},
    "health": {"sources", "incidents", "figures", "waiting_for_worker"},
    "findings": {"people", "findings", "reviews_due"},
    "coverage": {"rows"},
}
"""What the portal's face gives to everybody who is admitted. Everything else must take the actor."""


def test_face__every_member__takes_the_actor_or_only_reads() -> None:
    faces = get_type_hints(Portal, vars(importlib.import_module("services.portal")) | _late_names())
    for field in dataclasses.fields(Portal):
        face = faces[field.name]
        public = {name for name, _ in inspect.getmembers(face, inspect.isfunction) if not name.startswith("_")}
        assert public - set(_takes_an_actor(face)) == READS.get(field.name, set()), field.name


def _late_names() -> dict[str, Any]:
    return {"CandidateRanking": object, "Picked": object}


def test_roles__administrators__see_nothing_of_the_work() -> None:
    assert CAST["administrator"].roles == {Role.ADMINISTRATOR}
    assert "administrator" not in holding(P.BROWSE) | holding(P.COMMENT) | holding(P.DECIDE) | holding(P.OPEN_REQUEST)
