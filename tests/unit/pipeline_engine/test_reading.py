"""What the YAML may say; every refusal names key, line and reason."""

from __future__ import annotations

import pytest

from azure_devops_server.engine.definition import PipelineError, load_pipeline
from tests.integration.pipeline_engine.world import plan_of


def messages(text: str) -> tuple[str, ...]:
    with pytest.raises(PipelineError) as caught:
        plan_of(text)
    return caught.value.messages


def test_load__unknown_root_key__is_told_as_azure_does() -> None:
    with pytest.raises(PipelineError) as caught:
        load_pipeline("stepz:\n- script: a\n", read_template=str)
    assert str(caught.value) == "/azure-pipelines.yml (Line: 1, Col: 1): Unexpected value 'stepz'"


def test_expand__several_problems__are_all_told_one_a_line() -> None:
    with pytest.raises(PipelineError) as caught:
        plan_of("""
            steps:
            - script: a
              foo: 1
            - task: Cache@2
            - bash: a
              condition: nope()
            - pwsh: x
        """)
    lines = str(caught.value).split("\n")
    assert lines[0] == "/azure-pipelines.yml (Line: 4, Col: 3): Unexpected value 'foo'"
    assert lines[1].startswith(
        "/azure-pipelines.yml (Line: 5, Col: 9): The task 'Cache@2' is not supported by the local"
    )
    assert "It supports: CmdLine@2, Bash@3, PythonScript@0" in lines[1]
    assert lines[2].startswith("/azure-pipelines.yml (Line: 7, Col: 14): Unrecognized value: 'nope'")
    assert lines[3] == "/azure-pipelines.yml (Line: 8, Col: 3): The step 'pwsh' is not supported by the local server"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("steps: [a", "(Line: 1, Col: 10, Idx: 9): while parsing a flow sequence"),
        ("a: &x 1", "Anchors are not currently supported. Remove the anchor 'x'"),
        ("steps: []\nsteps: []", "(Line: 2, Col: 1): 'steps' is already defined"),
        ("", "A mapping was expected"),
        ("name: x", "A pipeline needs 'stages', 'jobs', 'steps' or 'extends'"),
        ("steps: []\njobs: []", "'steps' cannot stand beside 'jobs'"),
        ("resources: {}\nsteps: []", "'resources' is not supported by the local server"),
        ("container: x\nsteps: []", "'container' is not supported by the local server"),
        ("pool: server\nsteps: [script: a]", "'pool: server' (agentless jobs) is not supported"),
        ("steps:\n- checkout: other", "'checkout: other' is not supported"),
        ("steps:\n- checkout: self\n  submodules: true", "'submodules: true' is not supported"),
        ("steps:\n- download: up", "'download: up' is not supported"),
        ("steps:\n- script: a\n  target: host", "'target' is not supported"),
        ("steps:\n- script: a\n  name: a b", "The name 'a b' is not valid"),
        ("steps:\n- script: a\n  timeoutInMinutes: soon", "Expected a whole number"),
        ("steps:\n- script: a\n  continueOnError: perhaps", "Expected true or false"),
        ("steps:\n- script: [a]", "Expected a text for 'script'"),
        ("steps:\n- {script: a, name: s}\n- {script: a, name: S}", "The step name S appears more than once"),
        ("steps:\n- task: Bash@3", "The task Bash@3 needs the input 'filePath'"),
        ("steps:\n- task: Bash@3\n  inputs: {targetType: inline}", "needs the input 'script'"),
        ("steps:\n- task: Bash@3\n  inputs: {filePath: a, nope: b}", "The input 'nope' of Bash@3 is not supported"),
        (
            "steps:\n- task: PublishTestResults@2\n  inputs: {testResultsFormat: NUnit}",
            "The value 'NUnit' of 'testResultsFormat' is not supported",
        ),
        (
            "steps:\n- task: DownloadPipelineArtifact@2\n  inputs: {source: specific}",
            "The value 'specific' of 'source' is not supported",
        ),
        ("jobs:\n- job: A\n  strategy: {parallel: 2}\n  steps: [script: a]", "'parallel' is not supported"),
        ("jobs:\n- job: A\n  strategy: {matrix: '$[x]'}\n  steps: [script: a]", "Expected a mapping for 'matrix'"),
        ("jobs:\n- job: A\n  container: x\n  steps: [script: a]", "'container' is not supported"),
        ("jobs:\n- job: A\n  dependsOn: B\n  steps: [script: a]", "The job A depends on unknown job B"),
        ("jobs:\n- job: A\n  steps: []", "The job A has no steps"),
        (
            "jobs:\n- {job: A, dependsOn: B, steps: [script: a]}\n- {job: B, dependsOn: A, steps: [script: a]}",
            "The jobs depend on each other in a circle: a, b",
        ),
        (
            "jobs:\n- {job: A, steps: [script: a]}\n- {job: a, steps: [script: a]}",
            "The job name a appears more than once",
        ),
        ("jobs:\n- deployment: D\n  environment: e", "needs a 'strategy' with 'runOnce'"),
        ("jobs:\n- deployment: D\n  environment: e\n  strategy: {canary: {}}", "'canary' is not supported"),
        ("jobs:\n- deployment: D\n  environment: e\n  strategy: {rolling: {}}", "'rolling' is not supported"),
        (
            "jobs:\n- deployment: D\n  environment: e.vm\n  strategy: {runOnce: {deploy: {steps: [script: a]}}}",
            "A resource of an environment ('e.vm') is not supported",
        ),
        (
            (
                "jobs:\n- deployment: D\n  environment: ${{ variables.none }}\n"
                "  strategy: {runOnce: {deploy: {steps: [script: a]}}}"
            ),
            "(Line: 3, Col: 16): The environment's name is empty",
        ),
        (
            "stages:\n- stage: A\n  trigger: manual\n  jobs: [{job: J, steps: [script: a]}]",
            "'trigger' is not supported",
        ),
        ("stages:\n- stage: A\n  jobs: []", "A stage needs at least one job"),
        ("variables:\n- group: g\nsteps:\n- script: a", "Variable group 'g' could not be found"),
        ("variables:\n  a: $[nope()]\nsteps:\n- script: a", "Unrecognized value: 'nope'"),
        ("variables:\n  a: $[counter('x', 1)]\nsteps:\n- script: a", "does not support the function 'counter'"),
        ("steps:\n- script: a\n  condition: eq(dependencies.A.result, 'x')", "Unrecognized value: 'dependencies'"),
    ],
)
def test_expand__wrong_or_unsupported__names_it(text: str, part: str) -> None:
    assert any(part in message for message in messages(text)), messages(text)


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("jobs:\n- job: A\n  steps: [task: Cache@2]", "The task 'Cache@2'"),
        (("stages:\n- {stage: A, jobs: [{job: J, steps: [script: a]}]}\n"
         "- {stage: A, jobs: [{job: J, steps: [script: a]}]}"), "The stage name A appears more than once"),
    ],
)  # fmt: skip
def test_expand__one_mistake__is_told_once(text: str, only: str) -> None:
    (told,) = messages(text)
    assert only in told


def test_expand__triggers_and_pool__are_accepted() -> None:
    plan = plan_of("""
        trigger: {branches: {include: [main]}}
        pr: none
        schedules:
        - cron: 0 0 * * *
        pool: {vmImage: ubuntu-latest}
        steps:
        - checkout: self
          fetchDepth: 1
          clean: true
        - script: a
    """)
    steps = plan.stages[0].jobs[0].instances[0].steps
    assert [step.task for step in steps] == ["Checkout", "CmdLine"]


def test_expand__stages_without_depends_on__follow_one_another() -> None:
    plan = plan_of("""
        stages:
        - stage: A
          jobs: [{job: J, steps: [script: a]}]
        - stage: B
          jobs: [{job: J, steps: [script: a]}]
        - stage: C
          dependsOn: []
          jobs: [{job: J, steps: [script: a]}]
        - stage: D
          dependsOn: [a, B]
          jobs: [{job: J, steps: [script: a]}]
    """)
    assert [stage.depends_on for stage in plan.stages] == [(), ("A",), (), ("A", "B")]


def test_expand__variable_group__is_used_where_it_is_given() -> None:
    plan = plan_of("variables:\n- group: G\nsteps:\n- script: a", groups={"g": {"k": "v"}})
    assert [(variable.name, variable.value) for variable in plan.variables] == [("k", "v")]


def test_plan__environments__are_listed_by_stage() -> None:
    plan = plan_of("""
        jobs:
        - deployment: D
          environment: {name: production}
          strategy: {runOnce: {deploy: {steps: [script: a]}}}
    """)
    assert plan.environments == plan.stages[0].environments == ("production",)


def test_load__yaml_nested_without_end__is_refused() -> None:
    with pytest.raises(PipelineError, match="Nested too deeply; 60 levels"):
        load_pipeline("a: " + "[" * 99 + "]" * 99, read_template=str)


def test_expand__loops_over_loops__stop_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("azure_devops_server.engine.reading.templates._MAX_NODES", 500)
    with pytest.raises(PipelineError, match="more than 500 parts"):
        plan_of("""
            parameters:
            - {name: many, type: object, default: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}
            steps:
            - ${{ each a in parameters.many }}:
              - ${{ each b in parameters.many }}:
                - ${{ each c in parameters.many }}:
                  - ${{ each d in parameters.many }}:
                    - ${{ each e in parameters.many }}:
                      - script: a
        """)


@pytest.mark.parametrize("flag", ["true", "false", "True"])
def test_checkout__persist_credentials__is_accepted(flag: str) -> None:
    """Case 24: pipelines that push tags ask for it."""
    plan = plan_of(f"steps:\n- checkout: self\n  persistCredentials: {flag}\n- script: echo hello\n")
    (step, _) = plan.stages[0].jobs[0].instances[0].steps
    assert step.inputs["persistCredentials"].casefold() == flag.casefold()


def test_constructs_of_public_pipelines__are_accepted() -> None:
    """Case 24: conditions over several lines, an empty dependsOn, macros in other letter case, coalesce over nothing."""
    plan = plan_of("""
        trigger: {branches: {include: [main]}, paths: {include: [scorer/*]}}
        variables:
        - {name: here, value: scorer}
        - {name: runLink, value: 'see $(SYSTEM.TEAMPROJECT) run $(BUILD.BUILDID)'}
        stages:
        - stage: Check
          condition: |
            and(
              eq(variables['Build.Reason'], 'PullRequest'),
              not(eq(variables['Build.Reason'], 'Schedule'))
            )
          jobs:
          - job: A
            pool: {vmImage: ubuntu-latest}
            steps:
            - {checkout: self, clean: true, persistCredentials: true}
          - {job: B, dependsOn: [], steps: [{script: echo b}]}
        - stage: Ship
          dependsOn: []
          jobs:
          - job: Choose
            condition: and(succeeded(), eq(coalesce(variables['startTraining'], 'true'), 'true'))
            steps: [{bash: 'echo "##vso[task.setvariable variable=NUMBER;isOutput=true]17"', name: chosen}]
          - job: Use
            dependsOn: Choose
            timeoutInMinutes: 0
            variables: {NUMBER: "$[ dependencies.Choose.outputs['chosen.NUMBER'] ]"}
            steps: [{script: 'echo "model=$(NUMBER)"'}]
    """)
    assert [[job.name for job in stage.jobs] for stage in plan.stages] == [["A", "B"], ["Choose", "Use"]]
