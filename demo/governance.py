"""The policy of the demo: one environment, one reviewer's signature, checks that mean something."""

from __future__ import annotations

from demo.layout import ENVIRONMENT, PROJECT, Layout

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
policies:
  - models: census-income
    environment: {environment}
    quorum: 1
    expires_after_days: 14
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
    """Write the policy file; the same world gives the same bytes, so that seals hold over restarts."""
    text = TEMPLATE.format(
        environment=ENVIRONMENT,
        project=PROJECT,
        pipeline=pipeline,
        portal=layout.portal_url,
        mlflow=layout.mlflow_url,
        serving=layout.serving_url,
    )
    layout.governance_file.write_text(text, encoding="utf-8")
