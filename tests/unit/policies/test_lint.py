"""The linter: a policy that can never be satisfied, or that asks for nothing, is not fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.domain.identity.people import Actor, Person, Role
from services.errors import InvalidInputError
from services.policies.directory import read_people
from services.policies.lint import Level, Remark, has_errors, lint
from services.policies.reading import parse_text
from tests.simulators.basics import ANA, BEN, CHLOE, DEV, PIPELINE, START
from tests.unit.policies.test_file import FULL

EVE = Actor(Person("eve", "Eve"), frozenset({Role.REVIEWER}), groups=frozenset({"grp-risk"}))
PEOPLE = (ANA, BEN, CHLOE, DEV)


def remarks(text: str = FULL, people: tuple[Actor, ...] = PEOPLE) -> list[Remark]:
    return lint(parse_text(text), people, START)


def errors(text: str = FULL, people: tuple[Actor, ...] = PEOPLE) -> list[str]:
    return [r.sentence for r in remarks(text, people) if r.level is Level.ERROR]


def test_lint__enough_people__has_no_error() -> None:
    assert errors() == []


def test_lint__no_people_known__is_never_fit() -> None:
    assert any("nothing can be checked" in told for told in errors(people=()))


def test_lint__one_person_for_two_slots__can_never_be_satisfied() -> None:
    assert any("can never be satisfied" in told for told in errors(people=(ANA, CHLOE)))


def test_lint__unsatisfiable_policy__refused_at_publish() -> None:
    """The control was not strict, it was impossible: owner approval and no self-review with one maintainer."""
    maintainer = Actor(Person("m", "M"), frozenset({Role.DATA_SCIENTIST, Role.REVIEWER}))
    text = FULL.replace("tier: high", "quorum: 1").replace("ben.okafor", "m")
    assert any("1 different people must approve, but only 0 can" in told for told in errors(text, (maintainer,)))


def test_lint__impossible_for_one_requester_only__is_a_warning_that_names_them() -> None:
    both = Actor(Person("both", "Bo Th"), frozenset({Role.DATA_SCIENTIST, Role.REVIEWER}))
    text = FULL.replace("tier: high", "quorum: 2").replace(
        "checks: [{kind: metric_floor, with: {metric: auc, at_least: 0.9",
        "checks: [{kind: model_card}, {kind: metric_floor, with: {metric: auc, at_least: 0.9",
    )
    found = remarks(text, (ANA, both, CHLOE, Actor(Person("ben.okafor", "B"), frozenset())))
    assert any(r.level is Level.WARNING and "impossible if Bo Th is the requester" in r.sentence for r in found)
    assert not has_errors(found)


def test_lint__matching__finds_the_only_arrangement() -> None:
    """Chloé fits both slots and Ben one: a greedy choice would put Chloé in the wrong one."""
    text = FULL.replace("[{discipline: risk}, {discipline: business, meaning: reviewed}]",
                        "[{discipline: business}, {discipline: risk}]")  # fmt: skip
    assert errors(text, (ANA, CHLOE, BEN)) == []


def test_lint__service_tokens__never_count() -> None:
    reviewer = Actor(Person("service:x", "X"), PIPELINE.roles | {Role.REVIEWER})
    assert any("can never be satisfied" in told for told in errors(people=(ANA, CHLOE, reviewer)))


def test_lint__no_check__is_an_error() -> None:
    text = FULL.replace("    tier: high", "    quorum: 1").replace(
        "    checks: [{kind: metric_floor, with: {metric: auc, at_least: 0.9}}]\n", ""
    )
    assert any("checks is unset" in told for told in errors(text))


def test_lint__card_fields_without_the_check__is_an_error() -> None:
    text = FULL.replace("{kind: model_card}, ", "")
    assert any("card_fields is set" in told for told in errors(text))


def test_lint__shadowed_policy__is_an_error_at_its_line() -> None:
    second = (
        "  - {models: credit-risk, environment: production, quorum: 1, expires_after_days: 1, "
        "checks: [{kind: tests_passed}]}\n"
    )
    found = [r for r in remarks(FULL + second) if "never applies" in r.sentence]
    assert [(r.line, r.level) for r in found] == [(FULL.count("\n") + 1, Level.ERROR)]


def test_lint__always_frozen__is_an_error() -> None:
    text = FULL.replace("{from: 2026-12-20, to: 2027-01-04T00:00:00Z", "{from: 2026-01-01, to: 2029-01-01")
    assert any("leave no opening" in told for told in errors(text))


def test_lint__break_glass_for_nobody__is_an_error() -> None:
    assert any("break_glass names none" in told for told in errors(FULL.replace("ben.okafor", "gone")))


def test_people_file__groups__give_roles(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text("- {id: eve, name: Eve, groups: [grp-risk, grp-reviewers]}")
    (eve,) = read_people(path, parse_text(FULL).rules)
    assert eve.roles == {Role.REVIEWER}
    assert "grp-risk" in eve.groups


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("people:\n  - {id: a}", "line 1, file: must be a list"), ("- {id: a}\n- {name: x}", "line 2, 1.id: is missing"),
        ("- {id: a}\n- {id: a}", "lists people twice: a"), ("- [", "line 1, "), ("", "the file is empty"),
        ("- {id: a}\n\n- {id: b, groups: g}", "line 3, 1.groups: must be a list"),
        ("- {id: a, group: [g]}", "line 1, 0.group: unknown field"), ("- {id: 7}", "0.id: must be text"),
        ("- {id: a, roles: [boss]}", "line 1, 0.roles.0: Input should be"), ("- &a [*a]", "refers to itself"),
        ("# \x00", "is not allowed"), ("[" * 1000 + "]" * 1000, "nested too deeply"), ("- {id: 2026-13-45}", "is not a date"),
    ],
)  # fmt: skip
def test_people_file__rubbish__is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=re.escape(told)):
        read_people(path, parse_text(FULL).rules)


def test_lint__frozen_for_years__is_an_error() -> None:
    text = FULL.replace("from: 2026-12-20", "from: 2026-01-01").replace("2027-01-04T00:00:00Z", "2031-01-04")
    assert any("no opening within 400 days" in told for told in errors(text))


def test_lint__nobody_can_sign_in_as_a_reviewer__is_told() -> None:
    found = remarks(FULL.replace("reviewer: [grp-reviewers]", "auditor: [grp-audit]"))
    assert [remark.line for remark in found if "the role reviewer maps to no group" in remark.sentence] == [4]
