"""Policy files: fit, or with an alias, a bound or a place that can never be; the linter's word on each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.truth.case import Answer, Case, Truth
from services.domain.identity.people import Actor, Person, Role
from services.errors import SettingsError
from services.policies.lint import Level, lint
from services.policies.reading import parse_text

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
PEOPLE = (
    *(Actor(Person(f"r{n}", f"Reviewer {n}"), frozenset({Role.REVIEWER})) for n in range(4)),
    Actor(Person("d", "Dana"), frozenset({Role.DATA_SCIENTIST})),
    Actor(Person("o", "Omar"), frozenset({Role.OPERATOR})),
)
FILE = """version: 1
environments:
  production: {{alias: {alias}, pipeline: {{project: ml, id: 12}}}}
roles: {{data_scientist: [ds], reviewer: [rv], operator: [op], auditor: [au]}}
policies:
{before}  - models: {models}
    environment: production
    quorum: {quorum}
    expires_after_days: 14
    review_every_days: 90
    break_glass: {{who: {{roles: [operator]}}, valid_hours: 4, review_within_days: 2}}
    checks: [{{kind: artifact_digest}}, {{kind: tests_passed}}, {checks}]
"""
GOOD_ALIASES = ("champion", "prod", "prod-eu", "live_1", "v2-canary", "Latest-good")
BAD_ALIASES = ("prod.eu", "latest", "Latest", "v2", "V17", "prod eu", "prod/eu", "a" * 256)
GOOD_CHECKS = (
    "{kind: metric_floor, with: {metric: auc, at_least: 0.85}}",
    "{kind: metric_floor, with: {metric: rmse, at_most: 85}}",
    "{kind: slice_floor, with: {at_least: 0.8, min_rows: 50}}",
    "{kind: fairness_bound, with: {column: sex, rate: selection rate, min_ratio: 0.8}}",
    "{kind: drift, with: {max_psi: 0.25, warn_psi: 0.1}}",
    "{kind: calibration, with: {max_ece: 0.05}}",
    "{kind: dependencies, with: {forbidden: ['pyyaml<5.4']}}",
)
ODD_CHECKS = (
    "{kind: metric_floor, with: {metric: auc, at_least: 85}}",
    "{kind: metric_floor, with: {metric: test_accuracy, at_least: 90}}",
    "{kind: slice_floor, with: {at_least: 85}}",
    "{kind: fairness_bound, with: {column: sex, rate: selection rate, min_ratio: 80}}",
    "{kind: fairness_bound, with: {column: sex, rate: selection rate, max_difference: 10}}",
    "{kind: drift, with: {max_psi: 25}}",
    "{kind: calibration, with: {max_ece: 5}}",
    "{kind: drift, with: {max_psi: 0.1, warn_psi: 0.25}}",
)
BAD_CHECKS = (
    "{kind: metric_floor, with: {metric: rmse, at_least: 5, at_most: 2}}",
    "{kind: dependencies, with: {forbidden: ['pyyaml = 5']}}",
)
SHADOWING = (("'*'", "credit-*"), ("credit-*", "credit-eu"), ("credit-*", "credit-?"), ("'*-eu'", "'credit-*-eu'"))


def _asks(text: str, people: Sequence[Actor]) -> Answer:
    try:
        remarks = lint(parse_text(text), people, NOW)
    except SettingsError:
        return Answer.RED
    levels = {remark.level for remark in remarks}
    return Answer.RED if Level.ERROR in levels else Answer.WARNED if levels else Answer.GREEN


def _case(name: str, truth: Truth, text: str, people: Sequence[Actor] = PEOPLE) -> Case:
    return Case("policies", name, truth, lambda: _asks(text, people))


def make(chance: random.Random) -> Sequence[Case]:
    """A fit file; then its alias, a bound, a pattern, its people or a line replaced or removed."""
    fit = {
        "alias": chance.choice(GOOD_ALIASES), "models": "'*'", "quorum": str(chance.randint(2, 4)),
        "checks": chance.choice(GOOD_CHECKS), "before": "",
    }  # fmt: skip
    alias, odd, bad = chance.choice(BAD_ALIASES), chance.choice(ODD_CHECKS), chance.choice(BAD_CHECKS)
    first, second = chance.choice(SHADOWING)
    good = FILE.format(**fit)
    policy = good.partition("policies:\n")[2].replace("'*'", first)
    both = good.replace("policies:\n", "policies:\n" + policy).replace("models: '*'\n", f"models: {second}\n")
    if first == "'*'":
        both = good.replace("policies:\n", "policies:\n" + policy)
    line = chance.choice(["    quorum: ", "    expires_after_days: ", "    environment: ", "version: "])
    without = "\n".join(row for row in good.splitlines() if not row.startswith(line))
    return (
        _case(f"fit, {fit['checks']}", Truth.GOOD, good),
        _case(f"alias {alias[:20]}", Truth.BAD, FILE.format(**{**fit, "alias": alias})),
        _case(odd, Truth.FAIR, FILE.format(**{**fit, "checks": odd})),
        _case(bad, Truth.BAD, FILE.format(**{**fit, "checks": bad})),
        _case(f"{second} after {first}", Truth.BAD, both),
        _case("more signatures than people", Truth.BAD, FILE.format(**{**fit, "quorum": "5"})),
        _case("nobody known", Truth.BAD, good, ()),
        _case("reviewers removed", Truth.BAD, good, PEOPLE[4:]),
        _case(f"{line.strip()} removed", Truth.BAD, without),
        _case("no check blocks", Truth.FAIR, good.replace("{kind", "{enforcement: warn, kind")),
        _case("review removed", Truth.FAIR, good.replace("    review_every_days: 90\n", "")),
        _case("a word nobody knows", Truth.BAD, good.replace("    quorum:", "    quorums: 1\n    quorum:")),
    )  # fmt: skip
