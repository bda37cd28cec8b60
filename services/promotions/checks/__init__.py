"""The checks that a policy can require. Each gives a value, a threshold, a verdict and one sentence."""

from __future__ import annotations

from services.domain.checks import Check, Enforcement, worst_first
from services.domain.policy import PromotionPolicy
from services.promotions.checks import basic, dependencies, files, measured, own, signature
from services.promotions.checks.facts import CheckFunction, Compared, ModelFacts
from services.promotions.material import Material

KINDS: dict[str, CheckFunction] = {
    "artifact_digest": basic.artifact_digest,
    "calibration": measured.calibration,
    "comparison": basic.comparison,
    "custom": own.custom,
    "dependencies": dependencies.dependencies,
    "documentation": basic.documentation,
    "drift": measured.drift,
    "fairness_bound": measured.fairness_bound,
    "lineage_complete": basic.lineage_complete,
    "metric_floor": basic.metric_floor,
    "model_card": basic.model_card,
    "safe_format": files.safe_format,
    "signature": signature.signature,
    "slice_floor": measured.slice_floor,
    "tests_passed": basic.tests_passed,
}


def evaluate(policy: PromotionPolicy, material: Material, compared: Compared) -> tuple[Check, ...]:
    """All checks of a policy that are not off, worst first."""
    wanted = [rule for rule in policy.checks if rule.enforcement is not Enforcement.OFF]
    return worst_first(tuple(KINDS[rule.kind](rule, material, compared) for rule in wanted))


__all__ = ["KINDS", "Compared", "ModelFacts", "evaluate"]
