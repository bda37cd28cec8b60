"""Typed parameters: what a request may give, and what it gets told."""

from __future__ import annotations

import pytest

from azure_devops_server.engine.definition import PipelineError
from tests.integration.pipeline_engine.world import plan_of

PIPELINE = """
    parameters:
    - name: requestId
      type: string
    - name: count
      type: number
      default: 2
    - name: verify
      type: boolean
      default: true
    - name: target
      type: string
      default: test
      values: [test, production]
    - name: models
      type: object
      default: {churn: '1'}
    steps:
    - script: echo ${{ parameters.requestId }} ${{ parameters.count }} ${{ parameters.verify }} ${{ parameters.target }}
    - script: echo '${{ convertToJson(parameters.models) }}'
    - ${{ if parameters.verify }}:
      - script: verify
"""


def scripts(**parameters: object) -> list[str]:
    plan = plan_of(PIPELINE, parameters=parameters)
    return [step.inputs["script"] for step in plan.stages[0].jobs[0].instances[0].steps[1:]]


def problems(**parameters: object) -> tuple[str, ...]:
    with pytest.raises(PipelineError) as caught:
        plan_of(PIPELINE, parameters=parameters)
    return caught.value.messages


def test_parameters__defaults__are_used_and_kept_in_the_plan() -> None:
    assert scripts(requestId="r-1")[0] == "echo r-1 2 True test"
    assert plan_of(PIPELINE, parameters={"requestId": "r-1"}).parameters["count"] == 2


def test_parameters__texts_of_a_request__become_their_type() -> None:
    assert scripts(requestid="r-1", count="7", verify="False", target="PRODUCTION") == [
        "echo r-1 7 False PRODUCTION",
        'echo \'{\n  "churn": "1"\n}\'',
    ]


@pytest.mark.parametrize("given", ['{"churn": 3}', {"churn": 3}])
def test_parameters__object__comes_as_json_text_or_json(given: object) -> None:
    assert scripts(requestId="r", models=given)[1] == 'echo \'{\n  "churn": "3"\n}\''


def test_parameters__missing_and_unknown__are_all_named() -> None:
    assert problems(other="x") == (
        "Unexpected parameter 'other'",
        "A value for the 'requestId' parameter must be provided.",
    )


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("verify", "maybe", "The 'verify' parameter value 'maybe' is not a valid Boolean."),
        ("count", "many", "The 'count' parameter value 'many' is not a valid Number."),
        ("count", "", "is not a valid Number."),
        ("target", "moon", "The 'target' parameter value 'moon' is not an allowed value"),
        ("target", ["test"], "is not a valid String."),
        ("target", "{'a': 1}", "is not an allowed value"),
    ],
)
def test_parameters__wrong_type_or_value__is_named(name: str, value: object, part: str) -> None:
    assert part in problems(requestId="r", **{name: value})[0]


def test_parameters__declaration_with_wrong_default__is_refused_with_its_line() -> None:
    with pytest.raises(PipelineError, match=r"\(Line: 5, Col: 12\): The 'n' parameter value 'x' is not a valid Number"):
        plan_of("""
            parameters:
            - name: n
              type: number
              default: x
            steps:
            - script: a
        """)


def test_parameters__step_list_from_a_request__is_refused_plainly() -> None:
    pipeline = """
        parameters:
        - name: extra
          type: stepList
          default: []
        steps:
        - script: a
        - ${{ parameters.extra }}
    """
    with pytest.raises(PipelineError, match="does not take parameters of type 'stepList' from a request"):
        plan_of(pipeline, parameters={"extra": [{"script": "x"}]})
