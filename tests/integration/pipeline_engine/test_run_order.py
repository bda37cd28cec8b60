"""Stages, jobs and steps: order, conditions, results, records."""

from __future__ import annotations

from pathlib import Path

from azure_devops_server.engine.journal import Checkpoint
from tests.integration.pipeline_engine.world import KeptJournal, World

CHAIN = """
    stages:
    - stage: A
      jobs:
      - job: First
        steps:
        - checkout: none
        - script: exit 1
      - job: Skipped
        dependsOn: First
        steps:
        - script: echo never
      - job: OnFailure
        dependsOn: First
        condition: failed()
        steps:
        - checkout: none
        - script: echo cleaned
      - job: Named
        dependsOn: [First, OnFailure]
        condition: and(failed('First'), succeeded('OnFailure'), eq(dependencies.First.result, 'Failed'))
        steps:
        - checkout: none
        - script: echo named
    - stage: B
      jobs:
      - job: J
        steps:
        - script: echo never
    - stage: C
      dependsOn: A
      condition: in(dependencies.A.result, 'Failed', 'Skipped')
      jobs:
      - job: J
        steps:
        - checkout: none
        - script: echo rescue
"""


def test_run__failed_job__skips_followers_and_runs_those_that_ask(world: World) -> None:
    outcome = world.run(CHAIN)
    journal = world.journal
    results = {name: journal.result(name) for name in ("A", "B", "C")}
    assert results == {"A": "failed", "B": "skipped", "C": "succeeded"}
    jobs = {name: journal.result(f"A.{name}") for name in ("First", "Skipped", "OnFailure", "Named")}
    assert jobs == {"First": "failed", "Skipped": "skipped", "OnFailure": "succeeded", "Named": "succeeded"}
    assert journal.result("A.Skipped.__default") == "skipped"
    assert outcome.result == "failed"
    assert {name: stage.result for name, stage in outcome.stages.items()} == results


def test_run__records__form_a_tree_in_order_and_all_complete(world: World) -> None:
    world.run("""
        jobs:
        - job: J
          displayName: The job
          steps:
          - checkout: none
          - script: echo one
            displayName: One $(Build.BuildId)
          - script: echo two
            name: two
    """)
    journal = world.journal
    stage, phase = journal.find("__default"), journal.find("__default.J")
    job = journal.find("__default.J.__default")
    assert (stage.type, phase.type, job.type) == ("Stage", "Phase", "Job")
    assert (phase.parent_id, job.parent_id) == (stage.id, phase.id)
    tasks = sorted((r for r in journal.records.values() if r.parent_id == job.id), key=lambda r: r.order)
    assert [task.name for task in tasks] == ["Initialize job", "Checkout none", "One 501", "CmdLine", "Finalize Job"]
    assert [task.order for task in tasks] == [1, 2, 3, 4, 5]
    assert tasks[3].identifier == "__default.J.__default.two"
    assert tasks[3].task == ("CmdLine", "2")
    assert all(r.state == "completed" and r.result == "succeeded" for r in journal.records.values())
    assert all(r.started and r.finished and r.started <= r.finished for r in journal.records.values())
    first_states = [r.state for r in journal.history if r.id == tasks[2].id]
    assert first_states == ["pending", "inProgress", "completed"]


def test_run__log_lines__have_time_and_come_as_written(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - bash: |
            echo "##[group]Details"
            printf 'a\\r\\nb'
          displayName: say
    """)
    text = world.journal.log_of("say")
    assert all(line[10] == "T" and line[26:29] == "0Z " for line in text.splitlines())
    lines = world.journal.lines("say")
    assert lines[0] == "##[section]Starting: say"
    assert lines[-1] == "##[section]Finishing: say"
    assert lines[-4:-1] == ["##[group]Details", "a", "b"]


def test_steps__conditions_and_continue_on_error__decide_the_job(world: World) -> None:
    outcome = world.run("""
        variables:
          go: yes
        jobs:
        - job: J
          steps:
          - checkout: none
          - {script: exit 1, name: soft, continueOnError: true}
          - {script: echo x, name: issues, condition: "eq(variables['Agent.JobStatus'], 'SucceededWithIssues')"}
          - {script: exit 2, name: hard}
          - {script: echo x, name: after}
          - {script: echo x, name: onFailure, condition: failed()}
          - {script: echo x, name: anyway, condition: always()}
          - {script: echo x, name: both, condition: "and(succeededOrFailed(), eq(variables.go, 'yes'))"}
          - {script: echo x, name: no, condition: "eq(variables['go'], 'no')"}
          - {script: echo x, name: off, enabled: false, condition: always()}
          - {script: echo x, name: broken, condition: "gt(1, variables.go)"}
    """)
    result = {
        name: world.journal.result(f"__default.J.__default.{name}")
        for name in ("soft", "issues", "hard", "after", "onFailure", "anyway", "both", "no", "off", "broken")
    }
    assert result == {
        "soft": "succeededWithIssues",
        "issues": "succeeded",
        "hard": "failed",
        "after": "skipped",
        "onFailure": "succeeded",
        "anyway": "succeeded",
        "both": "succeeded",
        "no": "skipped",
        "off": "skipped",
        "broken": "failed",
    }
    broken = world.journal.find("__default.J.__default.broken")
    assert "The condition of the step failed: Unable to convert from String to Number" in broken.issues[0].message
    assert outcome.result == "failed"


def test_run__continue_on_error__ends_partially_succeeded(world: World) -> None:
    outcome = world.run("""
        jobs:
        - job: Soft
          continueOnError: true
          steps:
          - checkout: none
          - script: exit 1
        - job: Next
          dependsOn: Soft
          steps:
          - checkout: none
          - script: echo on
    """)
    assert outcome.result == "partiallySucceeded"
    assert world.journal.result("__default.Soft") == "succeededWithIssues"
    assert world.journal.result("__default.Next") == "succeeded"


def test_run__outputs__reach_later_jobs_and_stages(world: World) -> None:
    world.run("""
        stages:
        - stage: A
          jobs:
          - job: One
            steps:
            - checkout: none
            - bash: echo "##vso[task.setvariable variable=v;isOutput=true]hello"
              name: set
            - bash: echo "same job $(set.v)"
              displayName: same
          - job: Two
            dependsOn: One
            condition: eq(dependencies.One.outputs['set.v'], 'hello')
            variables:
              got: $[ dependencies.One.outputs['set.v'] ]
            steps:
            - checkout: none
            - bash: echo "next job $(got) $GOT"
              displayName: next
        - stage: B
          condition: and(succeeded(), eq(dependencies.A.outputs['One.set.v'], 'hello'))
          variables:
            got: $[ stageDependencies.A.One.outputs['set.v'] ]
            kind: $[ format('{0}!', upper(variables.got)) ]
          jobs:
          - job: Three
            steps:
            - checkout: none
            - bash: echo "next stage $(got) $(kind) $(stageDependencies)"
              displayName: stage
    """)
    assert "same job hello" in world.journal.all_logs
    assert "next job hello hello" in world.journal.all_logs
    assert "next stage hello HELLO!" in world.journal.all_logs


def test_run__matrix__runs_each_leg_with_its_variables(world: World) -> None:
    outcome = world.run("""
        jobs:
        - job: M
          strategy:
            matrix:
              one: {word: first}
              two: {word: second}
          steps:
          - checkout: none
          - bash: |
              echo "##vso[task.setvariable variable=w;isOutput=true]$(word)"
            name: s
        - job: After
          dependsOn: M
          variables:
            both: $[ format('{0} {1}', dependencies.M.outputs['one.s.w'], dependencies.M.outputs['two.s.w']) ]
          steps:
          - checkout: none
          - bash: echo "got $(both)"
    """)
    assert "got first second" in world.journal.all_logs
    assert world.journal.result("__default.M.one") == "succeeded"
    assert outcome.stages["__default"].jobs["M"].outputs == {"one.s.w": "first", "two.s.w": "second"}


def test_run__independent_jobs__run_side_by_side(world: World) -> None:
    # Each waits for the other's file: only together can they end.
    world.run(
        """
        jobs:
        - ${{ each pair in split('a:b,b:a', ',') }}:
          - job: ${{ split(pair, ':')[0] }}
            timeoutInMinutes: 1
            steps:
            - checkout: none
            - bash: |
                touch $SHARED/${{ split(pair, ':')[0] }}
                until [ -e $SHARED/${{ split(pair, ':')[1] }} ]; do sleep 0.01; done
        """,
        context={"environment": {"SHARED": str(world.folder)}},
    )
    assert world.journal.result("__default") == "succeeded"


def test_run__limit_of_one__runs_jobs_one_after_another(world: World) -> None:
    step = "[{checkout: none}, {bash: 'mkdir $SHARED/lock && sleep 0.05 && rmdir $SHARED/lock'}]"
    jobs = "\n".join(f"- {{job: J{number}, steps: {step}}}" for number in range(3))
    context = {"max_parallel_jobs": 1, "environment": {"SHARED": str(world.folder)}}
    assert world.run(f"jobs:\n{jobs}", context=context).result == "succeeded"


def test_run__stage_asked_to_skip__lets_the_next_run(world: World) -> None:
    text = """
        stages:
        - stage: A
          jobs: [{job: J, steps: [{checkout: none}, {script: echo a}]}]
        - stage: B
          jobs: [{job: J, steps: [{checkout: none}, {script: echo b}]}]
    """
    outcome = world.run(text, context={"stages_to_skip": frozenset({"A"})})
    assert {name: stage.result for name, stage in outcome.stages.items()} == {"A": "skipped", "B": "succeeded"}


def test_run__journal_that_breaks__ends_as_a_failed_stage(tmp_path: Path) -> None:
    class Broken(KeptJournal):
        def wait_for_checks(self, checkpoint: Checkpoint) -> str:  # type: ignore[override]
            raise RuntimeError(f"no checks for {checkpoint.stage}")

    journal = Broken(tmp_path / "copies")
    outcome = World(tmp_path, journal).run("""
        jobs:
        - deployment: D
          environment: e
          strategy: {runOnce: {deploy: {steps: [script: a]}}}
    """)
    assert outcome.result == "failed"
    assert journal.find("__default").issues[0].message == "no checks for __default"


def test_run__without_build_number__is_named_by_the_plan(world: World) -> None:
    world.run(
        "name: run-$(Build.BuildId)$(Rev:.r)\nsteps:\n- checkout: none\n- script: a",
        context={"predefined_variables": {"Build.BuildId": "7"}},
    )
    assert world.journal.names == ["run-7.1"]
