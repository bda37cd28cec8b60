"""Aliases that MLflow refuses are errors of the file; percents where a share is wanted, and kin, are warned."""

from __future__ import annotations

import pytest

from services.policies.bounds import wrong_alias
from services.policies.lint import Level, has_errors, lint
from services.policies.reading import parse_text
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, START

PEOPLE = (ANA, BEN, CHLOE, DEV)


def found(check: str = "{kind: tests_passed}", alias: str = "champion", more: str = "") -> list[tuple[str, str]]:
    text = f"""version: 1
environments:
  production: {{alias: {alias}}}
roles: {{data_scientist: [ds], reviewer: [rv], operator: [op], auditor: [au]}}
policies:
  - {{models: "*", environment: production, quorum: 1, expires_after_days: 14, checks: [{check}]{more}}}
"""
    return [(remark.level.value, remark.sentence) for remark in lint(parse_text(text), PEOPLE, START)]


@pytest.mark.parametrize("alias", ["latest", "Latest", "LATEST", "v2", "V17", "prod.eu"])
def test_lint__alias_that_mlflow_refuses__is_an_error(alias: str) -> None:
    """Case 22."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.validation import _validate_model_alias_name, _validate_model_alias_name_reserved

    assert any(level == "error" and alias in told for level, told in found(alias=alias))
    refuses = _validate_model_alias_name if "." in alias else _validate_model_alias_name_reserved
    with pytest.raises(MlflowException):
        refuses(alias)


@pytest.mark.parametrize("alias", ["champion", "prod-eu", "prod_eu", "v2b", "version2", "v", None])
def test_lint__alias_that_mlflow_takes__is_fine(alias: str | None) -> None:
    assert list(wrong_alias(alias)) == []


@pytest.mark.parametrize(
    "check",
    [
        "{kind: metric_floor, with: {metric: auc, at_least: 85}}",
        "{kind: metric_floor, with: {metric: test_f1_score, at_least: 85}}",
        "{kind: metric_floor, with: {metric: val/accuracy, at_least: 1.5}}",
        "{kind: metric_floor, with: {metric: brier, at_most: 20}}",
        "{kind: metric_floor, with: {metric: auc, at_least: 0}}",
        "{kind: slice_floor, with: {at_least: 85}}",
        "{kind: slice_floor, with: {at_least: 0.8, min_rows: 0}}",
        "{kind: fairness_bound, with: {column: sex, rate: selection rate, min_ratio: 80}}",
        "{kind: fairness_bound, with: {column: sex, max_difference: 20}}",
        "{kind: fairness_bound, with: {column: sex, max_widening: 5}}",
        "{kind: fairness_bound, with: {column: sex, min_ratio: 0}}",
        "{kind: calibration, with: {max_ece: 5}}",
        "{kind: drift, with: {max_psi: 25}}",
        "{kind: drift, with: {max_psi: 0.2, warn_psi: 0.25}}",
        "{kind: comparison, with: {margin: 2}}",
        "{kind: comparison, with: {baseline: 80}}",
        "{kind: comparison, with: {bar: 90}}",
        "{kind: safe_format, with: {allow: [pkl]}}",
    ],
)
def test_lint__bound_that_binds_nothing_or_everything__is_warned(check: str) -> None:
    """Case 23."""
    kind = check.split(",", 1)[0].removeprefix("{kind: ")
    told = [text for level, text in found(check) if level == "warning" and kind in text]
    assert told, found(check)


def test_lint__percent__says_how_it_is_written() -> None:
    """Case 23: with the number to write."""
    assert any("85 % is written 0.85" in told for _, told in found("{kind: slice_floor, with: {at_least: 85}}"))


@pytest.mark.parametrize(
    "check",
    [
        "{kind: metric_floor, with: {metric: auc, at_least: 0.85}}",
        "{kind: metric_floor, with: {metric: rmse, at_most: 85}}",
        "{kind: metric_floor, with: {metric: revenue, at_least: 85000}}",
        "{kind: metric_floor, with: {metric: mapped_customers, at_least: 85}}",
        "{kind: slice_floor, with: {at_least: 0.7, min_rows: 50}}",
        "{kind: fairness_bound, with: {column: sex, min_ratio: 0.8, min_rows: 50}}",
        "{kind: drift, with: {max_psi: 0.25, warn_psi: 0.1, against: live}}",
        "{kind: comparison, with: {metric: rmse, task: regression, margin: 5}}",
        "{kind: slice_floor, with: {at_least: 5}}, {kind: comparison, with: {task: regression}}",
        "{kind: metric_floor, enforcement: 'off', with: {metric: auc, at_least: 85}}",
    ],
)
def test_lint__bound_that_makes_sense__is_not_warned(check: str) -> None:
    usual = {told for _, told in found()}
    told = [text for _, text in found(check) if text not in usual and "no check blocks" not in text]
    assert told == []


@pytest.mark.parametrize(
    "check",
    [
        "{kind: metric_floor, with: {metric: rmse, at_least: 5, at_most: 3}}",
        "{kind: dependencies, with: {forbidden: [not a requirement]}}",
    ],
)
def test_lint__bound_that_can_never_be_met__is_an_error(check: str) -> None:
    assert any(level == Level.ERROR for level, _ in found(check))


def test_lint__requests_by_alias_where_the_name_has_a_dot__is_warned() -> None:
    text = """version: 1
environments: {prod.eu: {alias: champion}}
policies:
  - {models: "*", environment: prod.eu, quorum: 1, expires_after_days: 14, ask_by_tag: true, checks: [{kind: tests_passed}]}
"""
    remarks = lint(parse_text(text), PEOPLE, START)
    assert any("request-prod.eu" in remark.sentence for remark in remarks)
    assert not has_errors([remark for remark in remarks if "alias" in remark.sentence])
