"""The policy of the demo: one environment, meaningful checks, and two approval paths.

The income model needs one reviewer's signature. The bike model is in the higher risk tier: model risk signs first, then
the business, each after a fresh sign-in.
"""

from __future__ import annotations

from demo.layout import ENVIRONMENT, PROJECT, Layout
from demo.people import BEN, CHLOE

TEMPLATE = """# The policy of the demo. A real one lives in Git; see docs/governance.md.
version: 1
environments:
  {environment}:
    stage: Production
    alias: champion
    registry: before
    pipeline:
      project: {project}
      id: {pipeline}
      branch: refs/heads/main
      parameters:
        portalUrl: {portal}
        mlflowUrl: {mlflow}
        servingUrl: {serving}
disciplines:
  model-risk: {{people: [{risk}]}}
  business: {{people: [{business}]}}
tiers:
  high:
    quorum: 2
    in_order: true
    slots: [{{discipline: model-risk}}, {{discipline: business}}]
    review_every_days: 30
    reauthenticate: true
policies:
  - models: census-income
    environment: {environment}
    quorum: 1
    expires_after_days: 14
    review_every_days: 90
    break_glass: {{who: {{people: [{risk}]}}, valid_hours: 4, review_within_days: 2}}
    witness_before_release: true
    checks:
      - {{kind: tests_passed}}
      - {{kind: artifact_digest}}
      - {{kind: lineage_complete}}
      - {{kind: metric_floor, with: {{metric: auc, at_least: 0.85}}}}
      - {{kind: comparison, with: {{margin: 0.002}}}}
      - {{kind: slice_floor, with: {{at_least: 0.85, columns: [sex]}}}}
      - {{kind: signature, with: {{change: compatible}}}}
      - {{kind: calibration, with: {{max_ece: 0.05}}, enforcement: warn}}
      - {{kind: drift, with: {{max_psi: 0.25, warn_psi: 0.1}}, enforcement: warn}}
      - {{kind: fairness_bound, with: {{column: sex, rate: true positive rate, max_widening: 0.05}}, enforcement: warn}}
      - {{kind: dependencies, enforcement: warn}}
      - {{kind: safe_format, enforcement: warn}}
      - {{kind: model_card, enforcement: warn}}
  - models: bike-*
    environment: {environment}
    tier: high
    expires_after_days: 7
    break_glass: {{who: {{people: [{risk}]}}, valid_hours: 2, review_within_days: 1}}
    witness_before_release: true
    checks:
      - {{kind: artifact_digest}}
      - {{kind: signature, with: {{change: compatible}}}}
      - {{kind: metric_floor, with: {{metric: rmse, at_most: 200}}, enforcement: warn}}
      - {{kind: tests_passed, enforcement: warn}}
      - {{kind: lineage_complete, enforcement: warn}}
      - {{kind: model_card, enforcement: warn}}
  - models: "*"
    environment: {environment}
    quorum: 1
    expires_after_days: 14
    witness_before_release: true
    checks:
      - {{kind: tests_passed}}
      - {{kind: artifact_digest}}
      - {{kind: lineage_complete}}
      - {{kind: comparison, enforcement: warn}}
      - {{kind: model_card, enforcement: warn}}
"""


def write_governance(layout: Layout, *, pipeline: int) -> None:
    """Write the policy file; the same demo gives the same bytes, so that seals stay valid across restarts."""
    text = TEMPLATE.format(
        environment=ENVIRONMENT,
        project=PROJECT,
        pipeline=pipeline,
        portal=layout.portal_url,
        mlflow=layout.mlflow_url,
        serving=layout.serving_url,
        risk=BEN.id,
        business=CHLOE.id,
    )
    layout.governance_file.write_text(text, encoding="utf-8")
