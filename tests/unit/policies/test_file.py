"""The policy file: every mistake has its line, and nothing that is unset lets anything through."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from services.cli.policy import schema
from services.domain.policy import Meaning
from services.errors import SettingsError
from services.ledger.tree.canonical import digest
from services.policies.reading import frozen_form, parse_governance, policy_of

ROOT = Path(__file__).resolve().parents[3]
PACKS = [path for path in (ROOT / "policy-packs").glob("*.yaml") if path.name != "people.example.yaml"]
FULL = """version: 1
environments:
  production: {stage: Production, alias: champion, pipeline: {project: ml, id: 12}}
roles:
  reviewer: [grp-reviewers]
disciplines:
  risk: {groups: [grp-risk], people: [chloe.martin]}
  business: {roles: [reviewer]}
tiers:
  high:
    quorum: 2
    in_order: true
    review_every_days: 180
    slots: [{discipline: risk}, {discipline: business, meaning: reviewed}]
    checks: [{kind: tests_passed}, {kind: model_card}, {kind: metric_floor, with: {metric: auc, at_least: 0.8}}]
policies:
  - models: credit-*
    environment: production
    tier: high
    expires_after_days: 7
    checks: [{kind: metric_floor, with: {metric: auc, at_least: 0.9}}]
    requesters: {roles: [data_scientist]}
    windows: [{days: [mon, tue], from: 09:00, to: 16:00, zone: Europe/Berlin}]
    freezes: [{from: 2026-12-20, to: 2027-01-04T00:00:00Z, reason: Year end}]
    break_glass: {who: {people: [ben.okafor]}, valid_hours: 4, review_within_days: 2}
    card_fields: [Intended use, Limits]
    reauthenticate: true
    ask_by_tag: true
"""


def wrong(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_governance(text)
    return caught.value.message


def test_file__every_field__reaches_the_rules() -> None:
    rules = parse_governance(FULL)
    (policy,) = rules.policies
    assert (policy.quorum, policy.tier, policy.in_order, policy.signatures_needed) == (2, "high", True, 2)
    assert [(s.discipline, s.meaning) for s in policy.slots] == [
        ("risk", Meaning.APPROVED),
        ("business", Meaning.REVIEWED),
    ]
    assert {c.kind: c.settings.get("at_least") for c in policy.checks} == {
        "metric_floor": 0.9, "tests_passed": None, "model_card": None,
    }  # fmt: skip
    assert policy.review_every == timedelta(days=180)
    assert policy.calendar.windows[0].closes.hour == 16
    assert policy.calendar.freezes[0].start == datetime(2026, 12, 20, tzinfo=UTC)
    assert policy.break_glass is not None
    assert policy.break_glass.valid_for == timedelta(hours=4)


def test_frozen_policy__read_back__is_the_same() -> None:
    rules = parse_governance(FULL)
    frozen = frozen_form(rules.policies[0], rules.environments["production"])
    assert policy_of(json.loads(json.dumps(frozen))["policy"]) == rules.policies[0]


def test_frozen_policy__plain_one__keeps_the_digest_that_earlier_requests_carry() -> None:
    text = FULL[: FULL.index("tiers:")] + (
        "policies: [{models: '*', environment: production, quorum: 1, expires_after_days: 1, "
        "checks: [{kind: tests_passed}]}]"
    )
    rules = parse_governance(text)
    frozen = frozen_form(rules.policies[0], rules.environments["production"])
    assert set(frozen["policy"]) == {
        "models", "environment", "quorum", "expires_after", "checks", "witness_before_release",
    }  # fmt: skip
    assert digest(frozen) == digest(frozen_form(policy_of(frozen["policy"]), rules.environments["production"]))


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("    quorum: 2\n", "", 16, "quorum is not set"),
        ("tier: high", "tier: highest", 19, "unknown tier"),
        ("{discipline: risk}", "{discipline: legal}", 14, "unknown discipline"),
        ("at_least: 0.9}", "at_least: 0.7}", 21, "at_least 0.7 is weaker than the tier's 0.8"),
        ("    expires_after_days: 7\n", "    expires_after_days: 7\n    quorum: 1\n", 21, "below the tier's 2"),
        ("environment: production", "environment: prod", 18, "unknown environment"),
        ("zone: Europe/Berlin", "zone: Berlin", 23, "not a time zone"),
        ("from: 09:00, to: 16:00", "from: 16:00, to: 09:00", 23, "from must be before to"),
        ("requesters: {roles: [data_scientist]}", "requesters: {}", 22, "name at least one"),
        ("reauthenticate: true", "reauthenticated: true", 27, "unknown field"),
        ("    ask_by_tag: true", "    ask_by_tag: true\n    reauthenticate: false", 29, "is defined twice"),
        ("{kind: tests_passed}", "{kind: test_passed}", 15, "Input should be"),
        ("with: {metric: auc, at_least: 0.9}", "with: {metric: auc}", 21, "metric_floor needs"),
    ],
)
def test_file__mistake__is_told_with_its_line(old: str, new: str, line: int, told: str) -> None:
    message = wrong(FULL.replace(old, new, 1))
    assert f"line {line}, " in message, message
    assert told in message, message


def test_file__several_mistakes__are_told_at_once() -> None:
    message = wrong(FULL.replace("tier: high", "tier: x").replace("environment: production", "environment: y"))
    assert "unknown tier" in message
    assert "unknown environment" in message


@pytest.mark.parametrize("text", ["", "[]", "version: 2", "version: 1", "a: [", "a: 1\n\tb: 2"])
def test_file__rubbish__is_refused(text: str) -> None:
    assert wrong(text).startswith("governance.yaml")


def test_schema__published__is_the_one_of_the_code() -> None:
    assert (ROOT / "docs" / "governance.schema.json").read_text(encoding="utf-8") == schema() + "\n"


@pytest.mark.parametrize("path", sorted([ROOT / "governance.example.yaml", *PACKS]))
def test_schema__accepts_what_the_reader_accepts(path: Path) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert parse_governance(path.read_text(encoding="utf-8")).policies
    jsonschema.Draft202012Validator(json.loads(schema())).validate(json.loads(json.dumps(data, default=str)))


def test_schema__refuses_an_unknown_key() -> None:
    data = yaml.safe_load(FULL) | {"quorums": 2}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(json.dumps(data, default=str)), json.loads(schema()))


def test_named_groups__are_those_of_disciplines_and_rights_only() -> None:
    text = FULL.replace("who: {people: [ben.okafor]}", "who: {groups: [on-call]}")
    assert parse_governance(text).named_groups() == {"grp-risk", "on-call"}
