"""A world under a policy with disciplines, break-glass, windows and re-reviews."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.domain.policy import Governance
from services.policies.reading import parse_governance
from tests.oversight_world import OversightWorld

RULES = """
version: 1
environments:
  production: {stage: Production, alias: champion, pipeline: {project: ml, id: 12}}
disciplines:
  risk: {people: [chloe.martin, eve]}
  business: {people: [ben.okafor]}
policies:
  - models: "*"
    environment: production
    quorum: 2
    in_order: true
    slots: [{discipline: risk}, {discipline: business}]
    expires_after_days: 14
    review_every_days: 90
    break_glass: {who: {people: [olu]}, valid_hours: 4, review_within_days: 2}
    checks: [{kind: tests_passed}, {kind: artifact_digest}]
"""


@pytest.fixture
def rules() -> Governance:
    return parse_governance(RULES)


@pytest.fixture
def strict(engine: Engine, tmp_path: Path, rules: Governance) -> OversightWorld:
    return OversightWorld(engine, tmp_path, rules=rules)
