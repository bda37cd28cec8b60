"""Logging commands of real steps."""

from __future__ import annotations

import pytest

from tests.integration.pipeline_engine.world import World


def run_line(world: World, line: str, *, more: str = "true") -> None:
    world.run(f"""
        steps:
        - checkout: none
        - bash: |
            echo content > file.txt
            echo '{line}'
            {more}
          displayName: step
    """)


def test_log_issue__error_and_warning__become_issues_and_do_not_fail(world: World) -> None:
    run_line(
        world,
        "##vso[task.logissue type=warning;sourcepath=a.py;linenumber=3]careful",
        more='echo "##vso[task.logissue type=error]bad"',
    )
    record = world.journal.named("step")
    assert [(issue.type, issue.message) for issue in record.issues] == [
        ("warning", "a.py(3): careful"),
        ("error", "bad"),
    ]
    assert record.result == "succeeded"
    assert "##[error]bad" in world.journal.lines("step")


@pytest.mark.parametrize(
    ("result", "more", "expected", "run"),
    [
        ("SucceededWithIssues", "true", "succeededWithIssues", "partiallySucceeded"),
        ("Failed", "true", "failed", "failed"),
        ("Succeeded", "exit 1", "failed", "failed"),
        ("Skipped", "true", "skipped", "succeeded"),
    ],
)
def test_complete__result__is_merged_with_the_exit_code(
    world: World, result: str, more: str, expected: str, run: str
) -> None:
    outcome = world.run(f"""
        steps:
        - checkout: none
        - bash: |
            echo "##vso[task.complete result={result};]DONE"
            {more}
          displayName: step
    """)
    assert world.journal.named("step").result == expected
    assert outcome.result == run


def test_progress__value_and_operation__show_in_the_record(world: World) -> None:
    run_line(world, "##vso[task.setprogress value=42]copying")
    assert ("copying", 42) in [(record.operation, record.percent) for record in world.journal.history]


def test_uploads__files__are_handed_over(world: World) -> None:
    run_line(
        world,
        "##vso[task.uploadsummary]file.txt",
        more='echo "##vso[task.uploadfile]$PWD/file.txt"; echo "##vso[build.uploadlog]file.txt"',
    )
    assert world.journal.uploads == [("step", kind, "content\n") for kind in ("summary", "file", "log")]


def test_artifact_upload__file__becomes_an_artifact(world: World) -> None:
    run_line(world, "##vso[artifact.upload artifactname=out]file.txt")
    assert (world.journal.artifacts["out"] / "file.txt").read_text() == "content\n"


def test_build_commands__tag_and_number__reach_the_run(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - bash: |
            echo "##vso[build.addbuildtag]req-1"
            echo "##vso[build.updatebuildnumber]2026.1"
        - bash: echo "number $(Build.BuildNumber) $BUILD_BUILDNUMBER"
    """)
    assert (world.journal.tags, world.journal.names) == (["req-1"], ["2026.1"])
    assert "number 2026.1 2026.1" in world.journal.all_logs


def test_prepend_path__folder__is_first_for_later_steps(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - bash: |
            mkdir bin && printf '#!/bin/sh\\necho mine\\n' > bin/ls && chmod +x bin/ls
            echo "##vso[task.prependpath]$PWD/bin"
        - bash: ls
          displayName: list
    """)
    assert "mine" in world.journal.lines("list")


def test_results_publish__junit__is_handed_over(world: World) -> None:
    run_line(
        world,
        "##vso[task.debug]hidden",
        more="""printf '<testsuite><testcase name="t"/></testsuite>' > r.xml
            echo "##vso[results.publish type=JUnit;resultFiles=r.xml;runTitle=mine;mergeResults=true]" """,
    )
    assert [(item.title, [path.name for path in item.files]) for item in world.journal.tests] == [("mine", ["r.xml"])]
    assert "hidden" not in world.journal.log_of("step").split("Starting Command Output")[1]


@pytest.mark.parametrize(
    ("line", "kind", "result", "part"),
    [
        ("##vso[task.unknown x=1]y", "warning", "succeeded", "'##vso[task.unknown]' is not known"),
        ("##vso[broken", "warning", "succeeded", "Unable to parse the logging command"),
        ("##vso[task.setvariable]y", "error", "failed", "The property 'variable' is missing"),
        ("##vso[task.uploadsummary]none.md", "error", "failed", "The file 'none.md' does not exist"),
        ("##vso[task.setprogress value=x]y", "error", "failed", "Unable to process command"),
        ("##vso[task.complete result=Great]", "error", "failed", "The result 'Great' is not known"),
        ("##vso[task.logissue type=hint]y", "error", "failed", "must be 'error' or 'warning'"),
        ("##vso[artifact.upload artifactname=a/b]file.txt", "error", "failed", "Artifact name is not valid"),
        ("##vso[results.publish type=NUnit;resultFiles=file.txt]", "error", "failed", "'JUnit' only"),
        ("##vso[task.setvariable variable=v;isOutput=true]y", "warning", "succeeded", "its step has no 'name'"),
    ],
)
def test_command__unknown_or_impossible__is_told(world: World, line: str, kind: str, result: str, part: str) -> None:
    run_line(world, line)
    record = world.journal.named("step")
    assert record.result == result
    assert [issue.type for issue in record.issues] == [kind]
    assert part in record.issues[0].message


def test_command__in_the_log__is_not_printed(world: World) -> None:
    run_line(world, "##vso[task.setvariable variable=a]b")
    assert not any(line.startswith("##vso") for line in world.journal.lines("step"))
