"""The expression language follows the documented rules of Azure Pipelines."""

from __future__ import annotations

import pytest

from azure_devops_server.engine.expressions.errors import ExpressionError
from azure_devops_server.engine.expressions.evaluate import Scope, check, evaluate

NAMES = {
    "variables": {"letters": "ABC", "Build.SourceBranch": "refs/heads/main", "empty": ""},
    "parameters": {"items": ["a", "b"], "map": {"one": "1", "two": "2"}, "flag": True, "count": 3.0},
    "dependencies": {
        "A": {"result": "Succeeded", "outputs": {"job.step.v": "x"}},
        "B": {"result": "Failed", "outputs": {}},
    },
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("'it''s'", "it's"),
        ("-1.5", -1.5),
        ("and(true, 1, 'x')", True),
        ("and(true, '')", False),
        ("or(false, 0, 'false')", True),
        ("not(eq(1, 2))", True),
        ("xor(true, false)", True),
        ("eq(variables.letters, 'abc')", True),
        ("eq(variables['build.sourcebranch'], 'refs/heads/main')", True),
        ("eq(1, '1')", True),
        ("eq('1', 1)", True),
        ("eq(1, 'x')", False),
        ("ne(1, 'x')", True),
        ("eq(variables['noSuch'], '')", True),
        ("eq(true, 'false')", True),
        ("eq(parameters.flag, 'True')", True),
        ("eq(1.2.3, '1.2.3')", True),
        ("gt(1.10.0, '1.9.9')", True),
        ("gt(2, '1')", True),
        ("ge(5, 5)", True),
        ("lt('a', 'B')", True),
        ("le(2, 1)", False),
        ("in('B', 'a', 'b')", True),
        ("notIn('D', 'A', 'B')", True),
        ("contains('ABCDE', 'bcd')", True),
        ("startsWith(variables['Build.SourceBranch'], 'refs/heads/')", True),
        ("endsWith('ABC', 'bc')", True),
        ("coalesce(variables.none, variables.empty, 'x')", "x"),
        ("format('{0}-{1} {{x}}', 'a', 2)", "a-2 {x}"),
        ("format('{0:yyyyMMdd}', '2026-11-20T10:00:00')", "20261120"),
        ("join(',', parameters.items)", "a,b"),
        ("join(',', 'a')", "a"),
        ("replace('a-b-c', '-', '')", "abc"),
        ("lower('AbC')", "abc"),
        ("upper('AbC')", "ABC"),
        ("trim(' a ')", "a"),
        ("split('a,b;c', ',;')[2]", "c"),
        ("length('abc')", 3),
        ("length(parameters.items)", 2),
        ("containsValue(parameters.items, 'B')", True),
        ("containsValue(parameters.map, '2')", True),
        ("containsValue(dependencies.*.result, 'failed')", True),
        ("iif(eq(1, 1), 'yes', 'no')", "yes"),
        ("parameters.items[1]", "b"),
        ("parameters.items[9]", None),
        ("parameters.map.two", "2"),
        ("dependencies.A.outputs['job.step.v']", "x"),
        ("dependencies.a.result", "Succeeded"),
        ("dependencies.C.result", None),
        ("convertToJson(parameters.count)", "3"),
        ("and\n(\n  eq(1, 1),\n  true\n)", True),
    ],
)
def test_expression__documented_rule__gives_value(text: str, value: object) -> None:
    assert evaluate(text, Scope(NAMES)) == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "An expression is expected"),
        ("eq(1", "Unexpected end of expression"),
        ("eq(1,,2)", "Unexpected symbol: ','"),
        ("1 == 2", "Unexpected symbol: '=='. Located at position 3"),
        ('eq("a", 1)', "Unexpected symbol: '\"a\"'"),
        ("nope('x')", "Unrecognized value: 'nope'"),
        ("null", "Unrecognized value: 'null'"),
        ("secrets.x", "Unrecognized value: 'secrets'"),
        ("eq(1)", "Too few parameters"),
        ("not(1, 2)", "Too many parameters"),
        ("counter('a', 1)", "does not support the function 'counter'"),
        ("true true", "Unexpected symbol: 'true'"),
        ("not(" * 60 + "true" + ")" * 60, "Exceeded max expression depth"),
    ],
)
def test_expression__wrong__says_what_and_where(text: str, part: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        check(text, names=NAMES)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "text", ["gt(1, 'x')", "lt(parameters.items, 1)", "lower(parameters.map)", "format('{1}', 'a')"]
)
def test_expression__value_of_wrong_kind__is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(text, Scope(NAMES))


def test_and_or__settled_early__do_not_look_at_the_rest() -> None:
    assert evaluate("or(true, gt(1, 'x'))", Scope(NAMES)) is True
    assert evaluate("and(false, gt(1, 'x'))", Scope(NAMES)) is False
