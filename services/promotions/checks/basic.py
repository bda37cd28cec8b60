"""Checks on the registry, the run and the overall comparison."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalogue import model_card as model_card_text
from services.domain import test_results
from services.domain.checks import Check, Verdict
from services.domain.examined import Examined, LeftOut
from services.domain.model_metrics import MetricValue
from services.domain.policy import CheckRule
from services.evidence.findings import HARMS, Severity
from services.evidence.measures.estimates import Outcome
from services.evidence.record import Comparison, Recommendation
from services.promotions.checks.coverage import lost_rows
from services.promotions.checks.facts import COMPARE, RUN, VERSION, Compared, Line, number, texts
from services.promotions.material import Material

DIGEST_TAG = "countersign.artifact_digest"
"""A version tag that whoever registered the model may set; the files must still have that digest."""


def artifact_digest(rule: CheckRule, material: Material, _: Compared) -> Check:
    """The files are hashed, and have the digest that was noted when the version was registered, where one was."""
    noted = material.version.tags.get(DIGEST_TAG, "")
    line = Line(rule, "Artifact digest", "model files", VERSION, noted)
    now = material.artifact_digest
    if now is None:
        return line.unknown(f"The model's files could not be hashed. {material.artifact_problem}")
    if noted and noted != now:
        return line.judged(False, "The files were replaced after registration.", now)
    return line.judged(True, "The model's files are hashed; a changed byte voids the signatures.", now)


def tests_passed(rule: CheckRule, material: Material, _: Compared) -> Check:
    """Every report was read whole, agrees with itself, and no test in it failed; and there are some."""
    found = test_results.judge(material.tests)
    source = ", ".join(report.source for report in material.tests) or "run artifacts below tests, version tags"
    return Check(
        "Tests", found.verdict, found.sentence, found.value, "no failures", source,
        enforcement=rule.enforcement, examined=found.examined,
    )  # fmt: skip


def metric_floor(rule: CheckRule, material: Material, _: Compared) -> Check:
    """A metric of the version within `at_least` and `at_most`; `dataset` (name or digest) says measured on what."""
    metric, wanted = str(rule.settings.get("metric", "")), str(rule.settings.get("dataset", ""))
    bounds = [(name, bound) for name in ("at_least", "at_most") if (bound := number(rule.settings, name)) is not None]
    threshold = " and ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in bounds)
    found = material.metrics.get(metric)
    found = found.on(wanted) if found is not None and wanted else found
    line = Line(rule, f"Metric {metric}", _source(found, material), RUN, threshold)
    if not bounds:
        return line.unknown(f"The policy requires {metric} but sets neither at_least nor at_most.")
    if found is None:
        return line.unknown(f"The version has no metric {metric}.")
    if found.by_dataset:
        return _on_each(line, found, bounds)
    if found.value is None:
        return line.unknown(f"{metric} is unknown: {found.why_unknown}.")
    on = f" on {found.dataset}" if found.dataset else ""
    sentence = f"{metric} is {found.value:.4f}{on}; the policy requires {threshold}."
    return line.judged(_is_within(found.value, bounds), sentence, f"{found.value:.4f}")


Bounds = Sequence[tuple[str, float]]


def _is_within(value: float, bounds: Bounds) -> bool:
    return all(value >= bound if name == "at_least" else value <= bound for name, bound in bounds)


def _source(found: MetricValue | None, material: Material) -> str:
    if found is not None and found.source:
        return found.source
    return f"run {material.run.run_id}" if material.run else ""


def _on_each(line: Line, found: MetricValue, bounds: Bounds) -> Check:
    """Measured on several data sets: judged only where the verdict is the same on each."""
    sentence = f"{found.why_unknown}; the policy requires {line.threshold}."
    verdicts = {part.value is not None and _is_within(part.value, bounds) for part in found.by_dataset}
    if len(verdicts) > 1:
        return line.unknown(f"{sentence} Name the data set in the policy (dataset).")
    shown = ", ".join(f"{part.value:.4f}" for part in found.by_dataset if part.value is not None)
    return line.judged(verdicts == {True}, sentence, shown)


def model_card(rule: CheckRule, material: Material, _: Compared) -> Check:
    """A model card is kept with the run, with text below the headings that the policy names."""
    card = (material.card or "").strip()
    wanted = texts(rule.settings, "headings")
    line = Line(rule, "Model card", "run artifact", "", f"text below: {', '.join(wanted)}" if wanted else "present")
    if not card:
        return line.judged(False, "No model card: log model_card.md with the run.", "missing")
    found, value = model_card_text.written(card), f"{len(card)} characters"
    if not found.has_text:
        return line.judged(False, "The card contains only headings, metadata and place-holders.", value)
    missing = [why for name in wanted if (why := found.missing(name))]
    sentence = f"The card has no text below: {', '.join(missing)}." if missing else "The model card is complete."
    return line.judged(not missing, sentence, value)


def documentation(rule: CheckRule, material: Material, _: Compared) -> Check:
    """Description, card and tags that the policy names are there: `description: true`, `card: true`, `tags: […]`."""
    tags = texts(rule.settings, "tags")
    wanted = {f"tag {name}": material.version.tags.get(name, "") for name in tags}
    if rule.settings.get("description"):
        wanted["description"] = material.version.description
    if rule.settings.get("card"):
        wanted["model card"] = (material.card or "") if model_card_text.written(material.card or "").has_text else ""
    line = Line(rule, "Documentation", "version, run", VERSION, ", ".join(wanted))
    if not wanted:
        return line.unknown("The policy requires documentation but names none of description, card, tags.")
    missing = [name for name, text in wanted.items() if not _is_given(name, text)]
    sentence = (
        f"Missing, or only a place-holder: {', '.join(missing)}." if missing else "All required documentation exists."
    )
    return line.judged(not missing, sentence, f"{len(wanted) - len(missing)} of {len(wanted)} there")


def _is_given(name: str, text: str) -> bool:
    return bool(text) if name == "model card" else any(map(model_card_text.is_written, text.splitlines()))


def lineage_complete(rule: CheckRule, material: Material, _: Compared) -> Check:
    """Run, training data, author and commit are known."""
    run = material.run
    training = run.training_data if run else ()
    known = {
        "the run": run is not None,
        "the training data set": bool(training) and all(dataset.best_digest for dataset in training),
        "the author": bool(run and run.user),
        "the Git commit": bool(run and run.git_commit),
    }
    missing = [what for what, is_there in known.items() if not is_there]
    others = [dataset for dataset in (run.datasets if run else ()) if not dataset.is_training]
    verdict = Verdict.FAIL if missing else Verdict.PASS
    sentence = f"Unknown: {', '.join(missing)}." if missing else "Run, data set, author and commit are known."
    if others and not training:
        named = ", ".join(f"{dataset.name} ({dataset.context or 'no context'})" for dataset in others)
        sentence += f" Logged, but not as training data: {named}."
    value = f"{len(known) - len(missing)} of {len(known)} known"
    return Check("Lineage", verdict, sentence, value, "all known", "run", enforcement=rule.enforcement)


_VERDICTS = {Outcome.CANNOT_TELL: "inconclusive", Outcome.NOT_WORSE: "not worse"}


def _measured(result: Comparison) -> str:
    """Like ``better overall: auc +0.0120 (95% CI +0.0098 to +0.0162)``: the verdict alone hides how much."""
    verdict, gap = _VERDICTS.get(result.verdict, result.verdict.value), result.difference
    if gap.value is None:
        return verdict
    interval = "" if gap.low is None or gap.high is None else f" ({gap.level:.0%} CI {gap.low:+.4f} to {gap.high:+.4f})"
    return f"{verdict} overall: {result.metric} {gap.value:+.4f}{interval}"


def _also_live(compared: Compared) -> tuple[LeftOut, ...]:
    """Further versions in the stage where no alias says which one is live: the candidate was compared with one."""
    why = "it is in the stage as well, and the candidate was compared with the newest one only"
    return tuple(LeftOut(f"v{number}", why) for number in compared.also_live)


_SETTLED = HARMS | {"identical", "constant_scores"}
"""Blocking findings that say something about the candidate; all others say that the evidence cannot be used."""


def _cannot_be_used(result: Comparison) -> bool:
    """Nothing was measured, or what was measured rests on evidence that says nothing."""
    blocking = (finding for finding in result.findings if finding.severity is Severity.BLOCKING)
    return result.candidate is None or any(finding.kind not in _SETTLED for finding in blocking)


def comparison(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """The recommendation of the comparison; the first version is judged against a threshold or a constant."""
    name = "Comparison with a baseline" if compared.is_first else "Comparison with live"
    line = Line(rule, name, "held-out predictions", COMPARE, "better" if compared.is_first else "not worse")
    if compared.result is None:
        return line.unknown(f"Could not be compared. {compared.problem}".strip())
    value, advice = _measured(compared.result), compared.result.recommendation
    examined = Examined(left_out=(*lost_rows(compared.result), *_also_live(compared)))
    if advice is Recommendation.HOLD and _cannot_be_used(compared.result):
        return line.unknown(f"Cannot be judged. {compared.result.reason}", examined=examined)
    if advice is Recommendation.HOLD:
        return line.warned(compared.result.reason, value, examined=examined)
    return line.judged(advice is Recommendation.PROMOTE, compared.result.reason, value, examined=examined)
