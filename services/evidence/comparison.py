"""Compares a candidate with the current version on the same rows and says what a reviewer may conclude."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace

import numpy as np

from services.errors import InvalidInputError
from services.evidence.aspects.calibration import calibration_findings, calibration_of
from services.evidence.aspects.fairness import fairness_findings, fairness_tables
from services.evidence.aspects.leaks import TrainingRows, leak_findings
from services.evidence.aspects.oddities import decisive_findings, perfect_findings
from services.evidence.aspects.slices import (
    Whole,
    is_categorical,
    least_loss,
    slice_columns,
    slice_findings,
    slice_lines,
    unsliced,
)
from services.evidence.findings import Finding
from services.evidence.guards import agreed_columns, cluster_findings, estimability_findings, reversed_findings
from services.evidence.judgement import difference_in_words, recommend, row_findings, standing_in_words
from services.evidence.measures.curves import curves_of
from services.evidence.measures.estimates import Difference, Outcome, outcome_of, power_of, win_probability
from services.evidence.measures.metrics import PRIMARY, Paired, Settings, paired_metrics
from services.evidence.measures.ranking import rank_order, same_ranking
from services.evidence.record import (
    Bootstrap,
    Calibration,
    Comparison,
    FairnessTable,
    Inputs,
    MetricLine,
    PowerLine,
    PublishedRule,
    Recommendation,
    SliceLine,
    finite,
    gap_of,
)
from services.evidence.resampling.bootstrap import Draw, Resampled, paired_auc, paired_sums
from services.evidence.resampling.published import DEFAULT_BAR, replay, rule_of
from services.evidence.rows.alignment import Aligned, align
from services.evidence.rows.digests import inputs_digest
from services.evidence.rows.inputs import Predictions, Task

ENOUGH_GROUPS = 30
"""Suspected groups are used for the tests of harm from this number on: of fewer the spread is not known."""


@dataclass(frozen=True)
class Options:
    """How to compare. All of it is recorded."""

    metric: str | None = None
    """Primary metric; None: auc (binary), accuracy (several classes), rmse (regression)."""
    margin: float = 0.0
    """A difference up to this size does not matter, in the metric's unit."""
    slice_margin: float | None = None
    """What a segment may lose; None: as `margin`, and at least a hundredth (see `slices.least_loss`)."""
    resamples: int = 1000
    seed: int = 0
    bar: float = DEFAULT_BAR
    slices: tuple[str, ...] | None = None
    """Columns to slice by; None: all further columns that split the rows into few segments."""
    fairness: tuple[str, ...] | None = None
    """Columns for the fairness tables; None: the slice columns."""
    accept_not_worse: bool = False
    """Recommend a candidate that is shown to be not worse (within the margin), for example a fresher one."""
    replay_reference: bool = False
    """Judge the published rule on the reference's own random stream (binary, slower)."""
    stratified: bool = False
    """Keep the number of positives in each resample (binary)."""
    settings: Settings = field(default_factory=Settings)
    with_curves: bool = True


def compare(
    candidate: Predictions,
    current: Predictions,
    *,
    task: Task | str = Task.BINARY,
    margin: float | None = None,
    options: Options | None = None,
    training: TrainingRows | None = None,
    positive: str | None = None,
) -> Comparison:
    """Compare two versions' predictions on the same rows.

    Raises InvalidInputError when nothing can be compared (no common row, no label, wrong columns); everything that
    can be compared but should not be trusted becomes a finding.
    """
    chosen = options or Options()
    chosen = chosen if margin is None else replace(chosen, margin=margin)
    named = replace(candidate, name="candidate"), replace(current, name="current")
    rows = align(*named, task=Task(task), positive=positive)
    return compare_aligned(rows, chosen, training=training)


def compare_aligned(
    rows: Aligned, options: Options, *, training: TrainingRows | None = None, has_current: bool = True
) -> Comparison:
    """As `compare`, on rows that are matched already; `has_current` False: current is a heuristic, not a model."""
    metrics = _metrics(rows, options)
    primary = metrics[0]
    difference = _difference(primary, rows)
    verdict = outcome_of(difference, margin=options.margin, higher_is_better=primary.higher_is_better)
    resampled = _resampled(rows, primary, options)
    calibration = calibration_of(rows) if rows.task is Task.BINARY else None
    findings = [*rows.findings, *row_findings(rows, has_current=has_current), *leak_findings(rows, training)]
    clustered, suspected = cluster_findings(rows, primary, verdict, margin=options.margin)
    careful = replace(rows, groups=suspected.groups) if suspected and suspected.count >= ENOUGH_GROUPS else rows
    harms = calibration_findings(careful, calibration, metrics)
    hidden = frozenset({suspected.source}) if suspected else frozenset[str]()
    whole = Whole(
        primary.name,
        primary.higher_is_better,
        difference,
        least_loss(primary, margin=options.margin, own=options.slice_margin),
    )
    wanted = slice_columns(rows, options.slices, skip=hidden)
    columns, disputed = agreed_columns(rows, wanted, asked=options.slices)
    slices = slice_lines(careful, columns, settings=options.settings, whole=whole, asked=bool(options.slices))
    fairness = _fairness(rows, options, skip=hidden)
    findings += [
        *clustered,
        *disputed,
        *estimability_findings(difference),
        *reversed_findings(rows, primary),
        *perfect_findings(rows, primary),
        *decisive_findings(rows, primary, verdict, settings=options.settings, margin=options.margin),
        *harms,
        *slice_findings(slices),
    ]
    findings += fairness_findings(fairness, rows)
    parts = _Parts(
        metrics, difference, verdict, resampled, calibration, tuple(findings), slices, fairness, whole.margin,
        unsliced(rows, columns, asked=options.slices, grouped_by=hidden),
    )  # fmt: skip
    return _record(rows, options, parts)


@dataclass(frozen=True)
class _Parts:
    metrics: tuple[Paired, ...]
    difference: Difference
    verdict: Outcome
    resampled: Resampled
    calibration: Calibration | None
    findings: tuple[Finding, ...]
    slices: tuple[SliceLine, ...]
    fairness: tuple[FairnessTable, ...]
    slice_margin: float
    unsliced: tuple[str, ...] = ()


def _metrics(rows: Aligned, options: Options) -> tuple[Paired, ...]:
    metrics = paired_metrics(rows, options.settings)
    wanted = (options.metric or PRIMARY[rows.task]).casefold()
    first = [paired for paired in metrics if paired.name == wanted]
    if not first:
        known = ", ".join(paired.name for paired in metrics)
        raise InvalidInputError(
            f"The metric {options.metric!r} cannot be computed from these columns.",
            hint=f"Possible: {known}.",
            code="metric",
        )
    return (*first, *(paired for paired in metrics if paired.name != wanted))


def _difference(primary: Paired, rows: Aligned) -> Difference:
    """The paired difference; without spread only an equal ranking is certain, two perfect AUCs are not."""
    difference = primary.difference(rows.labels, rows.groups)
    if primary.name != "auc" or difference.standard_error != 0:
        return difference
    assert rows.candidate is not None  # noqa: S101 - an AUC has scores
    assert rows.current is not None  # noqa: S101 - as above
    if same_ranking(rank_order(rows.candidate), rank_order(rows.current)):
        return difference
    return replace(difference, low=float("nan"), high=float("nan"), p_value=float("nan"))


def _draw(rows: Aligned, options: Options) -> Draw:
    strata = rows.labels.astype(np.int64) if options.stratified and rows.groups is None else None
    return Draw(options.resamples, options.seed, rows.groups, strata if rows.task is Task.BINARY else None)


def _resampled(rows: Aligned, primary: Paired, options: Options) -> Resampled:
    draw = _draw(rows, options)
    if primary.metric is not None and primary.columns is not None:
        return paired_sums(primary.metric, *primary.columns, draw, weights=rows.weights)
    if primary.name != "auc":
        nothing = np.full(options.resamples, np.nan)
        return Resampled(nothing, nothing, "none")
    assert rows.candidate is not None  # noqa: S101 - an AUC has scores
    assert rows.current is not None  # noqa: S101 - as above
    return paired_auc(rows.labels, rows.candidate, rows.current, draw, weights=rows.weights)


def _fairness(rows: Aligned, options: Options, *, skip: frozenset[str]) -> tuple[FairnessTable, ...]:
    if rows.task is not Task.BINARY:
        return ()
    asked = options.fairness if options.fairness is not None else options.slices
    columns = slice_columns(rows, asked, skip=skip, role="slice" if options.fairness is None else "fairness")
    if asked is None:
        columns = {name: values for name, values in columns.items() if is_categorical(values)}
    return fairness_tables(rows, columns, options.settings)


def _published(rows: Aligned, options: Options, parts: _Parts) -> PublishedRule:
    primary = parts.metrics[0]
    if options.replay_reference and primary.name == "auc" and rows.candidate is not None and rows.current is not None:
        again = replay(rows.labels, rows.candidate, rows.current, resamples=options.resamples, seed=options.seed)
        return rule_of(again, bar=options.bar, seed=options.seed)
    return rule_of(parts.resampled, bar=options.bar, seed=options.seed, higher_is_better=primary.higher_is_better)


def _bootstrap(rows: Aligned, options: Options, resampled: Resampled) -> Bootstrap:
    low, high = resampled.interval()
    unit = "groups" if rows.groups is not None else "rows within classes" if options.stratified else "rows"
    return Bootstrap(
        options.resamples, options.seed, resampled.engine, unit, finite(low), finite(high), resampled.not_computable
    )


def _metric_line(paired: Paired, rows: Aligned) -> MetricLine:
    difference = paired.difference(rows.labels, rows.groups)
    return MetricLine(
        paired.name,
        paired.higher_is_better,
        finite(paired.candidate.value),
        finite(paired.current.value),
        gap_of(difference),
        finite(difference.p_value),
    )


def _advice(options: Options, parts: _Parts) -> tuple[Recommendation, str]:
    primary, difference = parts.metrics[0], parts.difference
    figures = np.array([primary.candidate.value, primary.current.value])
    said = difference_in_words(primary.name, difference.value, (difference.low, difference.high), figures=figures)
    standing = standing_in_words(difference, margin=options.margin, higher_is_better=primary.higher_is_better)
    return recommend(
        parts.verdict, list(parts.findings), said, standing=standing, accept_not_worse=options.accept_not_worse
    )


def _power(rows: Aligned, options: Options, difference: Difference) -> PowerLine:
    power = power_of(difference, rows.rows, margin=options.margin)
    return PowerLine(finite(power.detectable_difference), power.rows_needed, power.target)


def _record(rows: Aligned, options: Options, parts: _Parts) -> Comparison:
    primary, difference = parts.metrics[0], parts.difference
    up = primary.higher_is_better
    wins, ties, losses = parts.resampled.score(higher_is_better=up)
    recommendation, reason = _advice(options, parts)
    return Comparison(
        task=rows.task.value,
        metric=primary.name,
        higher_is_better=up,
        rows=rows.rows,
        positives=int(rows.labels.sum()) if rows.task is Task.BINARY else None,
        candidate=finite(primary.candidate.value),
        current=finite(primary.current.value),
        verdict=parts.verdict,
        recommendation=recommendation,
        reason=reason,
        margin=options.margin,
        difference=gap_of(difference),
        p_value=finite(difference.p_value),
        win_probability=finite(win_probability(difference, higher_is_better=up)),
        win_rate=wins / (wins + ties + losses) if wins + ties + losses else None,
        wins=wins,
        ties=ties,
        losses=losses,
        published_rule=_published(rows, options, parts),
        bootstrap=_bootstrap(rows, options, parts.resampled),
        power=_power(rows, options, difference),
        seed=options.seed,
        resamples=options.resamples,
        findings=parts.findings,
        metrics=tuple(_metric_line(paired, rows) for paired in parts.metrics),
        slices=parts.slices,
        fairness=parts.fairness,
        calibration=parts.calibration,
        inputs=Inputs(inputs_digest(rows), rows.candidate_rows, rows.current_rows, rows.rate),
        curves=curves_of(rows) if options.with_curves else {},
        settings=dataclasses.asdict(options),
        slice_margin=parts.slice_margin,
        coverage=replace(rows.coverage, columns=parts.unsliced),
    )


__all__ = ["Comparison", "Options", "compare", "compare_aligned"]
