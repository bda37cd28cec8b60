"""What is read from outside before a request is sealed, and read again before each effect.

All network work happens here, before any transaction is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from services.catalogue.model_card import CARD, CARD_LIMIT
from services.catalogue.test_reports.artifacts import read_reports
from services.comparisons.held_out import HeldOutPredictions, PredictionsFile
from services.domain import datasets, test_results
from services.domain.catalogue import TestReport
from services.domain.model_metrics import MetricValue, confirmed, known_metrics, metrics_of
from services.domain.policy import Environment, PipelineTarget
from services.domain.promotions.plan import Plan
from services.domain.promotions.target import target_state
from services.domain.registry import MetricEntry, ModelVersion, RegistrySnapshot, Run, VersionKey
from services.domain.releases import ReleaseDefinition, RunStart
from services.errors import ConflictError, NotFoundError, PortalError, UpstreamError
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader

Generation = Callable[[str, str], int]
"""Model and environment to how often what is live there has changed."""


@dataclass(frozen=True)
class Material:
    """The facts of one version and its target at one moment."""

    version: ModelVersion
    run: Run | None
    holders: RegistrySnapshot
    artifact_digest: str | None
    artifact_problem: str
    tests: tuple[TestReport, ...]
    card: str | None
    predictions: PredictionsFile | None
    predictions_problem: str
    metrics: Mapping[str, MetricValue]
    """The version's own metrics, each with its source, or unknown and why."""
    release: ReleaseDefinition | None = None
    """None without a pipeline, or where no Azure DevOps organization is set."""
    generation: int | None = None
    """How often what is live in the target has changed; None where nobody counts."""

    @property
    def current_version(self) -> int | None:
        """The version that holds the target now."""
        return self.holders.current

    @property
    def also_in_stage(self) -> tuple[int, ...]:
        """Further versions in the stage where no alias speaks: they are live too, and nothing is compared with them."""
        if self.holders.alias_version is not None:
            return ()
        return tuple(sorted(set(self.holders.in_stage) - {self.current_version, self.version.version}))


class MaterialReader:
    """Reads the material of a version, always fresh."""

    def __init__(
        self, registry: RegistryReader, held_out: HeldOutPredictions, *,
        pipelines: ReleasePipelines | None = None, generation: Generation | None = None,
    ) -> None:  # fmt: skip
        self.registry = registry
        self.held_out = held_out
        self._pipelines = pipelines
        self._generation = generation

    def read(self, key: VersionKey, environment: Environment, *, commit: str | None = None) -> Material:
        """Everything of one version; of its pipeline at `commit`, or at the head of its branch.

        Raises NotFoundError, ConflictError (not ready), UpstreamError.
        """
        version = self.registry.version(key)
        if version.status != "READY":
            raise ConflictError(f"{key} is {version.status}, not READY.", hint="Wait until MLflow has registered it.")
        run = self.registry.runs([version.run_id]).get(version.run_id) if version.run_id else None
        digest, digest_problem = self._digest(key)
        predictions, predictions_problem = self.predictions(key, run)
        return Material(
            version=version,
            run=run,
            holders=self.registry.holders(key.model, stage=environment.stage, alias=environment.alias),
            artifact_digest=digest,
            artifact_problem=digest_problem,
            tests=self._tests(version, run),
            card=self._card(run),
            predictions=predictions,
            predictions_problem=predictions_problem,
            metrics=self._metrics(version, run),
            release=self._release(environment.pipeline, commit),
            generation=self._generation(key.model, environment.name) if self._generation else None,
        )

    def _metrics(self, version: ModelVersion, run: Run | None) -> dict[str, MetricValue]:
        """With the runs' histories looked at: MLflow shows the greatest of values of one step and time."""

        def history(run_id: str, name: str) -> Sequence[MetricEntry]:
            try:
                return self.registry.metric_history(run_id, name)
            except NotFoundError:
                return ()

        return confirmed(metrics_of(version, run), run, history)

    def _release(self, pipeline: PipelineTarget | None, commit: str | None) -> ReleaseDefinition | None:
        """What the pipeline consists of now. Raises UpstreamError: a plan without it is not sealed in silence."""
        if pipeline is None or self._pipelines is None:
            return None
        return self._pipelines.definition(probe_start(pipeline, commit))

    def predictions(self, key: VersionKey, run: Run | None) -> tuple[PredictionsFile | None, str]:
        """The held-out predictions of a version, or why there are none."""
        return _found(lambda: self.held_out.of_version(key, run.run_id if run else "", fresh=True))

    def training_sample(self, run: Run | None) -> tuple[PredictionsFile | None, str]:
        """The sample of the training data that the run kept, or why there is none."""
        if run is None:
            return None, "The version has no run, so no sample of its training data."
        return _found(lambda: self.held_out.training_sample(run.run_id))

    def _digest(self, key: VersionKey) -> tuple[str | None, str]:
        try:
            return self.registry.artifact_digest(key), ""
        except UpstreamError as error:
            if error.retryable:
                raise
            return None, error.sentence()
        except PortalError as error:
            return None, error.sentence()

    def _tests(self, version: ModelVersion, run: Run | None) -> tuple[TestReport, ...]:
        of_run = read_reports(self.registry, run.run_id) if run else ()
        return of_run + test_results.reports_from_tags(version.tags)

    def _card(self, run: Run | None) -> str | None:
        if run is None:
            return None
        try:
            return self.registry.read_artifact(run.run_id, CARD, limit=CARD_LIMIT).decode("utf-8", "replace")
        except NotFoundError:
            return None


def _found(fetch: Callable[[], PredictionsFile]) -> tuple[PredictionsFile | None, str]:
    try:
        return fetch(), ""
    except UpstreamError:
        raise
    except PortalError as error:
        return None, error.sentence()


def probe_start(pipeline: PipelineTarget, commit: str | None = None) -> RunStart:
    """A start that is never sent: the YAML is expanded with it, so its parameters are always the same."""
    own = dict.fromkeys(("modelName", "requestId", "planDigest", "artifactDigest"), "preview") | {"modelVersion": "0"}
    return RunStart(
        pipeline.project, pipeline.pipeline_id, pipeline.branch, "preview", {**pipeline.parameters, **own},
        datetime.fromtimestamp(0, UTC), pipeline.kind, commit,
    )  # fmt: skip


def build_plan(material: Material, environment: Environment, *, policy_digest: str, evidence_digest: str) -> Plan:
    """The plan out of what was read: the same material always gives the same plan."""
    version, pipeline = material.version, environment.pipeline
    return Plan(
        model=version.model,
        version=version.version,
        version_created=version.created.isoformat(),
        run_id=version.run_id,
        artifact_digest=material.artifact_digest,
        metrics=known_metrics(material.metrics),
        dataset_digests=_datasets(material),
        test_results={t.title: test_results.line_of(t) for t in material.tests},
        environment=environment.name,
        stage=environment.stage,
        alias=environment.alias,
        current_version=material.current_version,
        registry_order=environment.registry.value,
        pipeline_project=pipeline.project if pipeline else None,
        pipeline_id=pipeline.pipeline_id if pipeline else None,
        pipeline_parameters=dict(pipeline.parameters) if pipeline else {},
        policy_digest=policy_digest,
        evidence_digest=evidence_digest,
        generation=material.generation,
        target=target_state(material.holders, version.version, stage=environment.stage).as_dict(),
        release=material.release.as_dict() if material.release else None,
    )


def _datasets(material: Material) -> dict[str, str]:
    found = datasets.named(material.run.datasets) if material.run else {}
    if material.predictions:
        found["held-out predictions"] = material.predictions.digest
    return found
