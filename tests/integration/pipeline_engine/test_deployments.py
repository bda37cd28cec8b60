"""Deployment jobs: environments, checks, hooks; and retrying a stage."""

from __future__ import annotations

import pytest

from azure_devops_server.engine.journal import Checkpoint, Deployment
from azure_devops_server.engine.runner import RunOutcome, from_document, to_document
from tests.integration.pipeline_engine.world import Verdict, World

RELEASE = """
    stages:
    - stage: Test
      jobs: [{job: J, steps: [{checkout: none}, {bash: echo tested}]}]
    - stage: Production
      jobs:
      - deployment: Deploy
        environment: production
        strategy:
          runOnce:
            preDeploy: {steps: [{bash: echo pre}]}
            deploy:
              steps:
              - bash: |
                  echo "environment $ENVIRONMENT_NAME $(Strategy.Name)"
                  echo "##vso[task.setvariable variable=url;isOutput=true]http://x"
                name: out
            routeTraffic: {steps: [{bash: "exit ${{ parameters.code }}"}]}
            postRouteTraffic: {steps: [{bash: echo post}]}
            on:
              failure: {steps: [{bash: echo rolled back}]}
              success: {steps: [{bash: echo told}]}
      - job: After
        dependsOn: Deploy
        variables:
          url: $[ dependencies.Deploy.outputs['Deploy.out.url'] ]
        steps: [{checkout: none}, {bash: "echo at $(url)"}]
"""
PARAMETERS = "\n    parameters:\n    - {name: code, type: number, default: 0}\n"


def hooks(world: World) -> dict[str, str | None]:
    names = ("PreDeploy", "Deploy", "RouteTraffic", "PostRouteTraffic", "OnSuccess", "OnFailure")
    return {name: world.journal.result(f"Production.Deploy.{name}") for name in names}


def test_deployment__approved__runs_hooks_in_order_and_is_recorded(world: World) -> None:
    outcome = world.run(PARAMETERS + RELEASE)
    journal = world.journal
    assert outcome.result == "succeeded"
    stage = journal.find("Production")
    assert journal.checkpoints == [Checkpoint(stage.id, "Production", ("production",))]
    assert journal.deployments == [(Deployment("production", "Production", "Deploy", 1), "succeeded")]
    assert "environment production runOnce" in journal.all_logs
    assert "at http://x" in journal.all_logs
    ran = dict.fromkeys(("PreDeploy", "Deploy", "RouteTraffic", "PostRouteTraffic", "OnSuccess"), "succeeded")
    assert hooks(world) == {**ran, "OnFailure": "skipped"}
    states = [record.state for record in journal.history if record.id == stage.id]
    assert states == ["pending", "inProgress", "completed"]


def test_deployment__failed_hook__runs_on_failure_and_ends_failed(world: World) -> None:
    outcome = world.run(PARAMETERS + RELEASE, parameters={"code": "3"})
    assert hooks(world) == {
        "PreDeploy": "succeeded",
        "Deploy": "succeeded",
        "RouteTraffic": "failed",
        "PostRouteTraffic": "skipped",
        "OnSuccess": "skipped",
        "OnFailure": "succeeded",
    }
    assert "rolled back" in world.journal.all_logs
    assert world.journal.deployments[0][1] == "failed"
    assert outcome.result == "failed"


@pytest.mark.parametrize(
    ("verdict", "stage", "run"),
    [("rejected", "failed", "failed"), ("skipped", "skipped", "succeeded"), ("canceled", "canceled", "canceled")],
)
def test_deployment__not_approved__never_starts(world: World, verdict: Verdict, stage: str, run: str) -> None:
    world.journal.verdicts = {"Production": verdict}
    outcome = world.run(PARAMETERS + RELEASE)
    assert world.journal.result("Production") == stage
    assert outcome.result == run
    assert world.journal.deployments == []
    assert "environment production" not in world.journal.all_logs
    assert world.journal.find("Production").started is None


def test_deployment__sources__are_fetched_only_on_request(world: World) -> None:
    (world.folder / "source").mkdir()
    (world.folder / "source" / "a.txt").write_text("here")
    world.run("""
        jobs:
        - deployment: Without
          strategy: {runOnce: {deploy: {steps: [{bash: "test ! -e a.txt"}]}}}
        - deployment: With
          strategy: {runOnce: {deploy: {steps: [{checkout: self}, {bash: "cat a.txt"}]}}}
    """)
    assert world.journal.result("__default") == "succeeded"
    assert world.journal.checkpoints == []


RETRIED = """
    stages:
    - stage: Build
      jobs:
      - job: J
        steps:
        - checkout: none
        - bash: echo "##vso[task.setvariable variable=v;isOutput=true]built"
          name: s
    - stage: Deploy
      jobs:
      - job: Good
        steps:
        - checkout: none
        - bash: |
            echo good >> $SHARED/ran
            echo "##vso[task.setvariable variable=g;isOutput=true]kept"
          name: s
      - job: Bad
        dependsOn: Good
        variables:
          v: $[ stageDependencies.Build.J.outputs['s.v'] ]
          g: $[ dependencies.Good.outputs['s.g'] ]
        steps:
        - checkout: none
        - bash: echo "bad $(v) $(g) $SYSTEM_STAGEATTEMPT" >> $SHARED/ran; test -e $SHARED/fixed
    - stage: After
      jobs: [{job: J, steps: [{checkout: none}, {bash: "echo after >> $SHARED/ran"}]}]
"""


def retry(world: World, first: RunOutcome, *, everything: bool) -> RunOutcome:
    context = {
        "environment": {"SHARED": str(world.folder)},
        "attempt": 2,
        "only_stages": frozenset({"Deploy", "After"}),
        "previous": from_document(to_document(first.stages)),
        "retry_all_jobs": everything,
    }
    return world.run(RETRIED, context=context)


@pytest.mark.parametrize("everything", [False, True])
def test_retry__failed_stage__runs_what_failed_with_what_was_kept(world: World, everything: bool) -> None:
    import uuid

    world.context = {"record_namespace": uuid.UUID(int=7), "environment": {"SHARED": str(world.folder)}}
    first = world.run(RETRIED)
    assert {name: stage.result for name, stage in first.stages.items()} == {
        "Build": "succeeded",
        "Deploy": "failed",
        "After": "skipped",
    }
    (world.folder / "fixed").touch()
    second = retry(world, first, everything=everything)
    assert second.result == "succeeded"
    ran = (world.folder / "ran").read_text().splitlines()
    again = ["good"] if everything else []
    assert ran == ["good", "bad built kept 1", *again, "bad built kept 2", "after"]
    journal = world.journal
    assert journal.find("Build").attempt == 1
    old, new = journal.find("Deploy", 1), journal.find("Deploy", 2)
    assert (old.result, new.result) == ("failed", "succeeded")
    assert old.id != new.id
    assert journal.find("Deploy.Bad", 2).parent_id == new.id
    kept = journal.find("Deploy.Good", 2 if everything else 1)
    assert (kept.parent_id, kept.result) == (new.id, "succeeded")
    assert kept.started is not None
