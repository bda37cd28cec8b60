"""Broken and impossible policy files, as somebody in a hurry or an attacker writes them: each refused, at its line."""

from __future__ import annotations

import re

import pytest

from services.comparisons.desk import OPTION_NAMES, TABLE_NAMES
from services.domain.identity.people import Actor, Person, Role
from services.errors import SettingsError
from services.evidence.rows.inputs import Task
from services.policies import yaml_lines
from services.policies.check_settings import KNOWN, TASKS
from services.policies.file import CheckKind
from services.policies.lint import Level, covers, lint
from services.policies.reading import parse_text
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, START
from tests.unit.policies.test_file import FULL

PEOPLE = (ANA, BEN, CHLOE, DEV)
PLAIN = (
    FULL[: FULL.index("tiers:")] + "policies:\n"
    "  - {models: '*', environment: production, quorum: 1, expires_after_days: 1, checks: [CHECK]}\n"
)
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


def changed(old: str, new: str) -> str:
    assert old in FULL, old
    return FULL.replace(old, new, 1)


REFUSED = {
    "quorum is a truth value": (changed("    quorum: 2", "    quorum: true"), 11, "must be a whole number"),
    "quorum in quotes": (changed("    quorum: 2", "    quorum: '2'"), 11, "must be a whole number"),
    "quorum in octal": (changed("    quorum: 2", "    quorum: 010"), 11, "must be a whole number"),
    "quorum with an underscore": (changed("    quorum: 2", "    quorum: 1_0"), 11, "must be a whole number"),
    "quorum in octal of YAML 1.1": ("%YAML 1.1\n---\n" + changed("    quorum: 2", "    quorum: 010"), 13, "whole number"),
    "quorum of nobody": (changed("    quorum: 2", "    quorum: 0"), 11, "greater than or equal to 1"),
    "expiry never": (changed("expires_after_days: 7", "expires_after_days: .inf"), 20, "finite"),
    "expiry no number": (changed("expires_after_days: 7", "expires_after_days: .nan"), 20, "finite"),
    "expiry in words": (changed("expires_after_days: 7", "expires_after_days: 7 days"), 20, "must be a number"),
    "expiry negative": (changed("expires_after_days: 7", "expires_after_days: -7"), 20, "greater than 0"),
    "floor that nothing is below": (changed("at_least: 0.9}", "at_least: .nan}"), 21, "finite number"),
    "floor misspelt": (changed("at_least: 0.9}", "at_least: 0.9, at_lest: 1}"), 21, "at_lest is unknown"),
    "time without minutes": (changed("from: 09:00", "from: 9"), 23, "not a time of day"),
    "time as one number": (changed("from: 09:00", "from: 900"), 23, "not a time of day"),
    "time after the day": (changed("to: 16:00", "to: 24:00"), 23, "not a time of day"),
    "zone of nowhere": (changed("zone: Europe/Berlin", "zone: Europe/../Berlin"), 23, "not a time zone"),
    "window on no day": (changed("days: [mon, tue]", "days: []"), 23, "at least 1"),
    "freeze reversed": (changed("to: 2027-01-04T00:00:00Z", "to: 2026-01-04"), 24, "from must be before to"),
    "freeze in words": (changed("from: 2026-12-20", "from: soon"), 24, "valid datetime"),
    "one alias for two places": (
        changed("roles:", "  staging: {alias: champion}\nroles:"), 4, "production already uses the alias champion",
    ),
    "one stage for two places": (
        changed("roles:", "  other: {stage: Production}\nroles:"), 4, "production already uses the stage Production",
    ),
    "parameter of the rollout": (
        changed("id: 12", "id: 12, parameters: {modelVersion: '3'}"), 3, "modelVersion is reserved; the rollout sets it",
    ),
    "pipeline of no number": (changed("id: 12", "id: 99999999999999999999"), 3, "less than"),
    "check twice, the second off": (
        changed("checks: [{kind: metric_floor, with: {metric: auc, at_least: 0.9}}]",
                "checks: [{kind: tests_passed}, {kind: tests_passed, enforcement: off}]"), 21, "is defined twice",
    ),
    "tier's check switched off": (
        changed("checks: [{kind: metric_floor", "checks: [{kind: tests_passed, enforcement: off}, {kind: metric_floor"),
        21, "weaker than in the tier",
    ),
    "key twice": (changed("alias: champion,", "alias: champion, alias: challenger,"), 3, "is defined twice"),
    "name with a blank": (changed("models: credit-*", "models: ' credit-*'"), 17, "models"),
    "heading without letters": (changed("[Intended use, Limits]", "['', Limits]"), 26, "at least 1 character"),
    "group without list": (changed("[grp-reviewers]", "grp-reviewers"), 5, "must be a list"),
    "unknown role": (changed("  reviewer: [grp-reviewers]", "  owner: [grp-reviewers]"), 5, "Input should be"),
    "environment with a number as name": (changed("  production:", "  1:"), 3, "must be text"),
    "nothing at all": ("# nothing yet\n", 1, "the file is empty"),
    "a list": ("- version: 1\n", 1, "must be a mapping"),
    "a date that never was": (changed("from: 2026-12-20", "from: 2026-13-45"), 24, "2026-13-45 is not a date: month must be"),
    "a letter that no file holds": (FULL + "# \x00\n", 29, "#x0000 is not allowed"),
    "with as a list": (changed("{metric: auc, at_least: 0.9}", "[auc]"), 21, "must be a mapping"),
    "several patterns": (changed("models: credit-*", "models: [credit-*, fraud-*]"), 17, "must be text"),
    "pattern without quotes": (changed("models: credit-*", "models: *"), 17, "expected alphabetic"),
    "indented by a tab": (changed("    quorum: 2", "\tquorum: 2"), 11, "cannot start any token"),
    "unclosed": (changed("slots: [{discipline: risk},", "slots: [{discipline: risk,"), 14, "expected"),
    "list as a key": (FULL + "    ? [a, b]\n    : c\n", 29, "unhashable key"),
    "day in full": (changed("days: [mon, tue]", "days: [monday]"), 23, "'mon'"),
    "window over midnight": (changed("from: 09:00", "from: 22:00"), 23, "for a window over midnight, write two windows"),
    "too long a glass": (changed("valid_hours: 4", "valid_hours: 400"), 25, "less than or equal to 72"),
    "floor in words": (changed("at_least: 0.9}", "at_least: high}"), 21, "metric_floor needs"),
    "discipline misspelt": (changed("[{discipline: risk}, ", "[{discipline: rsik}, "), 14, "unknown discipline 'rsik'"),
    "place misspelt": (changed("environment: production", "environment: prodution"), 18, "unknown environment"),
    "tier misspelt": (changed("    tier: high", "    tier: hihg"), 19, "unknown tier 'hihg'"),
    "circle of nobody": (changed("risk: {groups: [grp-risk], people: [chloe.martin]}", "risk: {groups: []}"), 7,
                         "name at least one"),
    "version of tomorrow": (changed("version: 1", "version: 2"), 1, "Input should be 1"),
    "part misspelt": (FULL + "polices: []\n", 29, "unknown field"),
    "two documents": (FULL + "---\nversion: 1\n", 29, "another document"),
    "code in a tag": (changed("credit-*", "!!python/object:os.system x"), 17, "could not determine a constructor"),
    "alias into itself": ("a: &a [*a]\n" + FULL, 1, "refers to itself"),
    "alias that grows without end": (BOMB + FULL, 5, "more than 20000 values"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_file__broken__is_refused_at_its_line(name: str) -> None:
    text, line, told = REFUSED[name]
    with pytest.raises(SettingsError) as caught:
        parse_text(text)
    assert told in caught.value.message, caught.value.message
    assert f"line {line}, " in caught.value.message, caught.value.message
    assert "\n" not in caught.value.message


def test_file__only_policy_wrong__is_told_once() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_text(changed("expires_after_days: 7", "expires_after_days: 400"))
    assert caught.value.message.count("line ") == 1


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("{kind: comparison, with: {margn: 0.1}}", "margn is unknown"),
        ("{kind: comparison, with: {margin: lots}}", "margin must be a number"),
        ("{kind: comparison, with: {margin: -1}}", "margin must be a number, zero or more"),
        ("{kind: comparison, with: {accept_not_worse: yes}}", "accept_not_worse must be true or false"),
        ("{kind: calibration, with: {max_ece: low}}", "max_ece must be a number"),
        ("{kind: drift, with: {max_psi: .inf}}", "max_psi must be a number"),
        ("{kind: signature, with: {change: any}}", "change must be one of: unchanged, compatible"),
        ("{kind: fairness_bound, with: {column: sex, rate: luck, max_difference: 1}}", "rate must be one of"),
        ("{kind: documentation, with: {card: 'no'}}", "card must be true or false"),
        ("{kind: slice_floor, with: {at_least: 0.8, columns: []}}", "columns must be a text or a list"),
        ("{kind: tests_passed, with: {at_least: 3}}", "tests_passed accepts no settings"),
        ("{kind: custom, with: {name: own, deep: [{x: .nan}]}}", "deep must contain only finite numbers"),
    ],
)
def test_check__setting_that_would_be_none__is_refused_at_its_line(check: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_text(PLAIN.replace("CHECK", check))
    assert told in caught.value.message
    assert "line 10, " in caught.value.message


@pytest.mark.parametrize(
    ("tiers", "own", "told"),
    [
        ("at_least: 0.8", "at_least: 0.1", "at_least 0.1 is weaker than the tier's 0.8"),
        ("at_least: 0.8, min_rows: 50", "at_least: 0.9", "leaves out min_rows"),
        ("at_least: 0.8, min_rows: 50", "at_least: 0.9, min_rows: 20", "min_rows 20 is weaker"),
        ("at_least: 0.8", "at_least: 0.8", None),
        ("at_least: 0.8", "at_least: 0.9, min_rows: 10", None),
    ],
)
def test_tier__settings_of_a_check__are_never_loosened(tiers: str, own: str, told: str | None) -> None:
    text = changed("{kind: tests_passed}", f"{{kind: slice_floor, with: {{{tiers}}}}}").replace(
        "checks: [{kind: metric_floor, with: {metric: auc, at_least: 0.9}}]",
        f"checks: [{{kind: slice_floor, with: {{{own}}}}}]",
    )
    if told is None:
        assert parse_text(text).rules.policies
        return
    with pytest.raises(SettingsError, match=re.escape(told)):
        parse_text(text)


@pytest.mark.parametrize(
    ("text", "level", "told"),
    [
        (changed("risk: {groups: [grp-risk], people: [chloe.martin]}", "risk: {groups: [nobody]}"), Level.ERROR,
         "not enough different people can sign for risk"),
        (changed("    quorum: 2", "    quorum: 20"), Level.ERROR, "20 different people must approve, but only 2 can"),
        (changed("{discipline: risk}, ", "{discipline: risk, count: 2}, "), Level.ERROR, "sign for risk"),
        (changed("{roles: [data_scientist]}", "{people: [nobody]}"), Level.ERROR, "nobody may request"),
        (changed("{roles: [data_scientist]}", "{roles: [auditor]}"), Level.ERROR, "nobody may request"),
        (changed("from: 2026-12-20, to: 2027-01-04T00:00:00Z", "from: 2020-01-01, to: 2040-01-01"), Level.ERROR,
         "no opening within 400 days"),
        (changed("who: {people: [ben.okafor]}", "who: {roles: [data_scientist]}"), Level.WARNING,
         "nobody else reviews first: Ana Ruiz"),
        (changed("expires_after_days: 7", "expires_after_days: 0.001"), Level.WARNING, "expires after only"),
        (changed("    tier: high\n", "    quorum: 1\n"), Level.WARNING, "no policy uses this tier"),
    ],
)  # fmt: skip
def test_lint__impossible_or_weak__is_told(text: str, level: Level, told: str) -> None:
    found = [r for r in lint(parse_text(text), PEOPLE, START) if told in r.sentence]
    assert [r.level for r in found] == [level]
    assert found[0].line >= 8


def test_lint__only_jobs_may_ask__is_fine_while_enough_people_sign() -> None:
    text = changed("{roles: [data_scientist]}", "{roles: [service]}")
    assert not [r for r in lint(parse_text(text), PEOPLE, START) if r.level is Level.ERROR]


def test_lint__requester_is_the_only_reviewer__can_never_be_satisfied() -> None:
    alone = Actor(Person("chloe.martin", "Chloé"), frozenset({Role.DATA_SCIENTIST, Role.REVIEWER}))
    found = [r.sentence for r in lint(parse_text(FULL), (alone, DEV), START) if r.level is Level.ERROR]
    assert any("can never be satisfied" in told for told in found)


@pytest.mark.parametrize(
    ("earlier", "later", "is_so"),
    [
        ("*", "credit-*", True),
        ("credit-*", "credit-?", True),
        ("credit-*", "credit-risk", True),
        ("c?t", "c*t", False),
        ("c*t", "c?t", True),
        ("a", "*", False),
        ("?*", "*", False),
        ("*", "[ab]x", True),
        ("?x", "[ab]x", False),
        ("**", "*", True),
    ],
)
def test_covers__pattern_before__hides_the_later_one_only_where_it_matches_all(
    earlier: str, later: str, is_so: bool
) -> None:
    assert covers(earlier, later) is is_so


def test_plain_words__of_yaml_1_1__stay_what_was_written() -> None:
    text = changed("[grp-reviewers]", "[no, on, yes]").replace(
        "{kind: model_card}", "{kind: model_card, enforcement: off}"
    )
    found = parse_text(text)
    assert found.rules.groups["reviewer"] == ("no", "on", "yes")
    assert [c.enforcement.value for c in found.rules.policies[0].checks if c.kind == "model_card"] == ["off"]


def test_plain_words__with_a_directive_of_yaml_1_1__stay_what_was_written() -> None:
    found = parse_text("%YAML 1.1\n---\n" + changed("[grp-reviewers]", "[no, on, yes]"))
    assert found.rules.groups["reviewer"] == ("no", "on", "yes")


def test_keys__several_written_twice__are_all_reported_with_path_and_line() -> None:
    text = changed("alias: champion,", "alias: champion, alias: challenger,").replace(
        "    tier: high", "    tier: high\n    tier: low"
    )
    with pytest.raises(SettingsError) as refused:
        parse_text(text)
    assert "line 3, environments.production.alias is defined twice" in refused.value.message
    assert "line 20, policies.0.tier is defined twice" in refused.value.message


def test_settings__listed__are_those_that_the_code_reads() -> None:
    assert set(KNOWN) == set(CheckKind.__args__) - {"custom"}  # type: ignore[attr-defined]  # a Literal
    assert set(KNOWN["comparison"]) == {*OPTION_NAMES, *TABLE_NAMES}
    assert set(TASKS) == {task.value for task in Task}


def test_merged_keys__own_value_wins__and_its_line_is_the_one_told() -> None:
    root = yaml_lines.compose("base: &base\n  quorum: 1\n  expiry: 7d\nown:\n  <<: *base\n  quorum: 2\n")
    assert yaml_lines.data_of(root)["own"] == {"quorum": 2, "expiry": "7d"}
    assert yaml_lines.line_of(root, ("own", "quorum")) == 6
    assert yaml_lines.line_of(root, ("own", "expiry")) == 3
