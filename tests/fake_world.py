"""Rich and awkward data for tests of the pages: the names, gaps and failures that real registries have."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.domain.catalogue import (
    HistoryLine,
    SourceHealth,
    TestCase,
    TestReport,
    VersionDetail,
    VersionRow,
)
from services.domain.checks import Check, Enforcement, Verdict, worst_first
from services.domain.identity.people import Person, Role
from services.domain.lineage import Certainty, Claim, Edge, Fact, Graph, Node, NodeKind, Relation
from services.domain.model_metrics import MetricValue
from services.domain.policy import Environment, PipelineTarget
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import Deployment, Incident, PromotionRequest
from services.domain.promotions.requests import Comment, Decision, DecisionKind, Participants, RequestState
from services.domain.promotions.rollout import Rollout, RolloutState, RolloutStep, StepRecord, StepState
from services.domain.registry import Dataset, ModelVersion, RegisteredModel, Run, VersionKey
from services.domain.releases import (
    ReleaseDetail,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunResult,
    RunState,
    RunTestCase,
    RunTests,
    TimelineItem,
)
from services.domain.why.predictions import PredictionRecord
from services.settings import DemoPerson

NOW = datetime.now(UTC).replace(microsecond=0)
CENSUS = "census-income"
NASTY = 'Fraud <b>"detector"</b> | `β` :rocket: :red[x] $a^2$ _co_ [x](javascript:alert(1)) & 100 %'
LONG = "a-model-name-that-" + "goes-on-and-" * 9 + "on"
HOSTILE = "emoji 🦊/slash?a=1&b=2#frag+plus %41"
MANY = "credit-risk"

ANA = DemoPerson(
    id="demo:ana", name="Ana Novak", roles=(Role.DATA_SCIENTIST,), title="Data scientist, asks for promotions"
)
BEN = DemoPerson(id="demo:ben", name="Ben Okafor", roles=(Role.REVIEWER,), title="Reviewer, model risk")
CHI = DemoPerson(id="demo:chi", name="Chiara O'Brien-Müller <chi>", roles=(Role.REVIEWER,), title="Reviewer, business")
DEE = DemoPerson(id="demo:dee", name="Dee Larsen", roles=(Role.AUDITOR,), title="Auditor")
OPE = DemoPerson(id="demo:ope", name="Ope Adeyemi", roles=(Role.OPERATOR,), title="Operator of releases")
PEOPLE = (ANA, BEN, CHI, DEE, OPE)


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def person(of: DemoPerson) -> Person:
    return Person(of.id, of.name)


AUC = {1: 0.8771, 2: 0.9012, 3: 0.9144, 4: 0.9151, 5: 0.9263, 6: 0.9264, 7: 0.9189, 8: 0.8903}
STAGES = {5: "Production", 4: "Archived", 3: "Archived", 7: "Staging"}


def _row(model: str, version: int, **fields: object) -> VersionRow:
    values: dict[str, object] = {
        "created": ago(days=40 - version), "stage": "None", "aliases": (), "owner": None, "run_id": None,
        "run_name": None, "dataset": None, "dataset_digest": None, "metric_name": None, "metric_value": None,
        "tests_passed": None, "tests_failed": None, "live_in": (), "last_activity": ago(days=20 - version),
        "description": "",
    }  # fmt: skip
    return VersionRow(key=VersionKey(model, version), **(values | fields))  # type: ignore[arg-type]


def _census(version: int) -> VersionRow:
    return _row(
        CENSUS, version, stage=STAGES.get(version, "None"),
        aliases=("champion", "stable") if version == 5 else ("challenger",) if version == 7 else (),
        owner="ana.novak", run_id=f"{version:02d}" + "ab12cd34ef56ab78" * 2, run_name=f"gradient-boosting-{version}",
        dataset="adult-census" if version != 7 else "adult-census (men only)", dataset_digest=f"9f8e7d6c{version}",
        metric_name="auc", metric_value=AUC[version], tests_passed=14 if version != 4 else 12,
        tests_failed=0 if version != 4 else 2, live_in=("production",) if version == 5 else ("staging",) if version == 7 else (),
        last_activity=ago(hours=9 - version), created=ago(days=30 - version * 3),
        description=f"Retrained with seed {version}.",
    )  # fmt: skip


ROWS: tuple[VersionRow, ...] = (
    *(_census(v) for v in range(8, 0, -1)),
    _row(NASTY, 2, owner='<script>alert("x")</script> **Eve**', aliases=("prod|uction",), stage="Production",
         live_in=("production",), metric_name="f1 $score$ :fire:", metric_value=0.12345678),
    _row(NASTY, 1),
    _row(LONG, 1, owner="somebody.with.a.rather.long.name@a-rather-long-department.example.org", run_id="f" * 32,
         run_name="run " * 20, dataset="data set " * 12, dataset_digest="0123456789abcdef" * 4, metric_name="rmse",
         metric_value=1234567.891, tests_passed=1, tests_failed=0),
    _row(HOSTILE, 3, owner="łukasz", metric_name="mae", metric_value=1e-07, tests_passed=0, tests_failed=3),
    *(_row(MANY, v, owner=("kim", "lee", None)[v % 3], metric_name="auc", metric_value=0.6 + v / 300,
           tests_passed=v, tests_failed=0 if v % 7 else 1, run_id=f"{v:032x}", run_name=f"nightly-{v}",
           last_activity=ago(days=200 - v * 3), created=ago(days=300 - v * 3)) for v in range(60, 0, -1)),
)  # fmt: skip


def facts(row: VersionRow) -> tuple[Fact, ...]:
    if row.run_id is None:
        hint = "Register the version from a run: mlflow.register_model('runs:/…')."
        return tuple(
            Fact(name, Certainty.UNKNOWN, "unknown", hint=hint)
            for name in ("owner", "run", "data set", "algorithm", "commit")
        )
    claims = (Claim("ana.novak", "run tag mlflow.user"), Claim("svc-train", "version tag registered_by"))
    return (
        Fact("owner", Certainty.CONTRADICTED, "ana.novak or svc-train", ("run tag mlflow.user", "version tag"), claims),
        Fact("run", Certainty.KNOWN, row.run_id, ("model version",), link="http://mlflow.example/#/runs/1"),
        Fact("data set", Certainty.KNOWN, f"{row.dataset} @ {row.dataset_digest}", ("run inputs",)),
        Fact("algorithm", Certainty.KNOWN, "HistGradientBoostingClassifier", ("run parameter estimator",)),
        Fact("commit", Certainty.UNKNOWN, "unknown", hint="Train from a Git checkout, so that MLflow logs the commit."),
    )


def graph(row: VersionRow) -> Graph:
    known = row.run_id is not None
    nodes = (
        Node("d", NodeKind.DATASET, row.dataset or "unknown", row.dataset_digest or "", is_known=known),
        Node("r", NodeKind.RUN, row.run_name or "unknown", row.run_id or "", is_known=known),
        Node("v", NodeKind.VERSION, str(row.key), row.stage),
        Node("q", NodeKind.REQUEST, "req-5", "promoted", link="/request?id=req-5"),
        Node("l", NodeKind.RELEASE, "20261120.4", "succeeded", link="/release?project=census&run=12"),
        Node("e", NodeKind.ENVIRONMENT, "production", "live now"),
    )
    edges = (
        Edge("d", "r", Relation.TRAINED), Edge("r", "v", Relation.PRODUCED), Edge("v", "q", Relation.PROPOSED),
        Edge("q", "l", Relation.RELEASED), Edge("l", "e", Relation.DEPLOYED),
    )  # fmt: skip
    return Graph(nodes, edges) if row.live_in else Graph(nodes[:3], edges[:2])


CARD = """# Census income

**Intended use**: estimate whether income exceeds 50 k$ (1994 census). *Not* for credit decisions.

| slice | AUC |
|---|---|
| women | 0.94 |
| men | 0.91 |

<script>alert('card')</script> <img src="http://evil.example/x.png" onerror="alert(1)">
![tracker](http://evil.example/track.png) [click](javascript:alert(1)) :material/warning: $E=mc^2$
"""


def tests_of(row: VersionRow) -> tuple[TestReport, ...]:
    if row.tests_passed is None:
        return ()
    failed = tuple(
        TestCase(f"test_slice_{i} <b>", "failed", 0.2, "AssertionError: 0.81 < 0.85 | `x`", "model")
        for i in range(row.tests_failed or 0)
    )
    passed = tuple(TestCase(f"test_ok_{i}", "passed", 0.0123 * i, "", "model") for i in range(row.tests_passed))
    return (
        TestReport("Model tests", "run artifact tests/model.xml", "http://mlflow.example/x", row.tests_passed,
                   row.tests_failed or 0, 1, failed + passed),
        TestReport("Smoke test", "pipeline run 12", "", 0, 0, 0, problem="The file tests/smoke.xml is no XML."),
    )  # fmt: skip


def detail(row: VersionRow) -> VersionDetail:
    key = row.key
    run = None
    if row.run_id:
        params = {"estimator": "HistGradientBoostingClassifier", "max_iter": "200", "learning_rate": "0.1",
                  "features": "age, education, " * 20}  # fmt: skip
        metrics = {"auc": row.metric_value or 0.5, "log_loss": 0.2871, "train_seconds": 3.21, "nan_metric": math.nan}
        run = Run(row.run_id, "1", row.run_name or "", "FINISHED", "ana.novak", ago(days=9), ago(days=9), params=params,
                  metrics=metrics, datasets=(Dataset(row.dataset or "x", row.dataset_digest or "y", "training"),))  # fmt: skip
    version = ModelVersion(key.model, key.version, row.created, row.last_activity, row.stage, "READY", row.description,
                           f"models:/m-{'0' * 32}", row.run_id or "", {"team": "risk", "note <i>": "a|b `c` :tada:"}, row.aliases)  # fmt: skip
    deployments = tuple(d for d in DEPLOYMENTS if d.key == key)
    history = (
        HistoryLine(row.last_activity, f"{key} moved to {row.stage}", "Countersign", "ledger entry 12"),
        HistoryLine(row.created, "version registered <script>", "ana.novak", "MLflow"),
    )
    return VersionDetail(
        row=row, version=version, model=RegisteredModel(key.model, ago(days=90), ago(days=1), "Does **income** <b>scoring</b>."),
        run=run, facts=facts(row), graph=graph(row), tests=tests_of(row), card=CARD if row.run_id else None,
        deployments=deployments, requests=tuple(r for r in REQUESTS.values() if r.key == key), history=history,
        links={"Version in MLflow": "http://mlflow.example/#/models/x", "Bad link": "javascript:alert(1)"},
        metrics=_metrics(run) if run else {},
    )  # fmt: skip


def _metrics(run: Run) -> dict[str, MetricValue]:
    found = {n: MetricValue(n, v, "logged model m-1", dataset="adult-test (9f8e)") for n, v in run.metrics.items()}
    why = "the model's last nan_metric is NaN <b>"
    return {**found, "nan_metric": MetricValue("nan_metric", None, "logged model m-1", why)}


DEPLOYMENTS = (
    Deployment("dep-2", VersionKey(CENSUS, 5), "production", ago(days=3), None, "req-5", "census", 12, "20261120.4",
               "http://devops.example/run/12"),
    Deployment("dep-1", VersionKey(CENSUS, 4), "production", ago(days=20), ago(days=3), "req-4", "census", 8, "20261101.1"),
    Deployment("dep-3", VersionKey(NASTY, 2), "production", ago(hours=5)),
)  # fmt: skip

PRODUCTION = Environment("production", "Production", "champion", PipelineTarget("census", 3))
STAGING = Environment("staging", "Staging", None, None)
ENVIRONMENTS = (PRODUCTION, STAGING)


def plan_of(request: PromotionRequest) -> Plan:
    return Plan(
        model=request.key.model, version=request.key.version, version_created=ago(days=9).isoformat(), run_id="07ab",
        artifact_digest="c0ffee" * 10, metrics={"auc": AUC.get(request.key.version, 0.5)},
        dataset_digests={"adult-census (training)": "9f8e"}, test_results={"Model tests": "14 passed, 0 failed, 1 skipped"},
        environment=request.environment, stage="Production", alias="champion",
        current_version=5 if request.key.model == CENSUS else None, registry_order="before", pipeline_project="census",
        pipeline_id=3, policy_digest=request.policy_digest, evidence_digest=request.evidence_digest,
    )  # fmt: skip


def _request(
    number: int, key: VersionKey, state: RequestState, *, requester: DemoPerson = ANA, stale: tuple[str, ...] = ()
) -> PromotionRequest:
    return PromotionRequest(
        id=f"req-{number}", key=key, environment="production", state=state, revision=1,
        participants=Participants(person(requester), "ana.novak"),
        reason=f"Better AUC on the new quarter.\nSecond line with <b>HTML</b>, **stars** and :tada: ({number}).",
        plan_digest=f"{number:02d}" + "a1b2c3d4" * 7, evidence_digest="ee" * 32, policy_digest="dd" * 32,
        created=ago(hours=30 - number), updated=ago(minutes=400 - number * 11), expires=NOW + timedelta(days=5), stale=stale,
    )  # fmt: skip


_S = RequestState
REQUESTS: dict[str, PromotionRequest] = {
    r.id: r
    for r in (
        _request(7, VersionKey(CENSUS, 7), _S.OPEN),
        _request(6, VersionKey(CENSUS, 6), _S.OPEN),
        _request(
            8, VersionKey(CENSUS, 8), _S.OPEN, stale=("metrics.auc: 0.8903 → 0.999", "alias champion: v5 → v6 <b>")
        ),
        _request(9, VersionKey(NASTY, 1), _S.CHANGES_REQUESTED),
        _request(10, VersionKey(CENSUS, 3), _S.ROLLING_OUT),
        _request(5, VersionKey(CENSUS, 5), _S.PROMOTED),
        _request(4, VersionKey(CENSUS, 4), _S.FAILED),
        _request(11, VersionKey(LONG, 1), _S.REJECTED),
        *(_request(100 + n, VersionKey(MANY, n), _S.WITHDRAWN) for n in range(1, 31)),
    )
}

CHECKS_GOOD = worst_first(
    (
        Check("Metric auc", Verdict.PASS, "auc is 0.9264; the policy requires at least 0.9.", "0.9264", "at least 0.9", "run 06ab"),
        Check("Tests", Verdict.PASS, "Every test passed.", "14 passed, 0 failed", "no failures", "tests/model.xml"),
        Check("Comparison with live", Verdict.WARN, "No difference can be told.", "cannot tell", "not worse",
              "held-out predictions", enforcement=Enforcement.WARN),
        Check("Model card", Verdict.PASS, "A model card is kept with the run.", "812 characters", "present"),
    )
)  # fmt: skip
CHECKS_BAD = worst_first(
    (
        *CHECKS_GOOD[:2],
        Check("Comparison with live", Verdict.FAIL, "Women are scored worse: AUC falls by 0.031.", "worse for sex=Female",
              "not worse", "held-out predictions", "http://mlflow.example/compare"),
        Check("Lineage", Verdict.UNKNOWN, "Unknown: the Git commit <b>.", "3 of 4 known", "all known", "run"),
    )
)  # fmt: skip


def checks_of(request: PromotionRequest) -> tuple[Check, ...]:
    return CHECKS_BAD if request.key.version in {7, 1} else CHECKS_GOOD


COMMENTS = (
    Comment(
        "c1",
        person(BEN),
        "Please explain the **women** slice.\n- point one\n- <script>alert(1)</script> :tada: $x$",
        ago(hours=3),
    ),
    Comment(
        "c2", person(ANA), "Done, see https://evil.example and www.evil.example " + "verylongword" * 14, ago(hours=2)
    ),
)
DECISION = Decision("d1", DecisionKind.APPROVE, person(CHI), "oldseal", "Looked good at the time.", ago(hours=5),
                    "The plan changed: metrics.auc: 0.89 → 0.999")  # fmt: skip


def rollout_of(request: PromotionRequest) -> Rollout | None:
    done = [
        StepRecord(step, StepState.DONE, ago(minutes=9 - i), "")
        for i, step in enumerate((RolloutStep.RECHECK, RolloutStep.RESERVE))
    ]
    if request.state is _S.ROLLING_OUT:
        steps = (*done, StepRecord(RolloutStep.MOVE_REGISTRY, StepState.DONE, ago(minutes=6), "champion: v5 → v3"),
                 StepRecord(RolloutStep.START_RUN, StepState.DONE, ago(minutes=5), "run 13"),
                 StepRecord(RolloutStep.FOLLOW_RUN, StepState.INTENT, ago(minutes=4), ""))  # fmt: skip
        return Rollout(
            "roll-10",
            request.id,
            RolloutState.RUNNING,
            steps,
            1,
            run_id=13,
            created=ago(minutes=9),
            updated=ago(seconds=20),
        )
    if request.state is _S.FAILED:
        steps = (*done, StepRecord(RolloutStep.MOVE_REGISTRY, StepState.UNDONE, ago(days=2), "champion: v4 → v5"),
                 StepRecord(RolloutStep.FOLLOW_RUN, StepState.FAILED, ago(days=2), "stage Smoke test failed"))  # fmt: skip
        return Rollout("roll-4", request.id, RolloutState.FAILED, steps, 1, "Pipeline run 11 failed in stage 'Smoke test'.", 11,
                       ago(days=2), ago(days=2))  # fmt: skip
    return None


def _item(ident: str, parent: str | None, kind: str, name: str, state: str, **fields: object) -> TimelineItem:
    return TimelineItem(ident, parent, kind, name, state, **({"result": None} | fields))  # type: ignore[arg-type]


def timeline(*, running: bool, failed: bool) -> tuple[TimelineItem, ...]:
    smoke = ("inProgress", None) if running else ("completed", "failed" if failed else "succeeded")
    prod = ("pending", None) if running else ("completed", "skipped" if failed else "succeeded")
    return (
        _item("s1", None, "Stage", "Deploy to test", "completed", result="succeeded", order=1, started=ago(minutes=9),
              finished=ago(minutes=7), identifier="deploy_test"),
        _item("j1", "s1", "Job", "Deploy", "completed", result="succeeded", order=1, started=ago(minutes=9), finished=ago(minutes=7)),
        _item("t1", "j1", "Task", "Start scoring server", "completed", result="succeeded", order=1, started=ago(minutes=9),
              finished=ago(minutes=8), log_id=4),
        _item("s2", None, "Stage", "Smoke test <b>&", smoke[0], result=smoke[1], order=2, started=ago(minutes=6), identifier="smoke",
              finished=None if running else ago(minutes=4)),
        _item("j2", "s2", "Job", "Score known records", smoke[0], result=smoke[1], order=1, started=ago(minutes=6)),
        _item("t2", "j2", "Task", "Compare with the expected results", smoke[0], result=smoke[1], order=1, started=ago(minutes=5),
              finished=None if running else ago(minutes=4), log_id=7,
              issues=("Record 17: expected 0.81, got 0.18 <script>",) if failed else (), percent=40 if running else None),
        _item("s3", None, "Stage", "Production", prod[0], result=prod[1], order=3, identifier="production"),
        _item("c3", "s3", "Checkpoint.Approval", "Approval", "inProgress" if running else "completed", order=1),
    )  # fmt: skip


def release(run_id: int) -> ReleaseDetail:
    running, failed = run_id == 13, run_id == 11
    result = None if running else RunResult.FAILED if failed else RunResult.SUCCEEDED
    run = ReleaseRun(
        RunRef("census", 3, run_id), f"20261120.{run_id}", RunState.IN_PROGRESS if running else RunState.COMPLETED, result,
        ago(minutes=10), None if running else ago(minutes=2), "http://devops.example/run", "release-model", "0123456789abcdef",
        {"modelName": CENSUS, "modelVersion": "3", "requestId": "req-10"}, ("countersign",),
    )  # fmt: skip
    cases = (RunTestCase("score_17 <i>", "Failed", 12.5, "expected 0.81"), RunTestCase("score_1", "Passed", 3.0))
    return ReleaseDetail(
        run, timeline(running=running, failed=failed), (RunTests(1, "Smoke test", 20, 19 if failed else 20, 1 if failed else 0, "", cases),),
        (RunArtifact("evidence", "http://devops.example/a.zip", 123_456), RunArtifact("no size")),
        (RunApproval("a1", "pending" if running else "approved", ("Release owners",), () if running else ("Ope Adeyemi",), "ok <b>",
                     ago(minutes=5)),),
    )  # fmt: skip


PREDICTIONS = (
    PredictionRecord("3f1c-0001", ago(minutes=12), "production", CENSUS, 5, {"age": 39, "education": "Bachelors", "sex": "Male"},
                     ">50K", 0.8123, "part-0.parquet"),
    PredictionRecord("b'q\"<odd id>&x=1 🦊", ago(days=8), "production", CENSUS, None, {"age": None, "note": "<b>x</b> :tada:"},
                     None, None, "part-1.parquet"),
)  # fmt: skip

HEALTHY = (
    SourceHealth("MLflow", is_reachable=True, last_success=ago(seconds=11)),
    SourceHealth("Azure DevOps", is_reachable=True, last_success=ago(seconds=14)),
)
OUTAGE = (
    replace(HEALTHY[0], is_reachable=False, last_success=ago(minutes=42), problem="No answer within 5 s.",
            hint="Check COUNTERSIGN_MLFLOW_URL and the server."),
    SourceHealth("Azure DevOps", is_reachable=False, last_success=None, problem="203: the answer is a sign-in page, not JSON."),
)  # fmt: skip
INCIDENTS = (
    Incident("inc-1", "registry_moved", CENSUS, f"{CENSUS} alias champion", "v5", "v2",
             "The alias champion was moved from v5 to v2 outside Countersign <b>.", ago(hours=1)),
)  # fmt: skip
SILENT = Incident(
    "inc-2", "witness_silent", "", "witness git", "", "witness_silent",
    "Witness git has confirmed nothing for more than 2 hours; what was written since relies on the portal's signature alone.",
    ago(hours=3),
)  # fmt: skip
