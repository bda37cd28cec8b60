"""Each supported task, run for real."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from azure_devops_server.engine.tasks.patterns import find_files, matcher
from azure_devops_server.engine.tasks.python_version import matches
from tests.integration.pipeline_engine.world import World

PASSED = '<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>'
FAILED = '<testsuite><testcase name="a"><failure message="no"/></testcase><testcase name="b"/></testsuite>'


def source(world: World, **files: str) -> None:
    folder = world.folder / "source"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_checkout__self__gives_each_job_its_own_copy(world: World) -> None:
    source(world, a__txt="from the repository")
    (world.folder / "source" / ".git").mkdir()
    world.run("""
        jobs:
        - job: One
          steps: [{bash: "cat a.txt; ls -A; echo changed > a.txt"}]
        - job: Two
          dependsOn: One
          steps: [{bash: "cat a.txt"}]
        - job: Three
          steps: [{checkout: none}, {bash: "ls -A | wc -l"}]
    """)
    assert world.journal.all_logs.count("from the repository") == 2
    assert (world.folder / "source" / "a.txt").read_text() == "from the repository"
    assert not list(world.folder.glob("work/jobs/*/*/*/*/s/.git"))


def test_bash_task__file_with_arguments_and_folder__runs(world: World) -> None:
    source(world, say__sh='echo "$1|$2|$(basename $PWD)"')
    world.run("""
        steps:
        - checkout: self
        - bash: mkdir sub
        - task: Bash@3
          inputs: {targetType: filePath, filePath: say.sh, arguments: one 'two three', workingDirectory: sub}
    """)
    assert "one|two three|sub" in world.journal.all_logs


def test_script__missing_folder_or_file__fails_with_its_name(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - {script: pwd, workingDirectory: nope, displayName: folder}
        - {task: Bash@3, inputs: {filePath: nope.sh}, displayName: file, condition: always()}
        - {task: PythonScript@0, inputs: {scriptPath: nope.py}, displayName: python, condition: always()}
    """)
    for name, part in (("folder", "Not found workingDirectory"), ("file", "nope.sh"), ("python", "nope.py")):
        record = world.journal.named(name)
        assert record.result == "failed"
        assert part in record.issues[0].message


def test_fail_on_stderr__output_on_stderr__fails(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - {bash: echo oops >&2, failOnStderr: true, displayName: strict, continueOnError: true}
        - {bash: echo oops >&2, displayName: lax}
    """)
    assert world.journal.named("strict").issues[0].message == "oops"
    assert (world.journal.named("strict").result, world.journal.named("lax").result) == (
        "succeededWithIssues",
        "succeeded",
    )


def test_retry_count__task_that_works_the_second_time__succeeds(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - bash: test -e once || { touch once; exit 1; }
          retryCountOnTaskFailure: 2
          displayName: flaky
    """)
    assert world.journal.named("flaky").result == "succeeded"
    assert "will retry (attempt #: 1 out of 2)" in world.journal.log_of("flaky")


def test_python_script__inline_and_file__run_with_the_chosen_version(world: World) -> None:
    source(world, job__py="import sys; print('file', sys.argv[1:])")
    version = ".".join(str(part) for part in sys.version_info[:2])
    world.run(f"""
        steps:
        - checkout: self
        - task: UsePythonVersion@0
          inputs: {{versionSpec: "{version}"}}
          displayName: use
        - task: PythonScript@0
          inputs:
            scriptSource: inline
            script: |
              import sys
              print("prefix", sys.prefix)
        - task: PythonScript@0
          inputs: {{scriptPath: job.py, arguments: --name "a b"}}
    """)
    assert world.journal.result("__default") == "succeeded"
    assert "/_tool/Python-3" in next(line for line in world.journal.all_logs.splitlines() if "prefix /" in line)
    assert "file ['--name', 'a b']" in world.journal.all_logs
    assert world.journal.named("use").issues == ()


def test_use_python__version_that_is_not_here__warns_with_the_one_in_use(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - {task: UsePythonVersion@0, inputs: {versionSpec: '2.6'}, displayName: use}
        - script: python --version
    """)
    in_use = ".".join(str(part) for part in sys.version_info[:3])
    issue = world.journal.named("use").issues[0]
    assert issue.type == "warning"
    assert f"Python 2.6 is not on this machine. The local server goes on with Python {in_use}" in issue.message
    assert f"Python {in_use}" in world.journal.all_logs


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ("3.x", True),
        ("3.11", True),
        ("3.11.x", True),
        ("3.11.7", True),
        (">=3.9", True),
        (">=3.9 <3.12", True),
        ("~=3.9", True),
        ("3.1", False),
        ("3.12", False),
        ("<3.11", False),
        ("pypy3.9", False),
        ("", False),
    ],
)
def test_use_python__spec__is_read(spec: str, fits: bool) -> None:
    assert matches("3.11.7", spec) is fits


def publish(world: World, *inputs: str) -> None:
    lines = "\n".join(f"            {line}" for line in inputs)
    world.run(
        f"""
        steps:
        - checkout: self
        - task: PublishTestResults@2
          displayName: publish
          inputs:
            testResultsFiles: '**/*.xml'
{lines}
        """
    )


def test_publish_tests__several_files__one_run_each_or_merged(world: World, tmp_path: Path) -> None:
    source(world, a__xml=PASSED, b__xml=FAILED)
    publish(world, "testRunTitle: smoke")
    assert [(item.title, len(item.files)) for item in world.journal.tests] == [("smoke", 1), ("smoke_2", 1)]
    assert world.journal.tests[0].stage == "__default"
    assert world.journal.tests[0].job == "Job"
    assert world.journal.named("publish").result == "succeeded"


def test_publish_tests__merged_with_failures__is_one_run_and_fails_where_asked(world: World) -> None:
    source(world, a__xml=PASSED, b__xml=FAILED)
    publish(world, "testRunTitle: smoke", "mergeTestResults: true", "failTaskOnFailedTests: true")
    assert [(item.title, len(item.files)) for item in world.journal.tests] == [("smoke", 2)]
    record = world.journal.named("publish")
    assert record.result == "failed"
    assert "1 failed" in record.issues[0].message


def test_publish_tests__nothing_or_rubbish__warns(world: World) -> None:
    source(world, a__xml="<broken", b__xml="<other/>")
    publish(world)
    assert [issue.type for issue in world.journal.named("publish").issues] == ["warning", "warning"]
    assert world.journal.tests == []


def test_publish_tests__no_file__warns_or_fails(world: World) -> None:
    source(world)
    publish(world, "failTaskOnMissingResultsFile: true")
    assert "No test result files matching '**/*.xml'" in world.journal.named("publish").issues[0].message
    assert world.journal.named("publish").result == "failed"


def test_artifacts__published__are_there_for_later_jobs(world: World) -> None:
    world.run("""
        stages:
        - stage: Build
          jobs:
          - job: J
            steps:
            - checkout: none
            - bash: mkdir -p out/deep; echo m > out/model.txt; echo n > out/deep/note.md
            - publish: out
              artifact: model
            - task: PublishPipelineArtifact@1
              inputs: {targetPath: out/model.txt, artifactName: single}
        - stage: Use
          jobs:
          - deployment: D
            environment: test
            strategy:
              runOnce:
                deploy:
                  steps:
                  - bash: cd $(Pipeline.Workspace); cat model/model.txt model/deep/note.md single/model.txt
          - job: J
            steps:
            - checkout: none
            - download: current
              artifact: model
              patterns: '**/*.md'
            - bash: cd $(Pipeline.Workspace)/model; test -e deep/note.md; test ! -e model.txt
            - task: DownloadPipelineArtifact@2
              inputs: {artifact: single, path: $(Build.SourcesDirectory)/in}
            - bash: cat in/model.txt
          - job: Missing
            condition: always()
            steps:
            - checkout: none
            - {download: current, artifact: nope, displayName: missing, continueOnError: true}
            - {download: none, displayName: nothing}
    """)
    journal = world.journal
    assert journal.result("Use.D") == "succeeded"
    assert journal.result("Use.J") == "succeeded"
    assert (journal.artifacts["model"] / "deep" / "note.md").read_text() == "n\n"
    assert journal.named("missing").issues[0].message == "Artifact nope was not found in this run."


def test_artifacts__second_of_the_same_name_or_missing_path__fails(world: World) -> None:
    world.run("""
        steps:
        - checkout: none
        - bash: touch a
        - {publish: a, artifact: x}
        - {publish: a, artifact: x, displayName: again}
        - {publish: b, artifact: y, displayName: missing, condition: always()}
    """)
    assert world.journal.named("again").issues[0].message == "Artifact x already exists in this run."
    assert "Path does not exist" in world.journal.named("missing").issues[0].message


@pytest.mark.parametrize(
    ("patterns", "path", "taken"),
    [
        ("**/TEST-*.xml", "TEST-a.xml", True),
        ("**/TEST-*.xml", "x/y/TEST-a.xml", True),
        ("*.xml", "x/a.xml", False),
        ("**", "x/.hidden", True),
        ("a?.[xt]*", "ab.txt", True),
        ("[!a].md", "a.md", False),
        ("**/*.xml\n!**/skip/**", "x/skip/a.xml", False),
        ("./a.xml", "a.xml", True),
    ],
)
def test_patterns__documented_forms__match(patterns: str, path: str, taken: bool) -> None:
    assert matcher(patterns)(path) is taken


def test_patterns__absolute__find_files_below(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "r.xml").touch()
    assert find_files(tmp_path, f"{tmp_path}/**/*.xml") == [tmp_path / "d" / "r.xml"]


def test_checkout__persist_credentials__says_that_it_keeps_none(world: World) -> None:
    """Case 24: accepted, and the log says what it does not do."""
    source(world, a__txt="x")
    world.run("""
        steps:
        - {checkout: self, persistCredentials: true, displayName: sources}
        - {script: cat a.txt}
    """)
    assert world.journal.result("__default") == "succeeded"
    assert "no Git remote to keep credentials for" in world.journal.log_of("sources")
