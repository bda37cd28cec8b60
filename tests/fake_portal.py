"""A small portal in memory that implements the Protocols of `services.portal`, for tests of the pages.

Its rules are the domain's own; only storage and the outside world are replaced.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.audit.answers import LedgerCheck, LedgerLine, LedgerPage, LedgerQuery, LedgerVerdict, WitnessState
from services.comparisons.answers import CellRow, Curve, VersionComparison, VersionCurves
from services.domain.catalogue import (
    FilterValues,
    MetricPoint,
    SortBy,
    SourceHealth,
    VersionDetail,
    VersionPage,
    VersionQuery,
    VersionRow,
)
from services.domain.coverage import CoverageRow, Gap
from services.domain.identity.people import Actor, Circle, Permission, Person
from services.domain.identity.sessions import Identity, Session, SessionRules
from services.domain.notices import Preferences
from services.domain.policy import BreakGlass, Environment, PromotionPolicy
from services.domain.promotions.mentions import Mentioned, mentioned
from services.domain.promotions.oversight import Finding, FindingKind, NewFinding, ReviewDue
from services.domain.promotions.promotion import Deployment, Incident, PromotionRequest
from services.domain.promotions.requests import (
    Comment,
    Decision,
    DecisionKind,
    Participants,
    RequestState,
    standing_signatures,
)
from services.domain.promotions.rights import ActionState, RequestFacts, UserAction, actions
from services.domain.promotions.rollout import RecoveryAction, Rollout, RolloutState
from services.domain.registry import VersionKey
from services.domain.releases import DeploymentRecord
from services.domain.why.live_history import Ground, Spell, Timeline
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.domain.why.reasons import InputMoved, Neighbour, Reasons
from services.domain.why.replay import Mismatch, Replay, ReplayVerdict
from services.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
    UpstreamUnavailableError,
)
from services.health.answers import Figures
from services.ledger.actions import Action
from services.notices.preferences import OwnNotices
from services.portal import Portal
from services.ports.identity import Ended, IdentityProvider
from services.ports.predictions import DateRange
from services.promotions.answers import RequestDetail, RequestPage
from services.promotions.sealed.evidence import SealedEvidence
from services.promotions.sealed_request import consequences
from services.releases.answers import ReleasePage, ReleaseRow, ReleaseView
from services.rollout.answers import RecoveryOption
from services.settings import Settings, load_settings
from services.why.answers import WhyAnswer
from tests import fake_world as world
from tests.fake_evidence import EVIDENCE_HARM, EVIDENCE_SAME, HARM, SAME


class FakeCatalogue:
    def __init__(self, rows: Sequence[VersionRow]) -> None:
        self.rows = tuple(rows)

    def search(self, query: VersionQuery) -> VersionPage:
        rows = [row for row in self.rows if _matches(row, query)]
        rows.sort(key=lambda row: _sort_key(row, query.sort), reverse=query.descending)
        start = (query.page - 1) * query.page_size
        return VersionPage(tuple(rows[start : start + query.page_size]), len(rows), query.page, query.page_size)

    def filter_values(self) -> FilterValues:
        return FilterValues(
            tuple(dict.fromkeys(row.key.model for row in self.rows)), ("Archived", "None", "Production", "Staging"),
            ("challenger", "champion", "prod|uction"), tuple(sorted({row.owner for row in self.rows if row.owner})),
            ("production", "staging"),
        )  # fmt: skip

    def detail(self, key: VersionKey) -> VersionDetail:
        return world.detail(self._row(key))

    def versions(self, model: str) -> Sequence[VersionRow]:
        return [row for row in self.rows if row.key.model == model]

    def metric_names(self, model: str) -> Sequence[str]:
        return ["auc", "log_loss"] if self.versions(model) else []

    def metric_over_versions(self, model: str, metric: str) -> Sequence[MetricPoint]:
        rows = [row for row in reversed(self.versions(model)) if row.metric_value is not None]
        return [MetricPoint(row.key.version, row.metric_value or 0.0, row.created) for row in rows]

    def _row(self, key: VersionKey) -> VersionRow:
        for row in self.rows:
            if row.key == key:
                return row
        raise NotFoundError(
            f"{key} is not in the catalogue.", hint="It may have been deleted; the ledger keeps its history."
        )


def _matches(row: VersionRow, query: VersionQuery) -> bool:
    text = " ".join([row.key.model, row.owner or "", *row.aliases, row.dataset or ""]).lower()
    return (
        query.text.lower() in text
        and query.model in {"", row.key.model}
        and query.stage in {"", row.stage}
        and (not query.alias or query.alias in row.aliases)
        and query.owner in {"", row.owner}
        and (not query.live_in or query.live_in in row.live_in)
        and query.tests in {None, row.tests}
    )


def _sort_key(row: VersionRow, sort: SortBy) -> Any:
    keys: Mapping[SortBy, Any] = {
        SortBy.LAST_ACTIVITY: row.last_activity, SortBy.CREATED: row.created, SortBy.MODEL: row.key.model.lower(),
        SortBy.VERSION: row.key.version, SortBy.OWNER: row.owner or "", SortBy.STAGE: row.stage,
        SortBy.METRIC: row.metric_value if row.metric_value is not None else -math.inf,
    }  # fmt: skip
    return keys[sort]


def _curve(strength: float, *, inverted: bool = False) -> Curve:
    xs = tuple(i / 100 for i in range(101))
    ys = tuple(x ** (1 - strength) for x in xs)
    return Curve(xs, tuple(1 - y * 0.7 for y in ys) if inverted else ys)


class FakeCandidates:
    """No version is tagged as a candidate."""

    def tagged(self, model: str) -> Sequence[VersionKey]:
        del model
        return []

    def rank(self, actor: Actor, model: str, environment: str, *, earlier_looks: int = 0) -> Any:
        del actor, environment, earlier_looks
        raise NotFoundError(f"No version of {model} is tagged as a candidate.")

    def open_best(self, actor: Actor, model: str, environment: str, *, reason: str, earlier_looks: int = 0) -> Any:
        del reason
        return self.rank(actor, model, environment, earlier_looks=earlier_looks)


class FakeComparisons:
    def __init__(self, catalogue: FakeCatalogue) -> None:
        self.catalogue = catalogue

    def compare(self, actor: Actor, keys: Sequence[VersionKey], *, progress: object = None) -> VersionComparison:
        del actor, progress
        if not 2 <= len(keys) <= 8:
            raise InvalidInputError("Choose two to eight versions.", hint="Pick them above.")
        details = [self.catalogue.detail(key) for key in keys]
        metrics = sorted({name for d in details if d.run for name in d.run.metrics})
        params = sorted({name for d in details if d.run for name in d.run.params})
        tell = [d.run.metrics if d.run else {} for d in details]
        return VersionComparison(
            details=tuple(d.row for d in details),
            metrics=tuple(_cells(name, [t.get(name) for t in tell]) for name in metrics),
            parameters=tuple(_cells(name, [d.run.params.get(name) if d.run else None for d in details]) for name in params),
            datasets=(_cells("training", [d.row.dataset_digest for d in details]),),
            tags=(_cells("note <i>", ["a|b `c` :tada:" for _ in details]),),
            curves=tuple(_curves(d.row) for d in details),
            evidence={key: EVIDENCE_HARM if key.version == 7 else EVIDENCE_SAME for key in keys[1:] if key.model == world.CENSUS},
            problems=tuple(f"{d.row.key}: no held-out predictions." for d in details if d.run is None),
        )  # fmt: skip


def _cells(name: str, values: Sequence[Any]) -> CellRow:
    return CellRow(name, tuple(values), len(set(map(str, values))) > 1)


def _curves(row: VersionRow) -> VersionCurves:
    if row.run_id is None:
        return VersionCurves(row.key, problem="The version has no run, so no held-out predictions.")
    strength = row.metric_value if row.metric_value is not None and row.metric_value < 1 else 0.5
    return VersionCurves(
        row.key, _curve(strength), _curve(strength, inverted=True), Curve((0.1, 0.5, 0.9), (0.12, 0.47, 0.93))
    )


class FakePromotions:
    def __init__(self, health: FakeHealth) -> None:
        self.requests = dict(world.REQUESTS)
        self.health = health
        self.keys: set[str] = set()
        self.decisions: dict[str, list[Decision]] = {"req-8": [world.DECISION]}
        self.comments: dict[str, list[Comment]] = {"req-7": list(world.COMMENTS)}

    def environments(self, model: str) -> Sequence[Environment]:
        return world.ENVIRONMENTS if model != world.HOSTILE else ()

    def open(self, actor: Actor, key: VersionKey, environment: str, *, reason: str) -> PromotionRequest:
        if not actor.may(Permission.OPEN_REQUEST):
            raise NotAllowedError("Your role can't request promotions.", hint="Ask a data scientist of the team.")
        if not reason.strip():
            raise InvalidInputError("The reason is empty.", hint="Give a reason for promoting this version.")
        if not all(source.is_reachable for source in self.health.sources()):
            raise UpstreamUnavailableError(
                "MLflow does not answer.", system="mlflow", hint="Try again later; nothing is lost."
            )
        live = next((r for r in self.requests.values() if r.key == key and not r.is_final), None)
        if live:
            raise ConflictError(f"{key} has the open request {live.id} already.", hint="Open that request.")
        request = replace(
            world.REQUESTS["req-6"], id=f"req-{len(self.requests) + 200}", key=key, environment=environment, reason=reason,
            participants=Participants(actor.person), created=world.NOW, updated=world.NOW,
        )  # fmt: skip
        self.requests[request.id] = request
        return request

    def find(
        self, *, states: Sequence[RequestState] = (), requester: str = "", text: str = "", page: int = 1
    ) -> RequestPage:
        rows = [
            r for r in sorted(self.requests.values(), key=lambda r: r.updated, reverse=True)
            if (not states or r.state in states) and requester in {"", r.participants.requester.id}
            and text.lower() in f"{r.id} {r.key} {r.reason} {r.participants.requester.name}".lower()
        ]  # fmt: skip
        return RequestPage(tuple(rows[(page - 1) * 25 : page * 25]), len(rows), page, 25)

    def waiting_for(self, actor: Actor) -> Sequence[PromotionRequest]:
        return [r for r in self.requests.values() if self._state(actor, r, UserAction.REJECT).is_open]

    def detail(self, actor: Actor, request_id: str) -> RequestDetail:
        request = self._get(request_id)
        rollout = world.rollout_of(request)
        evidence: dict[str, Any] = {
            "checks": [], "comparison": HARM if request.key.version == 7 else SAME if request.key.version == 6 else None,
            "comparison_problem": "The version that is live has no held-out predictions.", "card": world.CARD,
            "run": {"run_id": "run", "params": {"max_iter": "200"}, "metrics": {"auc": 0.9189}, "user": "ana.novak", "commit": None, "datasets": []},
            "tests": [{"title": "Model tests", "source": "tests/model.xml", "link": "", "passed": 14, "failed": 1, "skipped": 0,
                       "problem": "", "cases": [{"name": "test_women <b>", "outcome": "failed", "seconds": 0.2, "message": "0.81 < 0.85",
                                                 "suite": "model"}]}],
            "policy_in_words": ["One reviewer must sign.", "The requester and the author never sign."],
        }  # fmt: skip
        return RequestDetail(
            request=request, plan=world.plan_of(request), checks=world.checks_of(request), evidence=SealedEvidence.from_json(evidence),
            decisions=tuple(self.decisions.get(request_id, ())), comments=tuple(self.comments.get(request_id, ())),
            actions=actions(actor, self._facts(request)), rollout=rollout, quorum=2,
            signatures=len(standing_signatures(self.decisions.get(request_id, ()), request.plan_digest)),
            consequences=consequences(world.plan_of(request)),
            environment=world.PRODUCTION, release=("census", rollout.run_id) if rollout and rollout.run_id else None,
        )  # fmt: skip

    def decide(
        self, actor: Actor, request_id: str, kind: DecisionKind, *, seen: str, reason: str, idempotency_key: str,
        slot: str = "",
    ) -> PromotionRequest:  # fmt: skip
        request = self._get(request_id)
        if idempotency_key in self.keys:
            return request
        if not reason.strip():
            raise InvalidInputError("The reason is empty.", hint="Give a reason; the ledger records it.")
        state = self._state(actor, request, UserAction(kind.value))
        if state.reason:
            raise RefusedError(state.reason)
        if seen != request.plan_digest:
            raise ConflictError("The request was resealed since you loaded it.")
        self.keys.add(idempotency_key)
        number = sum(map(len, self.decisions.values()))
        decision = Decision(f"d{number}", kind, actor.person, seen, reason, datetime.now(UTC))
        self.decisions.setdefault(request_id, []).append(decision)
        self.requests[request_id] = replace(request, state=self._after(request, kind), updated=decision.at)
        return self.requests[request_id]

    def _after(self, request: PromotionRequest, kind: DecisionKind) -> RequestState:
        signed = len(standing_signatures(self.decisions[request.id], request.plan_digest))
        approved = RequestState.ROLLING_OUT if signed >= 2 else RequestState.OPEN
        return {
            DecisionKind.APPROVE: approved, DecisionKind.REVIEW: request.state, DecisionKind.REJECT: RequestState.REJECTED,
            DecisionKind.REQUEST_CHANGES: RequestState.CHANGES_REQUESTED,
        }[kind]  # fmt: skip

    def reseal(self, actor: Actor, request_id: str) -> PromotionRequest:
        self._demand(actor, request_id, UserAction.RESEAL)
        self.requests[request_id] = replace(
            self._get(request_id), stale=(), state=RequestState.OPEN, plan_digest="new" * 20
        )
        return self.requests[request_id]

    def withdraw(self, actor: Actor, request_id: str, *, reason: str) -> PromotionRequest:
        self._demand(actor, request_id, UserAction.WITHDRAW)
        self.requests[request_id] = replace(self._get(request_id), state=RequestState.WITHDRAWN)
        return self.requests[request_id]

    def comment(
        self,
        actor: Actor,
        request_id: str,
        text: str,
        *,
        idempotency_key: str,
        reply_to: str | None = None,
        tell: Sequence[str] = (),
    ) -> Mentioned:
        self._demand(actor, request_id, UserAction.COMMENT)
        known = [Actor(person, frozenset()) for person in self.people()]
        found = mentioned(text, known)
        named = tuple(dict.fromkeys([*tell, *(person.id for person in found.people)]))
        found = replace(found, people=tuple(person for person in self.people() if person.id in named))
        if idempotency_key in self.keys:
            return found
        self.keys.add(idempotency_key)
        comment = Comment(f"c{len(self.keys)}", actor.person, text, datetime.now(UTC), reply_to, named)
        self.comments.setdefault(request_id, []).append(comment)
        return found

    def mentions(self, actor: Actor) -> Sequence[tuple[PromotionRequest, Comment]]:
        named = [(r, c) for r, said in self.comments.items() for c in said if actor.person.id in c.mentions]
        return [(self.requests[r], c) for r, c in named]

    def people(self) -> Sequence[Person]:
        return [world.person(p) for p in world.PEOPLE]

    def _get(self, request_id: str) -> PromotionRequest:
        if request_id not in self.requests:
            raise NotFoundError(f"There is no request {request_id}.", hint="Look for it in the list of requests.")
        return self.requests[request_id]

    def _facts(self, request: PromotionRequest) -> RequestFacts:
        decisions = tuple(self.decisions.get(request.id, ()))
        return RequestFacts(
            request.state, request.participants, decisions, request.plan_digest, checks=world.checks_of(request),
            stale=request.stale, policy=GLASS, now=datetime.now(UTC),
        )  # fmt: skip

    def _state(self, actor: Actor, request: PromotionRequest, action: UserAction) -> ActionState:
        return next(state for state in actions(actor, self._facts(request)) if state.action is action)

    def _demand(self, actor: Actor, request_id: str, action: UserAction) -> None:
        reason = self._state(actor, self._get(request_id), action).reason
        if reason:
            raise RefusedError(reason)


GLASS = PromotionPolicy(
    "*", "production", 2, timedelta(days=14),
    break_glass=BreakGlass(Circle(people=("demo:ope",)), timedelta(hours=4), timedelta(days=2)),
)  # fmt: skip
"""Two signatures of anybody who may, and one person who may break glass."""


class FakeAssigning:
    def __init__(self) -> None:
        self.steps: list[tuple[str, str, str]] = []

    def colleagues(self, actor: Actor, request_id: str) -> Sequence[Person]:
        del request_id
        return [world.person(p) for p in (world.BEN, world.CHI) if p.id != actor.person.id]

    def reassign(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        return self._step("reassign", request_id, to, reason, actor, idempotency_key)

    def delegate(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        return self._step("delegate", request_id, to, reason, actor, idempotency_key)

    def defer(
        self, actor: Actor, request_id: str, *, until: datetime, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        return self._step("defer", request_id, until.isoformat(), reason, actor, idempotency_key)

    def _step(self, kind: str, request_id: str, to: str, reason: str, actor: Actor, key: str) -> PromotionRequest:
        del actor, key
        if not reason.strip():
            raise InvalidInputError("The reason is empty.", hint="Give a reason.")
        self.steps.append((kind, request_id, to))
        return world.REQUESTS[request_id]


class FakeEmergency:
    def break_glass(
        self, actor: Actor, request_id: str, *, seen: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        del actor, seen, reason, idempotency_key
        return world.REQUESTS[request_id]


class FakeFindings:
    def __init__(self) -> None:
        self.all: list[Finding] = []

    def people(self) -> Sequence[Person]:
        return [world.person(p) for p in world.PEOPLE]

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        return [f for f in self.all if model in {None, f.model} and not (open_only and f.closed)]

    def raise_finding(self, actor: Actor, key: VersionKey, wanted: NewFinding, *, idempotency_key: str) -> Finding:
        owner = next(p for p in self.people() if p.id == wanted.owner)
        found = Finding(
            f"fnd-{len(self.all)}", FindingKind.FINDING, key.model, key.version, wanted.environment, wanted.severity,
            wanted.title, owner, wanted.due, actor.person, world.NOW, wanted.request_id,
        )  # fmt: skip
        del idempotency_key
        self.all.append(found)
        return found

    def close_finding(self, actor: Actor, finding_id: str, *, resolution: str) -> Finding:
        index = next(n for n, f in enumerate(self.all) if f.id == finding_id)
        self.all[index] = replace(self.all[index], closed=world.NOW, closer=actor.person, resolution=resolution)
        return self.all[index]

    def reviews_due(self) -> Sequence[ReviewDue]:
        live = Deployment("dep-1", VersionKey(world.CENSUS, 5), "production", world.ago(days=200), request_id="req-5")
        return [ReviewDue(live, world.ago(days=20), None)]

    def record_review(self, actor: Actor, deployment_id: str, *, reason: str, idempotency_key: str) -> None:
        del actor, deployment_id, reason, idempotency_key


class FakeCoverage:
    def __init__(self, catalogue: FakeCatalogue) -> None:
        self.catalogue = catalogue

    def rows(self) -> Sequence[CoverageRow]:
        live = [row for row in self.catalogue.rows if row.live_in]
        return [
            CoverageRow(row, row.live_in[0], "alias champion", (Gap.APPROVAL, Gap.CARD) if row.owner is None else ())
            for row in live
        ]


class FakeReleases:
    def __init__(self) -> None:
        self.commands: list[tuple[str, int, str]] = []
        self.is_down = False

    def find(self, *, text: str = "", page: int = 1) -> ReleasePage:
        rows = [
            row
            for row in (_release_row(n) for n in range(60, 0, -1))
            if text.lower() in f"{row.name} {row.model}".lower()
        ]
        return ReleasePage(tuple(rows[(page - 1) * 25 : page * 25]), len(rows), page, 25)

    def view(self, project: str, run_id: int) -> ReleaseView:
        if project != "census" or run_id > 60:
            raise NotFoundError(
                f"There is no release {run_id} in {project}.", hint="Look for it in the list of releases."
            )
        problem = "Azure DevOps did not answer within 10 s." if self.is_down else ""
        return ReleaseView(_release_row(run_id), world.release(run_id), not self.is_down, problem)

    def log_tail(self, project: str, run_id: int, log_id: int, *, lines: int = 200) -> str:
        if self.is_down:
            raise UpstreamUnavailableError(
                "Azure DevOps does not answer.", system="azure_devops", hint="Try again in a minute."
            )
        return f"log {log_id} of run {run_id}\n2026-11-20T10:00:00Z <b>scored</b> 20 records\n" + "x" * 300

    def cancel(self, actor: Actor, project: str, run_id: int) -> None:
        self._demand(actor)
        self.commands.append(("cancel", run_id, ""))

    def retry_stage(self, actor: Actor, project: str, run_id: int, stage: str) -> None:
        self._demand(actor)
        self.commands.append(("retry", run_id, stage))

    def decide_approval(
        self, actor: Actor, project: str, run_id: int, approval_id: str, *, is_approved: bool, reason: str
    ) -> None:
        self._demand(actor)
        self.commands.append(("approve" if is_approved else "reject", run_id, f"{approval_id}: {reason}"))

    def deployments(self, project: str, run_id: int) -> tuple[DeploymentRecord, ...]:
        if self.is_down:
            raise UpstreamUnavailableError("Azure DevOps does not answer.", system="azure_devops", hint="Wait.")
        moment = world.ago(seconds=90)
        return (
            DeploymentRecord(2, 3, run_id, "release-model", "Production", "Deploy", None, moment, moment, None),
            DeploymentRecord(1, 3, 9, "release-<b>model</b>", "Production", "Deploy", "failed", moment, moment, moment),
        )

    def _demand(self, actor: Actor) -> None:
        if not actor.may(Permission.OPERATE_RELEASE):
            raise NotAllowedError("Only operators stop or repeat releases.", hint="Ask an operator.")


def _release_row(run_id: int) -> ReleaseRow:
    detail = world.release(run_id)
    known = run_id in {11, 12, 13}
    return ReleaseRow(
        "census", run_id, detail.run.name, detail.run.state.value, detail.run.result.value if detail.run.result else None,
        world.CENSUS if known else None, 3 if known else None, "production" if known else None, "req-10" if known else None,
        detail.run.created, world.ago(seconds=30),
    )  # fmt: skip


class FakeLedger:
    def __init__(self) -> None:
        self.is_intact = True
        self.check: LedgerCheck | None = None

    def find(self, query: LedgerQuery) -> LedgerPage:
        lines = [
            line for line in (_ledger_line(n) for n in range(119, -1, -1))
            if line.action.startswith(query.action) and query.actor.lower() in line.actor.lower()
            and query.subject.lower() in line.subject.lower() and query.model.lower() in line.subject.lower()
            and query.request_id in {"", line.request_id}
            and (query.since is None or line.at >= query.since) and (query.until is None or line.at < query.until)
        ]  # fmt: skip
        page = query.page
        note = "countersign.demo/ledger\n120\nq83vEjRWeJq83vEjRWeJq83vEjRWeJq83vEjRWeJq80=\n\n— countersign.demo/ledger AbCd=\n"
        return LedgerPage(tuple(lines[(page - 1) * 50 : page * 50]), len(lines), page, 50, note)

    def actions(self) -> Sequence[str]:
        return [action.value for action in Action]

    def verify(self) -> LedgerVerdict:
        good = "All 120 entries verified against 3 signed checkpoints; witnesses have seen all of it."
        told = "witness file: agrees, 12 checkpoints, up to entry 118"
        return LedgerVerdict(
            self.is_intact, 120, "ab" * 32, good if self.is_intact else "Entry 17 was changed.", (told,)
        )

    def witnesses(self) -> Sequence[WitnessState]:
        away = "Witness git cannot be reached: timed out."
        return [
            WitnessState("file", 120, 0, world.ago(minutes=1), "fresh"),
            WitnessState("git", 97, 23, world.ago(hours=5), "silent", away, "Check the remote's address."),
        ]

    def start_check(self) -> LedgerCheck:
        now = world.ago(seconds=2)
        self.check = LedgerCheck(now, 120, 120, now, self.verify())
        return self.check

    def last_check(self) -> LedgerCheck | None:
        return self.check

    def export(self, actor: Actor) -> bytes:
        return f"exported by {actor.person.id}".encode()


def _ledger_line(seq: int) -> LedgerLine:
    action = (Action.REQUEST_OPENED, Action.DECISION_APPROVED, Action.VERSION_LIVE, Action.COMMENT_ADDED)[seq % 4]
    who = (world.ANA, world.BEN, world.CHI)[seq % 3]
    sentence = f"did {action.value} with <b>v{seq}</b> :tada:"
    raw = '{"action":"' + action.value + '","seq":' + str(seq) + ',"text":"<script>"}'
    return LedgerLine(
        seq,
        world.ago(hours=120 - seq),
        who.name,
        action.value,
        sentence,
        f"{world.CENSUS}/{seq % 8 + 1}",
        f"req-{seq % 9}",
        raw,
    )


class FakeWhy:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def recent(self, actor: Actor) -> Sequence[PredictionRecord]:
        return world.PREDICTIONS

    def replay(self, actor: Actor, prediction_id: str) -> Replay:
        return Replay(
            ReplayVerdict.EQUAL, [0.2, 0.8], [0.2, 0.8], 0.0, (Mismatch("scikit-learn", "1.7.0", "1.9.1"),), "sha256:ab", True,
            "Run in a process of its own.", sentence="Scored again, census-income v5 gave exactly the logged answer.",
        )  # fmt: skip

    def reasons(self, actor: Actor, prediction_id: str) -> Reasons:
        moved = [("capital-gain", 7688, 0.31), ("age", 39, 0.12), ("hours-per-week", 20, -0.2), ("sex", "Male", 0.0)]
        near = Neighbour({"age": 40, "sex": "Male"}, "1", 0.08, ("age",))
        return Reasons(
            "permutation", "the probability of 1", "1", 0.24, 0.81, tuple(InputMoved(n, v, m, 0.01) for n, v, m in moved),
            "30 training examples", "the pipeline makes several features of one input", (near,), (replace(near, outcome="0"),),
        )  # fmt: skip

    def dossier(self, actor: Actor, prediction_id: str) -> Mapping[str, bytes]:
        if not actor.may(Permission.EXPORT):
            raise NotAllowedError("Your role cannot export dossiers.", hint="Auditors do.")
        return {"README.txt": b"Dossier"}

    def search(self, actor: Actor, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        return [r for r in world.PREDICTIONS if r.model == wanted.model]

    def timeline(self, model: str = "") -> Timeline:
        return Timeline(tuple(_spell(number, d) for number, d in enumerate(world.DEPLOYMENTS, 11)))

    def answer(self, actor: Actor, prediction_id: str, *, days: DateRange | None = None) -> WhyAnswer:
        if not actor.may(Permission.LOOK_UP_PREDICTION):
            raise NotAllowedError("Your role does not look up predictions.", hint="Ask an auditor or a reviewer.")
        self.asked.append(prediction_id)
        record = next((r for r in world.PREDICTIONS if r.request_id == prediction_id), None)
        if record is None:
            raise NotFoundError(
                f"No prediction {prediction_id} in the log.", hint="Check the id; logs are kept 90 days."
            )
        row = next(r for r in world.ROWS if r.key == VersionKey(world.CENSUS, 5))
        sentence = (
            "Version 5 of census-income, trained on adult-census (9f8e7d6c5) with HistGradientBoostingClassifier by ana.novak, was live in "
            "production since 2026-11-18 through release 20261120.4, approved by Ben Okafor."
        )
        deployment = world.DEPLOYMENTS[0] if record.version else None
        return WhyAnswer(
            record, sentence, world.facts(row), deployment, world.REQUESTS["req-5"] if deployment else None
        )

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Spell]:
        return self.timeline().at(at, model=model, environment=environment)


def _spell(seq: int, live: Deployment) -> Spell:
    return Spell(
        live.key, live.environment, Ground.LIVE, may_from=live.live_from, sure_from=live.live_from,
        sure_until=live.live_until, may_until=live.live_until, seq=seq, release=live.run_name,
    )  # fmt: skip


class FakeHealth:
    def __init__(self) -> None:
        self.now: tuple[SourceHealth, ...] = world.HEALTHY
        self.open: tuple[Incident, ...] = world.INCIDENTS
        self.waiting: tuple[Rollout, ...] = ()

    def sources(self) -> Sequence[SourceHealth]:
        return self.now

    def incidents(self) -> Sequence[Incident]:
        return self.open

    def waiting_for_worker(self) -> Sequence[Rollout]:
        return self.waiting

    def figures(self) -> Figures:
        return Figures({"open": 2}, {"running": 1}, {"witness_silent": 1}, {"failed": 1}, {"production": 2}, 12)


class FakeRecovery:
    def __init__(self) -> None:
        self.chosen: list[tuple[str, RecoveryAction, str]] = []

    def options(self, actor: Actor, rollout: Rollout | None) -> Sequence[RecoveryOption]:
        if rollout is None or rollout.state is not RolloutState.NEEDS_HUMAN:
            return ()
        closed = None if actor.may(Permission.OPERATE_RELEASE) else "Only operators can decide how a rollout continues."
        return [RecoveryOption(action, closed) for action in RecoveryAction]

    def choose(self, actor: Actor, request_id: str, action: RecoveryAction, *, reason: str) -> Rollout:
        self.chosen.append((request_id, action, reason))
        found = world.rollout_of(world.REQUESTS[request_id])
        assert found is not None
        return found


class FakeNotices:
    def __init__(self) -> None:
        self.kept: dict[str, Preferences] = {}
        self.is_mailed = True

    def own(self, actor: Actor) -> OwnNotices:
        email = f"{actor.person.id.removeprefix('demo:')}@example.com"
        return OwnNotices(email, self.is_mailed, self.kept.get(actor.person.id, Preferences()))

    def choose(self, actor: Actor, wanted: Preferences) -> None:
        self.kept[actor.person.id] = wanted


class FakeSessions:
    """Sign-ins in memory, under the real rules."""

    def __init__(self) -> None:
        self.now = world.NOW
        self.rules = SessionRules(roles_max_age=None)
        self.open: dict[str, Session] = {}

    def start(
        self,
        identity: Identity,
        *,
        sealed: str = "",
        instead_of: str | None = None,
        authenticated: datetime | None = None,
        provider_session: str = "",
    ) -> str:
        self.end(instead_of)
        cookie = f"cookie-{len(self.open)}"
        self.open[cookie] = Session(
            cookie, identity, self.now, self.now, self.now, sealed, None, authenticated, provider_session
        )
        return cookie

    def find(self, cookie: str | None, *, is_at_work: bool = True) -> Session | None:
        session = self.open.get(cookie or "")
        return session if session and self.rules.holds(session, self.now) else None

    def end(self, cookie: str | None) -> Session | None:
        session = self.find(cookie)
        if session:
            self.open[session.id] = replace(session, ended=self.now)
        return session

    def end_at_provider(self, ended: Ended) -> int:
        found = [s for s in self.open.values() if s.ended is None and s.identity.person.id == ended.person_id]
        self.open |= {session.id: replace(session, ended=ended.at) for session in found}
        return len(found)


@dataclass
class FakeOpened:
    """What `wiring.use` takes."""

    portal: Portal
    settings: Settings
    sessions: FakeSessions = field(default_factory=FakeSessions)
    provider: IdentityProvider | None = None
    closed: list[bool] = field(default_factory=list)

    def close(self) -> None:
        self.closed.append(True)


def fake_opened(*, rows: Sequence[VersionRow] = world.ROWS, **settings: Any) -> FakeOpened:
    """A portal with the whole awkward world, or with other rows."""
    catalogue, health = FakeCatalogue(rows), FakeHealth()
    portal = Portal(
        catalogue=catalogue, comparisons=FakeComparisons(catalogue), candidates=FakeCandidates(), promotions=FakePromotions(health),
        releases=FakeReleases(), recovery=FakeRecovery(), ledger=FakeLedger(), why=FakeWhy(), health=health,
        assigning=FakeAssigning(), emergency=FakeEmergency(), findings=FakeFindings(), coverage=FakeCoverage(catalogue), notices=FakeNotices(),
    )  # fmt: skip
    return FakeOpened(portal, load_settings(**({"demo_people": world.PEOPLE} | settings)))
