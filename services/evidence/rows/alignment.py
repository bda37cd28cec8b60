"""Matches two versions' predictions row by row, and says what does not fit. Nothing is averaged away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from services.errors import InvalidInputError
from services.evidence.arrays import FloatArray, IntArray
from services.evidence.findings import Finding, Severity, lost_rows, owner
from services.evidence.rows.coverage import Coverage, coverage_of, numbered
from services.evidence.rows.ids import respelt
from services.evidence.rows.inputs import Predictions, Task
from services.evidence.rows.labels import Coding, binary_coding, class_coding, missing_or_infinite, numbers
from services.evidence.rows.tables import Column, canonical_texts, kept_by_hash
from services.evidence.rows.weights import in_range, shared_weights, unweighted


@dataclass(frozen=True)
class Aligned:
    """The same n rows under both versions, sorted by id.

    `labels`: 0/1, class code or value, [n]. `candidate`, `current`: scores [n], or [n, k] in the order of `classes`,
    or None where only decisions are known. `*_decided`: predicted class codes [n] or None. `groups`: codes or None.
    """

    task: Task
    ids: Column
    labels: FloatArray
    candidate: FloatArray | None
    current: FloatArray | None
    classes: tuple[str, ...] = ()
    candidate_decided: FloatArray | None = None
    current_decided: FloatArray | None = None
    weights: FloatArray | None = None
    groups: IntArray | None = None
    further: Mapping[str, Column] = field(default_factory=dict)
    disputed: Mapping[str, int] = field(default_factory=dict)
    """Further columns in which the two tables differ, and in how many rows; `further` has the current's values."""
    findings: tuple[Finding, ...] = ()
    candidate_rows: int = 0
    current_rows: int = 0
    rate: float = 1.0
    places: tuple[IntArray, IntArray] | None = None
    """Where each row stood in the candidate's and the current version's table, while rows are matched."""
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def rows(self) -> int:
        """Rows compared."""
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.bool_]) -> Aligned:
        """The rows where the mask is true; group codes are kept."""

        def part(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else values[rows]

        return replace(
            self,
            ids=self.ids[rows],
            labels=self.labels[rows],
            candidate=part(self.candidate),
            current=part(self.current),
            candidate_decided=part(self.candidate_decided),
            current_decided=part(self.current_decided),
            weights=part(self.weights),
            groups=None if self.groups is None else self.groups[rows],
            places=None if self.places is None else (self.places[0][rows], self.places[1][rows]),
            further={name: values[rows] for name, values in self.further.items()},
        )


def align(
    candidate: Predictions, current: Predictions, *, task: Task = Task.BINARY, positive: str | None = None
) -> Aligned:
    """Rows of both tables matched by id, in order of id; raises InvalidInputError when no row matches.

    Rows with duplicate conflicting ids, conflicting labels, or missing values are left out and reported.
    """
    rate = min(candidate.rate, current.rate)
    sides = [numbered(_thinned(side, rate)) for side in (candidate, current)]
    findings = [finding for side in sides for finding in side.findings] + _sample_findings(sides, rate)
    cleaned = []
    for side in sides:
        clean, more = _without_duplicates(side)
        cleaned.append(clean)
        findings += more
    left, right, more = _matched(cleaned[0], cleaned[1])
    findings += more
    coding = _coding(left, right, task, positive)
    findings += coding.findings
    both, more = _combined(left, right, task, coding)
    findings += more
    kept, more = _without_missing(both, findings)
    return replace(
        kept,
        findings=(*findings, *more),
        candidate_rows=candidate.rows_total,
        current_rows=current.rows_total,
        rate=rate,
        places=None,
        coverage=coverage_of((sides[0], sides[1]), kept.places, rate),
    )


def _thinned(side: Predictions, rate: float) -> Predictions:
    return side if side.rate <= rate else _take(side, kept_by_hash(side.ids, rate))


def _take(side: Predictions, rows: npt.NDArray[np.bool_] | IntArray) -> Predictions:
    def part(values: Column | None) -> Column | None:
        return None if values is None else values[rows]

    return replace(
        side,
        ids=side.ids[rows],
        labels=part(side.labels),
        scores=part(side.scores),
        decided=part(side.decided),
        weights=part(side.weights),
        groups=part(side.groups),
        places=part(side.places),
        further={name: values[rows] for name, values in side.further.items()},
    )


def _sample_findings(sides: list[Predictions], rate: float) -> list[Finding]:
    if rate >= 1:
        return []
    total = max(side.rows_total for side in sides)
    sentence = (
        f"The tables are large ({total:,} rows): a fixed sample by row id, about {rate:.3%} of the rows, is compared."
    )
    return [Finding("sampled", Severity.INFO, "both", sentence)]


def _without_duplicates(side: Predictions) -> tuple[Predictions, list[Finding]]:
    """Equal copies of a row are kept once; an id with conflicting rows is left out entirely; so is a missing id."""
    findings = []
    missing = np.asarray([text is None for text in side.ids.tolist()], dtype=bool)
    if missing.any():
        sentence = f"Rows without a row id, left out: {int(missing.sum()):,}."
        findings.append(lost_rows("missing_values", side.name, int(missing.sum()), side.rows, sentence))
        side = _take(side, ~missing)
    _, first, inverse, counts = np.unique(
        side.ids.astype(str), return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) == side.rows:
        return side, findings
    conflict = _conflicting(side, first, inverse)
    copies = side.rows - len(first)
    findings.append(_duplicate_finding(side, copies, int(conflict.sum()), int(counts[conflict].sum())))
    return _take(side, np.sort(first[~conflict])), findings


def _conflicting(side: Predictions, first: IntArray, inverse: IntArray) -> npt.NDArray[np.bool_]:
    """Per distinct id: whether any of its rows differs from its first one in label, score or decision."""
    differs = np.zeros(side.rows, dtype=bool)
    reference = first[inverse]
    if side.labels is not None:
        texts = canonical_texts(side.labels)
        differs |= texts != texts[reference]
    if side.scores is not None:
        unequal = side.scores != side.scores[reference]
        unequal &= ~(np.isnan(side.scores) & np.isnan(side.scores[reference]))
        differs |= unequal if unequal.ndim == 1 else unequal.any(axis=1)
    if side.decided is not None:
        differs |= side.decided != side.decided[reference]
    return np.bincount(inverse, weights=differs, minlength=len(first)) > 0


def _duplicate_finding(side: Predictions, copies: int, conflicting_ids: int, conflicting_rows: int) -> Finding:
    if conflicting_ids == 0:
        sentence = f"{copies} rows repeat another row's id and values; each is counted once."
        return Finding("duplicate_rows", Severity.WARNING, side.name, sentence)
    sentence = (
        f"{conflicting_ids} row ids occur several times with different values ({conflicting_rows} rows); "
        "they are left out. If the id names a customer, give a row id and name the customer as the group."
    )
    return Finding("duplicate_rows", Severity.BLOCKING, side.name, sentence)


def _matched(left: Predictions, right: Predictions) -> tuple[Predictions, Predictions, list[Finding]]:
    common, places_left, places_right = _intersection(left, right)
    findings = []
    if len(common) == 0:
        left, right, said = respelt(left, right)
        common, places_left, places_right = _intersection(left, right)
        findings += [said] if said is not None and len(common) else []
    if len(common) == 0:
        _refuse_shared_ids(left, right)
        raise InvalidInputError(
            "The two tables have no row id in common.",
            hint=f"Ids look like {_sample(left)} and {_sample(right)}. Score the same rows, or name the id with --key.",
            code="misaligned",
        )
    findings += _partner_findings(left, right, len(common))
    return _take(left, places_left), _take(right, places_right), findings


def _refuse_shared_ids(*sides: Predictions) -> None:
    """A key is not a row id if each of its values occurs in several different rows."""
    for side in sides:
        if side.rows == 0 and side.rows_total > 0:
            raise InvalidInputError(
                f"The key of the {side.name} table does not tell its {side.rows_total:,} rows apart.",
                hint="Name a column that is unique in the table with --key.",
                code="duplicate_rows",
            )


def _intersection(left: Predictions, right: Predictions) -> tuple[Column, IntArray, IntArray]:
    return np.intersect1d(left.ids.astype(str), right.ids.astype(str), assume_unique=True, return_indices=True)


def _sample(side: Predictions) -> str:
    return repr(side.ids[0]) if side.rows else "nothing"


def _partner_findings(left: Predictions, right: Predictions, common: int) -> list[Finding]:
    findings = []
    for side, other in ((left, right), (right, left)):
        alone = side.rows - common
        if alone:
            sentence = (
                f"{alone} of {side.rows} rows of the {side.name} table are not in the {other.name} table; left out."
            )
            findings.append(lost_rows("misaligned", side.name, alone, side.rows, sentence))
    return findings


def _coding(left: Predictions, right: Predictions, task: Task, positive: str | None) -> Coding:
    labels = [side.labels for side in (left, right) if side.labels is not None]
    if not labels:
        raise InvalidInputError(
            "Neither table has a column with the label.", hint="Name it with --label.", code="column_missing"
        )
    if task is Task.REGRESSION:
        return Coding({}, ())
    decided = [side.decided for side in (left, right) if side.decided is not None]
    if task is Task.MULTICLASS:
        for side in (left, right):
            _refuse_foreign_classes(side, labels)
    if task is Task.BINARY:
        return binary_coding(*labels, *decided, positive=positive)
    return class_coding(*labels, *decided, further=left.score_classes + right.score_classes)


def _refuse_foreign_classes(side: Predictions, labels: list[Column]) -> None:
    """Raises where none of the predicted classes is a label: mostly probabilities in their place."""
    if side.decided is None:
        return
    known = {str(text).casefold() for column in labels for text in set(canonical_texts(column).tolist())}
    said = {text.casefold() for text in set(side.decided.tolist()) if text is not None}
    if said and not said & known:
        sample = ", ".join(text[:10] for text in sorted(said)[:3])
        raise InvalidInputError(
            f"None of the {side.name} table's predicted classes ({sample}, …) is a label.",
            hint="Give a column score_<class> for each class, or name the predicted class with --prediction.",
            code="labels",
        )


def _combined(left: Predictions, right: Predictions, task: Task, coding: Coding) -> tuple[Aligned, list[Finding]]:
    labels, findings = _labels(left, right, task, coding)
    candidate, more = _scores(left, task, coding)
    current, still_more = _scores(right, task, coding)
    weights, odd = shared_weights(left, right)
    groups, ungrouped = _groups(left, right)
    aligned = Aligned(
        task=task,
        ids=left.ids,
        labels=labels,
        candidate=candidate,
        current=current,
        classes=coding.classes,
        candidate_decided=_decided(left, coding),
        current_decided=_decided(right, coding),
        weights=in_range(weights),
        groups=None if groups is None else _group_codes(groups),
        further={**left.further, **right.further},
        disputed=_disputed(left, right),
        places=None if left.places is None or right.places is None else (left.places, right.places),
    )
    return aligned, [*findings, *more, *still_more, *odd, *ungrouped]


def _disputed(left: Predictions, right: Predictions) -> dict[str, int]:
    """Rows whose value in a column of both tables differs, by column; columns that agree are left out."""
    shared = [name for name in left.further if name in right.further]
    counts = {
        name: int((canonical_texts(left.further[name]) != canonical_texts(right.further[name])).sum())
        for name in shared
    }
    return {name: count for name, count in counts.items() if count}


def _labels(left: Predictions, right: Predictions, task: Task, coding: Coding) -> tuple[FloatArray, list[Finding]]:
    given = [side.labels for side in (left, right) if side.labels is not None]
    parsed = [numbers(v)[0] if task is Task.REGRESSION else coding.encode(canonical_texts(v)) for v in given]
    labels = parsed[0]
    if len(parsed) == 1:
        return labels, _unlabelled(labels)
    disagree = np.isfinite(labels) & np.isfinite(parsed[1]) & (labels != parsed[1])
    if task is Task.REGRESSION:
        disagree &= ~np.isclose(labels, parsed[1], rtol=1e-9, atol=0)
    labels = np.where(np.isnan(labels), parsed[1], labels)
    findings = _unlabelled(labels)
    if not disagree.any():
        return labels, findings
    lost = int(disagree.sum())
    sentence = (
        f"{lost} rows have the same id but different labels in the tables; left out: other rows, or other positives?"
    )
    findings.append(Finding("misaligned", Severity.BLOCKING, "both", sentence))
    return np.where(disagree, np.nan, labels), findings


def _unlabelled(labels: FloatArray) -> list[Finding]:
    lost = int((~np.isfinite(labels)).sum())
    if not lost:
        return []
    sentence = f"{lost} of {len(labels)} rows have no usable label; left out."
    return [lost_rows("missing_values", "label", lost, len(labels), sentence)]


def _scores(side: Predictions, task: Task, coding: Coding) -> tuple[FloatArray | None, list[Finding]]:
    if task is Task.BINARY and side.scores is None and side.decided is not None:
        sentence = f"The {side.name} table has decisions only, no scores: the AUC rests on two values."
        return coding.encode(side.decided), [Finding("no_scores", Severity.WARNING, side.name, sentence)]
    if task is not Task.MULTICLASS or side.scores is None:
        return side.scores, []
    spread = np.zeros((side.rows, len(coding.classes)))
    for place, name in enumerate(side.score_classes):
        spread[:, coding.codes[name.casefold()]] = side.scores[:, place]
    known = {name.casefold() for name in side.score_classes}
    lacking = [name for name in coding.classes if name.casefold() not in known]
    if not lacking:
        return spread, []
    sentence = f"The {side.name} table has no scores for {', '.join(lacking[:5])}; their probability counts as 0."
    return spread, [Finding("missing_class", Severity.WARNING, side.name, sentence)]


def _decided(side: Predictions, coding: Coding) -> FloatArray | None:
    return None if side.decided is None or not coding.codes else coding.encode(side.decided)


def _groups(left: Predictions, right: Predictions) -> tuple[Column | None, list[Finding]]:
    groups = left.groups if left.groups is not None else right.groups
    if groups is None and left.group_column is not None:
        raise InvalidInputError(
            f"Neither table has the group column {left.group_column!r}.",
            hint=f"Present: {', '.join(left.further) or 'no further columns'}.",
            code="column_missing",
        )
    alone = 0 if groups is None else groups.tolist().count(None)
    if groups is None or not alone:
        return groups, []
    sentence = f"{alone:,} of {len(groups):,} rows have no value of the group: each counts as a group of its own."
    return groups, [lost_rows("missing_values", "group", alone, len(groups), sentence)]


def _group_codes(groups: Column) -> IntArray:
    """Codes of groups; a row without a group is its own group."""
    texts: Iterable[str | None] = groups.tolist()
    named = [f"={text}" if text is not None else f"#{place}" for place, text in enumerate(texts)]
    return np.unique(np.asarray(named, dtype=str), return_inverse=True)[1].astype(np.int64)


def _without_missing(both: Aligned, said: list[Finding]) -> tuple[Aligned, list[Finding]]:
    findings: list[Finding] = []
    drop = missing_or_infinite(both.labels)
    for subject, scores in (("candidate", both.candidate), ("current", both.current)):
        if scores is None:
            continue
        bad = missing_or_infinite(scores)
        if bad.any():
            sentence = (
                f"{int(bad.sum())} of {both.rows} rows have no finite score from {owner(subject).lower()}; left out."
            )
            findings.append(lost_rows("missing_values", subject, int(bad.sum()), both.rows, sentence))
        drop |= bad
    if both.weights is not None:
        findings += unweighted(both.weights)
        drop |= ~np.isfinite(both.weights) | (both.weights <= 0)
    kept = both.take(~drop)
    if kept.rows == 0:
        raise InvalidInputError(
            "No row with a label and both scores is left.",
            hint=" ".join(finding.sentence for finding in (*said, *findings)) or "Score the evaluation data again.",
            code="nothing_left",
        )
    return kept, findings
