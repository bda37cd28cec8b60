"""`${{ }}`, directives and template files, up to the final YAML."""

from __future__ import annotations

import pytest
import yaml

from azure_devops_server.engine.definition import PipelineError
from tests.integration.pipeline_engine.world import plan_of


def final(text: str, **more: object) -> object:
    return yaml.safe_load(plan_of(text, **more).yaml())


def test_if_elseif_else__one_branch__is_taken() -> None:
    text = """
        parameters:
        - name: target
          default: test
        variables:
          ${{ if eq(parameters.target, 'prod') }}:
            size: large
          ${{ elseif eq(parameters.target, 'test') }}:
            size: small
          ${{ else }}:
            size: none
        steps:
        - ${{ if eq(parameters.target, 'prod') }}:
          - script: prod
        - ${{ elseif eq(variables.size, 'small') }}:
          - script: small
        - ${{ else }}:
          - script: other
    """
    for target, size, script in (("prod", "large", "prod"), ("test", "small", "small"), ("x", "none", "other")):
        document = final(text, parameters={"target": target})
        assert document == {"variables": {"size": size}, "steps": [{"script": script}]}


def test_each__over_lists_and_maps__repeats_with_keys() -> None:
    document = final("""
        parameters:
        - name: settings
          type: object
          default: {a: 1, b: 2}
        - name: names
          type: object
          default: [x, y]
        variables:
          ${{ each s in parameters.settings }}:
            v_${{ s.key }}: ${{ s.value }}
        steps:
        - ${{ each name in parameters.names }}:
          - ${{ each s in parameters.settings }}:
            - script: echo ${{ name }} ${{ s.key }}
    """)
    assert document == {
        "variables": {"v_a": "1", "v_b": "2"},
        "steps": [{"script": f"echo {n} {k}"} for n in "xy" for k in "ab"],
    }


def test_insert__of_maps_and_lists__merges_them() -> None:
    document = final("""
        parameters:
        - name: env
          type: object
          default: {A: 1}
        - name: steps
          type: stepList
          default:
          - script: first
          - script: second
        steps:
        - ${{ parameters.steps }}
        - script: third
          env:
            ${{ insert }}: ${{ parameters.env }}
            B: 2
    """)
    assert document == {
        "steps": [{"script": "first"}, {"script": "second"}, {"script": "third", "env": {"A": "1", "B": "2"}}]
    }


def test_variables__of_pipeline_stage_and_run__are_known_at_compile_time() -> None:
    document = final(
        """
        variables:
        - name: a
          value: root
        stages:
        - stage: S
          variables:
            b: ${{ variables.a }}-stage
          jobs:
          - job: J
            steps:
            - script: ${{ variables.b }} ${{ variables.q }} ${{ variables['Build.Reason'] }}
        """,
        variables={"q": "queued"},
        predefined={"Build.Reason": "Manual"},
    )
    script = document["stages"][0]["jobs"][0]["steps"][0]["script"]  # type: ignore[index]
    assert script == "root-stage queued Manual"


FILES = {
    "/pipelines/steps/smoke.yml": """
        parameters:
        - name: port
          type: number
        - name: words
          type: object
          default: []
        steps:
        - script: smoke ${{ parameters.port }}
        - ${{ each word in parameters.words }}:
          - template: ../more.yml
            parameters:
              word: ${{ word }}
    """,
    "/pipelines/more.yml": """
        parameters:
          word: none
        steps:
        - script: more ${{ parameters.word }}
    """,
    "/variables.yml": """
        variables:
          from_file: yes
    """,
    "/base.yml": """
        parameters:
        - name: jobs
          type: jobList
        stages:
        - stage: Only
          jobs: ${{ parameters.jobs }}
    """,
    "/loop.yml": """
        steps:
        - template: loop.yml
    """,
    "/bad.yml": """
        steps:
        - script: a
        jobs: []
    """,
}


def test_template__steps_and_variables__are_included_with_their_parameters() -> None:
    document = final(
        """
        variables:
        - template: variables.yml
        - name: own
          value: ${{ variables.from_file }}
        steps:
        - template: pipelines/steps/smoke.yml@self
          parameters:
            port: 80
            words: [a, b]
        """,
        files=FILES,
    )
    assert document == {
        "variables": [{"from_file": "yes"}, {"name": "own", "value": "yes"}],
        "steps": [{"script": "smoke 80"}, {"script": "more a"}, {"script": "more b"}],
    }


def test_extends__template__gives_the_stages() -> None:
    plan = plan_of(
        """
        extends:
          template: /base.yml
          parameters:
            jobs:
            - job: J
              steps:
              - script: hello
        """,
        files=FILES,
    )
    assert [(stage.name, [job.name for job in stage.jobs]) for stage in plan.stages] == [("Only", ["J"])]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("template: nope.yml", "File /nope.yml not found"),
        ("template: a.yml@other", "'template: a.yml@other' names another repository; the local server does not"),
        ("{template: pipelines/steps/smoke.yml}", "A value for the 'port' parameter must be provided."),
        (
            "{template: pipelines/more.yml, parameters: {x: 1}}",
            r"/azure-pipelines.yml \(Line: 3, Col: 14\): Unexpected parameter 'x'",
        ),
        ("template: loop.yml", "nested at most 50 deep"),
        ("template: bad.yml", r"/bad.yml \(Line: 4, Col: 1\): Unexpected value 'jobs'"),
        ("script: ${{ parameters.x.y", "no closing }}"),
        ("script: ${{ nope(1) }}", r"\(Line: 3, Col: 11\): Unrecognized value: 'nope'"),
        ("script: a ${{ convertToJson(1) }} ${{ parameters }}", "Unable to convert from Object to String"),
        ("${{ else }}: [{script: a}]", "'else' must follow 'if'"),
        ("${{ each x of y }}: []", "The directive 'each' is written"),
    ],
)
def test_template__wrong_use__tells_file_line_and_what(step: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        plan_of(f"\nsteps:\n- {step}\n", files=FILES)
