"""Variables, environment variables and secrets in real steps."""

from __future__ import annotations

import pytest

from tests.integration.pipeline_engine.world import World


def test_variables__layers__the_nearest_wins(world: World) -> None:
    world.run(
        """
        variables: {a: root, b: root, c: root, q: root}
        stages:
        - stage: S
          variables: {b: stage, c: stage}
          jobs:
          - job: J
            variables:
            - name: c
              value: job-$(b)
            steps:
            - checkout: none
            - bash: echo "$(a) $(b) $(c) $(q) $(only) $(A) $(UNKNOWN_MACRO)" ; echo "$A $B $C $ONLY $MY_DOTTED_NAME"
              env: {MY_DOTTED_NAME: "$(a)!"}
        """,
        variables={"q": "queue", "only": "queue"},
    )
    assert "root stage job-stage root queue root" in world.journal.all_logs
    assert "root stage job-stage queue root!" in world.journal.all_logs


def test_environment__predefined_and_allowed__only_these_reach_a_step(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SIGNING_KEY", "server-own-secret")
    monkeypatch.setenv("LC_TIME", "C")
    world.run(
        """
        variables:
        - name: my.own name
          value: x
        stages:
        - stage: Stage1
          jobs:
          - job: Job1
            steps:
            - checkout: none
            - script: env
              displayName: env
        """,
        context={
            "predefined_variables": {"Build.BuildId": "9", "Build.BuildNumber": "1", "System.TeamProject": "p"},
            "secrets": {"System.AccessToken": "job-token-1"},
            "environment": {"EXTRA": "given"},
        },
    )
    lines = world.journal.lines("env")
    env = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("="))
    assert env["BUILD_BUILDID"] == "9"
    assert env["SYSTEM_TEAMPROJECT"] == "p"
    assert env["MY_OWN_NAME"] == "x"
    assert env["SYSTEM_STAGENAME"] == "Stage1"
    assert env["SYSTEM_JOBIDENTIFIER"] == "Job1.__default"
    assert env["TF_BUILD"] == "True"
    assert env["EXTRA"] == "given"
    assert env["LC_TIME"] == "C"
    assert env["BUILD_SOURCESDIRECTORY"] == env["PIPELINE_WORKSPACE"] + "/s" == env["PWD"]
    assert env["AGENT_TEMPDIRECTORY"].startswith(env["PIPELINE_WORKSPACE"])
    assert not any("SECRET" in value.upper() or "job-token" in value for value in env.values())
    assert "SERVER_SIGNING_KEY" not in env
    assert "SYSTEM_ACCESSTOKEN" not in env


def test_secrets__by_macro_and_env__work_and_never_reach_the_journal(world: World) -> None:
    world.run(
        """
        variables:
          derived: prefix-$(apiKey)
          copied: $[ variables.apiKey ]
        steps:
        - checkout: none
        - bash: |
            test "$KEY" = 's3cr3t-value' && echo "env fine"
            test '$(apiKey)' = 's3cr3t-value' && echo "macro fine"
            test '$(derived)' = 'prefix-s3cr3t-value' && echo "derived fine"
            test -z "$APIKEY$DERIVED$COPIED" && echo "not in the environment"
            echo "the key is $KEY"
            echo "$KEY" | base64
            echo "##vso[task.setsecret]later-secret"
            echo "and later-secret"
            echo "##vso[task.setvariable variable=multi;isSecret=true]first-half%0Asecond-half"
            echo "first-half, second-half"
            echo "##vso[task.logissue type=error]key s3cr3t-value leaked"
            echo "##vso[task.setprogress value=10]with s3cr3t-value"
            echo "##vso[build.addbuildtag]tag-s3cr3t-value"
            echo "##vso[build.updatebuildnumber]n-s3cr3t-value"
          displayName: use $(apiKey)
          env:
            KEY: $(apiKey)
        - bash: test -z "$MULTI" && echo "still not in the environment"
        """,
        context={"secrets": {"apiKey": "s3cr3t-value"}},
    )
    journal = world.journal
    kept = journal.all_logs + repr(journal.history) + repr(journal.tags) + repr(journal.names)
    for secret in ("s3cr3t-value", "later-secret", "first-half", "second-half", "czNjcjN0"):
        assert secret not in kept
    for proof in ("env fine", "macro fine", "derived fine", "not in the environment", "still not in", "the key is ***"):
        assert proof in journal.all_logs
    assert journal.find("__default.Job").result == "succeeded"


def test_secrets__as_output__stay_secret_in_later_jobs_and_out_of_documents(world: World) -> None:
    from azure_devops_server.engine.runner import from_document, to_document

    outcome = world.run("""
        jobs:
        - job: A
          steps:
          - checkout: none
          - bash: |
              echo "##vso[task.setvariable variable=k;isOutput=true;isSecret=true]hidden-output"
              echo "##vso[task.setvariable variable=p;isOutput=true]plain"
            name: s
        - job: B
          dependsOn: A
          variables:
            k: $[ dependencies.A.outputs['s.k'] ]
          steps:
          - checkout: none
          - bash: test '$(k)' = hidden-output && test -z "$K" && echo proven $(k)
    """)
    assert "proven ***" in world.journal.all_logs
    document = to_document(outcome.stages)
    assert "hidden-output" not in repr(document)
    assert from_document(document)["__default"].jobs["A"].outputs == {"s.p": "plain"}


def test_set_variable__read_only__keeps_its_value_and_warns(world: World) -> None:
    world.run("""
        variables:
        - {name: fixed, value: one, readonly: true}
        steps:
        - checkout: none
        - bash: |
            echo "##vso[task.setvariable variable=fixed]two"
            echo "##vso[task.setvariable variable=late;isReadOnly=true]three"
            echo "##vso[task.setvariable variable=Build.BuildId]6"
          displayName: set
        - bash: |
            echo "##vso[task.setvariable variable=late]four"
            echo "now $(fixed) $(late) $LATE $(Build.BuildId)"
    """)
    assert "now one three three 501" in world.journal.all_logs
    assert [issue.type for issue in world.journal.named("set").issues] == ["warning", "warning"]


def test_conditions__parameters_and_variables__are_seen_at_run_time(world: World) -> None:
    world.run(
        """
        parameters:
        - {name: deploy, type: boolean, default: false}
        steps:
        - checkout: none
        - {script: echo x, displayName: yes, condition: "and(succeeded(), eq(parameters.deploy, true))"}
        - {script: echo x, displayName: no, condition: "eq('${{ parameters.deploy }}', 'False')"}
        """,
        parameters={"deploy": "true"},
    )
    assert (world.journal.named("yes").result, world.journal.named("no").result) == ("succeeded", "skipped")
