"""Collects the evidence of a request, judges it by the policy, and seals everything by digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from services import policy as policies
from services.catalogue.derive import algorithm_of
from services.domain.checks import Check, Enforcement, Verdict
from services.domain.plan import Plan
from services.domain.policy import Environment, Governance, PromotionPolicy
from services.domain.registry import VersionKey
from services.errors import PortalError, RefusedError, UpstreamError
from services.held_out import PredictionsFile
from services.ledger.canonical import canonical_text, digest
from services.promotions.checks import Compared, evaluate
from services.promotions.material import Material, MaterialReader, build_plan, finite_metrics


class Comparer(Protocol):
    """The evidence engine, as sealing needs it: two tables in, `Comparison.to_json()` out."""

    def __call__(
        self, candidate: PredictionsFile, current: PredictionsFile, settings: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Compare the held-out predictions of two versions."""


@dataclass(frozen=True)
class Document:
    """A JSON document in its canonical text, named by its digest."""

    kind: str
    digest: str
    body: str

    @classmethod
    def of(cls, kind: str, value: Any) -> Document:
        """Seal a value."""
        return cls(kind, digest(value), canonical_text(value))


@dataclass(frozen=True)
class Sealed:
    """Everything that a signature will cover."""

    plan: Plan
    checks: tuple[Check, ...]
    plan_document: Document
    evidence_document: Document
    policy_document: Document
    material: Material


class Sealer:
    """Seals requests and looks whether a seal still holds."""

    def __init__(self, reader: MaterialReader, governance: Governance, compare: Comparer) -> None:
        self._reader = reader
        self.governance = governance
        self._compare = compare

    def rules(self, model: str, environment: str) -> tuple[PromotionPolicy, Environment]:
        """The policy and environment in force. Raises RefusedError when there is none."""
        policy = self.governance.policy_for(model, environment)
        if policy is None:
            raise RefusedError(
                f"No policy allows {model} in {environment}.",
                hint="Add a policy for it to governance.yaml; without one nothing is promoted.",
            )
        return policy, self.governance.environments[environment]

    def seal(self, key: VersionKey, environment_name: str) -> Sealed:
        """Read, compare, judge, seal. Raises RefusedError, NotFoundError, UpstreamError."""
        policy, environment = self.rules(key.model, environment_name)
        material = self._reader.read(key, environment)
        compared = self._comparison(key, material, policy)
        checks = evaluate(policy, material, compared)
        policy_document = Document.of("policy", policies.frozen_form(policy, environment))
        evidence = _evidence(material, compared, checks, policies.in_words(policy, environment))
        evidence_document = Document.of("evidence", evidence)
        plan = build_plan(
            material, environment, policy_digest=policy_document.digest, evidence_digest=evidence_document.digest
        )
        plan_document = Document.of("plan", plan.as_dict())
        return Sealed(plan, checks, plan_document, evidence_document, policy_document, material)

    def plan_now(self, signed: Plan) -> Plan:
        """The plan as the world is now, on the same evidence: equal to `signed` while the seal holds."""
        policy, environment = self.rules(signed.model, signed.environment)
        material = self._reader.read(VersionKey(signed.model, signed.version), environment)
        return build_plan(
            material,
            environment,
            policy_digest=digest(policies.frozen_form(policy, environment)),
            evidence_digest=signed.evidence_digest,
        )

    def _comparison(self, key: VersionKey, material: Material, policy: PromotionPolicy) -> Compared:
        settings = next((rule.settings for rule in policy.checks if rule.kind == "comparison"), {})
        current = material.current_version
        if current is None:
            return Compared(None, is_first=True)
        if material.predictions is None:
            return Compared(None, problem=material.predictions_problem)
        try:
            theirs, problem = self._current_predictions(VersionKey(key.model, current))
            if theirs is None:
                return Compared(None, problem=f"v{current}, which is live: {problem}")
            return Compared(self._compare(material.predictions, theirs, settings))
        except UpstreamError:
            raise
        except PortalError as error:
            return Compared(None, problem=error.sentence())

    def _current_predictions(self, key: VersionKey) -> tuple[PredictionsFile | None, str]:
        version = self._reader.registry.version(key)
        run = self._reader.registry.runs([version.run_id]).get(version.run_id) if version.run_id else None
        return self._reader.predictions(run)


def _evidence(
    material: Material, compared: Compared, checks: tuple[Check, ...], policy_in_words: list[str]
) -> dict[str, Any]:
    run = material.run
    return {
        "version": {
            "model": material.version.model,
            "version": material.version.version,
            "description": material.version.description,
            "stage": material.version.stage,
        },
        "run": None
        if run is None
        else {
            "run_id": run.run_id,
            "user": run.user,
            "params": dict(run.params),
            "metrics": finite_metrics(run.metrics),
            "datasets": [asdict(dataset) for dataset in run.datasets],
            "commit": run.git_commit,
            "algorithm": algorithm_of(run),
        },
        "current_version": material.current_version,
        "comparison": dict(compared.result) if compared.result is not None else None,
        "comparison_problem": compared.problem,
        "tests": [_test(report) for report in material.tests],
        "card": material.card,
        "checks": [asdict(check) for check in checks],
        "policy_in_words": policy_in_words,
    }


def _test(report: Any) -> dict[str, Any]:
    value = asdict(report)
    value["cases"] = [case for case in value["cases"] if case["outcome"] not in {"passed", "skipped"}][:100]
    return value


def checks_of(evidence: Mapping[str, Any]) -> tuple[Check, ...]:
    """The checks as they were sealed."""
    return tuple(
        Check(**{**check, "verdict": Verdict(check["verdict"]), "enforcement": Enforcement(check["enforcement"])})
        for check in evidence["checks"]
    )
