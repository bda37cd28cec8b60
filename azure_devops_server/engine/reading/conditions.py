"""Check conditions and runtime expressions before a run starts, so that mistakes show with their line."""

from __future__ import annotations

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.evaluate import check
from azure_devops_server.engine.plan import DEFAULT_CONDITION
from azure_devops_server.engine.reading.fields import Fields, Problems
from azure_devops_server.engine.reading.source import Place

STATUS_FUNCTIONS = ("always", "canceled", "failed", "succeeded", "succeededOrFailed")
NAMES = {
    "stage": ("variables", "parameters", "dependencies"),
    "job": ("variables", "parameters", "dependencies", "stageDependencies"),
    "step": ("variables", "parameters"),
}


def read_condition(fields: Fields, level: str) -> str:
    """``condition:`` of a stage, job or step; an empty one is the default."""
    text = fields.text("condition").strip()
    if not text:
        return DEFAULT_CONDITION
    try:
        check(text, names=NAMES[level], functions=STATUS_FUNCTIONS)
    except ExpressionError as error:
        fields.problems.add(fields.at("condition"), str(error))
    return text


def runtime_expression(value: str) -> str | None:
    """The expression of ``$[ … ]``, or None for plain values."""
    stripped = value.strip()
    return stripped[2:-1].strip() if stripped.startswith("$[") and stripped.endswith("]") else None


def check_runtime_expression(value: str, place: Place, *, problems: Problems) -> None:
    """Note what is wrong with the ``$[ … ]`` of a variable, if it is one."""
    expression = runtime_expression(value)
    if expression is None:
        return
    try:
        check(expression, names=NAMES["job"])
    except ExpressionError as error:
        problems.add(place, str(error))
