"""Collects the evidence of a request, judges it by the policy, and seals everything by digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from services.comparisons.held_out import PredictionsFile
from services.comparisons.live_inputs import LiveInputs, live_document
from services.domain.checks import Check, Enforcement, check_to_json
from services.domain.derived import algorithm_of
from services.domain.drift import SCHEMA as DRIFT_SCHEMA
from services.domain.model_metrics import known_metrics, metric_to_json
from services.domain.policy import Environment, Governance, PromotionPolicy
from services.domain.promotions.plan import Plan
from services.domain.registry import Dataset, ModelVersion, Run, VersionKey
from services.domain.test_results import sealed_report
from services.errors import PortalError, RefusedError, UpstreamError
from services.evidence.record import Comparison, DriftLine
from services.ledger.tree.canonical import canonical_text, digest
from services.policies.reading import frozen_form, in_words
from services.promotions.checks import Compared, evaluate
from services.promotions.checks.facts import COMPARE, InputTable
from services.promotions.material import Material, MaterialReader, build_plan
from services.promotions.model_facts import read_model_facts


class Comparer(Protocol):
    """The evidence engine, as sealing needs it."""

    def __call__(
        self, candidate: PredictionsFile, current: PredictionsFile | None, settings: Mapping[str, Any]
    ) -> Comparison:
        """Compare the held-out predictions of two versions; without a current one, with a baseline."""


class Drifter(Protocol):
    """Drift between two tables, a line a column."""

    def __call__(self, reference: PredictionsFile, now: PredictionsFile) -> Sequence[DriftLine]:
        """Columns that both have, largest effect first."""


Addresses = Callable[[ModelVersion, Run | None], Mapping[str, str]]
"""Where people find a version (`version`) and its run (`run`)."""


def no_addresses(_version: ModelVersion, _run: Run | None) -> Mapping[str, str]:
    """For places without links."""
    return {}


MODEL_KINDS = {"signature", "dependencies", "safe_format", "custom"}
DRIFT_KINDS = {"drift", "custom"}


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

    def __init__(
        self,
        reader: MaterialReader,
        governance: Governance,
        compare: Comparer,
        *,
        drift: Drifter | None = None,
        live: LiveInputs | None = None,
        addresses: Addresses = no_addresses,
    ) -> None:
        self._reader = reader
        self.governance = governance
        self._compare = compare
        self._drift = drift
        self._live = live
        self._addresses = addresses

    def rules(self, model: str, environment: str) -> tuple[PromotionPolicy, Environment]:
        """The policy and environment in force. Raises RefusedError when there is none."""
        policy = self.governance.policy_for(model, environment)
        if policy is None:
            raise RefusedError(
                f"No policy allows {model} in {environment}.",
                hint="Add a policy for it to governance.yaml.",
            )
        return policy, self.governance.environments[environment]

    def seal(self, key: VersionKey, environment_name: str) -> Sealed:
        """Read, compare, judge, seal. Raises RefusedError, NotFoundError, UpstreamError."""
        policy, environment = self.rules(key.model, environment_name)
        material = self._reader.read(key, environment)
        compared = replace(self._comparison(key, material, policy), also_live=material.also_in_stage)
        compared = self._measured(key, material, compared, policy)
        checks = self._linked(evaluate(policy, material, compared), material)
        policy_document = Document.of("policy", frozen_form(policy, environment))
        evidence = _evidence(material, compared, checks, in_words(policy, environment))
        evidence_document = Document.of("evidence", evidence)
        plan = build_plan(
            material, environment, policy_digest=policy_document.digest, evidence_digest=evidence_document.digest
        )
        plan_document = Document.of("plan", plan.as_dict())
        return Sealed(plan, checks, plan_document, evidence_document, policy_document, material)

    def plan_now(self, signed: Plan) -> Plan:
        """The plan for the current state, on the same evidence: equal to `signed` while the seal holds.

        The pipeline is read at the sealed commit, where its run will start: later commits change nothing.
        """
        policy, environment = self.rules(signed.model, signed.environment)
        commit = (signed.release or {}).get("commit")
        material = self._reader.read(VersionKey(signed.model, signed.version), environment, commit=commit)
        return build_plan(
            material,
            environment,
            policy_digest=digest(frozen_form(policy, environment)),
            evidence_digest=signed.evidence_digest,
        )

    def _comparison(self, key: VersionKey, material: Material, policy: PromotionPolicy) -> Compared:
        settings = comparison_settings(policy)
        current = material.current_version
        is_first = current is None
        if material.predictions is None:
            return Compared(None, is_first, material.predictions_problem)
        try:
            theirs, problem = (None, "") if current is None else self._of_current(VersionKey(key.model, current))
            if theirs is None and not is_first:
                return Compared(None, problem=f"v{current}, which is live: {problem}")
            inputs = {"candidate": _input(material.predictions), "current": _input(theirs) if theirs else None}
            return Compared(self._compare(material.predictions, theirs, settings), is_first, inputs=inputs)
        except UpstreamError:
            raise
        except PortalError as error:
            return Compared(None, is_first, error.sentence())

    def _of_current(self, key: VersionKey) -> tuple[PredictionsFile | None, str]:
        return self._reader.predictions(key, self._run_of(key))

    def _run_of(self, key: VersionKey) -> Run | None:
        version = self._reader.registry.version(key)
        return self._reader.registry.runs([version.run_id]).get(version.run_id) if version.run_id else None

    def _measured(self, key: VersionKey, material: Material, compared: Compared, policy: PromotionPolicy) -> Compared:
        """Add what the policy's checks ask for beyond the comparison."""
        kinds = {rule.kind for rule in policy.checks if rule.enforcement is not Enforcement.OFF}
        current = None if material.current_version is None else VersionKey(key.model, material.current_version)
        is_live = any(rule.kind == "drift" and rule.settings.get("against") == "live" for rule in policy.checks)
        if kinds & MODEL_KINDS or is_live:
            compared = replace(compared, model=read_model_facts(self._reader.registry, key, current))
        if kinds & DRIFT_KINDS or self._drift is not None:
            compared = self._with_drift(material, current, compared)
        return self._with_live(key.model, material, compared) if self._live is not None else compared

    def _with_live(self, model: str, material: Material, compared: Compared) -> Compared:
        """Live inputs against the candidate's training data; a log that is away keeps nobody from asking."""
        sample, problem = self._reader.training_sample(material.run)
        if self._live is None or sample is None:
            return replace(compared, live_problem=problem)
        try:
            return replace(compared, live=self._live.against(model, sample))
        except PortalError as error:
            return replace(compared, live_problem=error.sentence())

    def _with_drift(self, material: Material, current: VersionKey | None, compared: Compared) -> Compared:
        if self._drift is None or current is None:
            return replace(compared, drift_problem="Nothing is live yet, so there is no reference.")
        now, problem = self._reader.training_sample(material.run)
        before, theirs = self._reader.training_sample(self._run_of(current))
        if now is None or before is None:
            return replace(compared, drift_problem=problem or f"v{current.version}, which is live: {theirs}")
        try:
            lines = tuple(self._drift(before, now))
        except UpstreamError:
            raise
        except PortalError as error:
            return replace(compared, drift_problem=error.sentence())
        inputs = {**compared.inputs, "training": _input(now), "reference": _input(before)}
        return replace(compared, drift=lines, inputs=inputs)

    def _linked(self, checks: tuple[Check, ...], material: Material) -> tuple[Check, ...]:
        """Put addresses in place of the links' names; a check without an address has no link."""
        found = dict(self._addresses(material.version, material.run))
        if material.current_version is not None:
            versions = f"{material.current_version},{material.version.version}"
            found[COMPARE] = f"/compare?{urlencode({'model': material.version.model, 'versions': versions})}"
        return tuple(replace(check, link=_address(check.link, found)) for check in checks)


def comparison_settings(policy: PromotionPolicy) -> Mapping[str, Any]:
    """The settings of the policy's comparison; empty where it asks for none."""
    return next((rule.settings for rule in policy.checks if rule.kind == "comparison"), {})


def _input(file: PredictionsFile) -> InputTable:
    return InputTable(file.digest, file.artifact, file.run_id, file.note, file.target)


def _address(link: str, found: Mapping[str, str]) -> str:
    return link if "/" in link else found.get(link, "")


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
            "metrics": known_metrics(material.metrics),
            "metric_values": {name: metric_to_json(metric) for name, metric in material.metrics.items()},
            "datasets": [_dataset(dataset) for dataset in run.datasets],
            "commit": run.git_commit,
            "algorithm": algorithm_of(run),
        },
        "current_version": material.current_version,
        "comparison": None if compared.result is None else compared.result.to_json(),
        "comparison_problem": compared.problem,
        "drift": None if compared.drift is None else [asdict(line) for line in compared.drift],
        "drift_schema": DRIFT_SCHEMA,
        "drift_problem": compared.drift_problem,
        "live": None if compared.live is None else live_document(compared.live),
        "live_problem": compared.live_problem,
        "inputs": {side: None if table is None else asdict(table) for side, table in compared.inputs.items()},
        "model": None if compared.model is None else asdict(compared.model),
        "tests": [sealed_report(report) for report in material.tests],
        "card": material.card,
        "checks": [check_to_json(check) for check in checks],
        "policy_in_words": policy_in_words,
    }


def _dataset(dataset: Dataset) -> dict[str, Any]:
    """Everything but the names of its columns, which the digest covers."""
    return {name: value for name, value in asdict(dataset).items() if name != "columns"}
