"""A plan of an older release keeps its digest, and says what its signatures do not cover."""

from __future__ import annotations

from dataclasses import replace

from services.domain.promotions.plan import Plan, differences
from services.ledger.tree.canonical import digest

OLD = {
    "model": "m", "version": 2, "version_created": "2026-11-01T00:00:00+00:00", "run_id": "r", "artifact_digest": "sha256:a",
    "metrics": {"auc": 0.9}, "dataset_digests": {}, "test_results": {}, "environment": "production", "stage": "Production",
    "alias": "champion", "current_version": 1, "registry_order": "before", "pipeline_project": "ml", "pipeline_id": 12,
    "pipeline_parameters": {}, "policy_digest": "sha256:p", "evidence_digest": "sha256:e",
}  # fmt: skip
"""As the release before this one has sealed it."""
NEW = {
    "generation": 3, "target": {"alias": 1, "stages": {"1": "Production"}, "created": {}},
    "release": {"commit": "c", "yaml_digest": "sha256:y", "variables": {"a": "1"}, "unsealed": []},
}  # fmt: skip


def test_older_plan__read_and_written__keeps_its_digest_and_says_what_is_not_sealed() -> None:
    plan = Plan.from_dict(OLD)
    assert digest(plan.as_dict()) == digest(OLD)
    assert len(plan.unsealed()) == 3
    assert "commit, YAML, variables" in plan.unsealed()[-1]
    assert len(replace(plan, pipeline_id=None).unsealed()) == 2


def test_older_plan__against_a_whole_one__differs_in_what_was_sealed_only() -> None:
    assert differences(Plan.from_dict(OLD), Plan.from_dict({**OLD, **NEW})) == ()
    changed = differences(Plan.from_dict(OLD), Plan.from_dict({**OLD, **NEW, "artifact_digest": "sha256:b"}))
    assert [change.what for change in changed] == ["artifact_digest"]


def test_plan__of_this_release__differs_in_each_new_part() -> None:
    signed = Plan.from_dict({**OLD, **NEW})
    assert signed.unsealed() == ()
    told = differences(signed, replace(signed, generation=4, release={**NEW["release"], "yaml_digest": "sha256:z"}))
    assert [change.what for change in told] == ["generation", "release.yaml_digest"]
    assert next(c.what for c in differences(signed, replace(signed, release=None))).startswith("release")


def test_plan__part_that_could_not_be_read__is_named_as_not_sealed() -> None:
    told = Plan.from_dict({**OLD, **NEW, "release": {**NEW["release"], "unsealed": ["variables (no permission)"]}})
    assert told.unsealed() == ("variables (no permission)",)
