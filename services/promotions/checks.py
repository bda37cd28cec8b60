"""The checks that a policy can ask for. Each gives a value, a threshold, a verdict and one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services import reports
from services.domain.checks import Check, Enforcement, Verdict, worst_first
from services.domain.policy import CheckRule, PromotionPolicy
from services.promotions.material import Material


@dataclass(frozen=True)
class Compared:
    """The outcome of the comparison with what is live, as far as there is one."""

    result: Mapping[str, Any] | None
    """`Comparison.to_json()`; None when there is nothing to compare or it could not be done."""
    is_first: bool = False
    problem: str = ""


CheckFunction = Callable[[CheckRule, Material, Compared], Check]


def evaluate(policy: PromotionPolicy, material: Material, compared: Compared) -> tuple[Check, ...]:
    """All checks of a policy that are not off, worst first."""
    wanted = [rule for rule in policy.checks if rule.enforcement is not Enforcement.OFF]
    return worst_first(tuple(KINDS[rule.kind](rule, material, compared) for rule in wanted))


def _artifact_digest(rule: CheckRule, material: Material, _: Compared) -> Check:
    if material.artifact_digest is None:
        verdict, sentence = Verdict.UNKNOWN, f"The model's files could not be hashed. {material.artifact_problem}"
    else:
        verdict, sentence = Verdict.PASS, "The model's files are hashed; a changed byte voids the signatures."
    value = material.artifact_digest or "unknown"
    return Check("Artifact digest", verdict, sentence, value, "", "model files", enforcement=rule.enforcement)


def _tests_passed(rule: CheckRule, material: Material, _: Compared) -> Check:
    passed, failed = reports.totals(material.tests)
    if passed is None or failed is None:
        return Check(
            "Tests", Verdict.UNKNOWN, "No test results are kept with this version.", threshold="no failed test",
            source="run artifacts tests/*.xml, version tags", enforcement=rule.enforcement,
        )  # fmt: skip
    broken = [t.title for t in material.tests if t.failed or t.problem]
    verdict = Verdict.FAIL if failed else Verdict.PASS
    sentence = f"Failing: {', '.join(broken)}." if broken else "Every test passed."
    source = ", ".join(t.source for t in material.tests)
    value = f"{passed} passed, {failed} failed"
    return Check("Tests", verdict, sentence, value, "no failed test", source, enforcement=rule.enforcement)


def _metric_floor(rule: CheckRule, material: Material, _: Compared) -> Check:
    metric, floor = str(rule.settings.get("metric", "")), rule.settings.get("at_least")
    name, value = f"Metric {metric}", material.run.metrics.get(metric) if material.run else None
    source = f"run {material.version.run_id}" if material.run else ""
    if not isinstance(floor, int | float) or isinstance(floor, bool):
        sentence = f"The policy asks for {metric} and gives no at_least."
        return Check(name, Verdict.UNKNOWN, sentence, source=source, enforcement=rule.enforcement)
    threshold = f"at least {floor:g}"
    if value is None or value != value:  # noqa: PLR0124 - NaN
        sentence = f"The run has no metric {metric}."
        return Check(name, Verdict.UNKNOWN, sentence, "unknown", threshold, source, enforcement=rule.enforcement)
    verdict = Verdict.PASS if value >= floor else Verdict.FAIL
    sentence = f"{metric} is {value:.4f}; the policy asks for {threshold}."
    return Check(name, verdict, sentence, f"{value:.4f}", threshold, source, enforcement=rule.enforcement)


def _model_card(rule: CheckRule, material: Material, _: Compared) -> Check:
    card = (material.card or "").strip()
    wanted = [str(name) for name in rule.settings.get("headings", ())]
    threshold = f"text below: {', '.join(wanted)}" if wanted else "present"
    if not card:
        verdict, sentence, value = Verdict.FAIL, "No model card: log model_card.md with the run.", "missing"
    else:
        written = filled_headings(card)
        missing = [name for name in wanted if name.strip().lower() not in written]
        verdict = Verdict.FAIL if missing else Verdict.PASS
        sentence = f"The card says nothing below: {', '.join(missing)}." if missing else "A model card is kept."
        value = f"{len(card)} characters"
    return Check("Model card", verdict, sentence, value, threshold, "run artifact", enforcement=rule.enforcement)


_HEADING = re.compile(r"^#{1,6}\s+(?P<name>.+?)\s*#*\s*$")
_NOTHING = {"", "tbd", "todo", "unknown", "n/a", "none", "-", "…", "..."}


def filled_headings(markdown: str) -> set[str]:
    """Headings, in lower case, that have text below them or below a heading under them; a place-holder is none."""
    filled: set[str] = set()
    path: list[tuple[int, str]] = []
    for line in markdown.splitlines():
        found = _HEADING.match(line)
        if found:
            depth = len(line) - len(line.lstrip("#"))
            path = [(d, name) for d, name in path if d < depth] + [(depth, found["name"].lower().rstrip(":"))]
        elif line.strip().strip("*_.").lower() not in _NOTHING:
            filled.update(name for _, name in path)
    return filled


def _lineage_complete(rule: CheckRule, material: Material, _: Compared) -> Check:
    run = material.run
    missing = [
        what
        for what, is_there in (
            ("the run", run is not None),
            ("the training data set", bool(run and any(d.digest for d in run.datasets))),
            ("the author", bool(run and run.user)),
            ("the Git commit", bool(run and run.git_commit)),
        )
        if not is_there
    ]
    verdict = Verdict.FAIL if missing else Verdict.PASS
    sentence = f"Unknown: {', '.join(missing)}." if missing else "Run, data set, author and commit are known."
    value = f"{4 - len(missing)} of 4 known"
    return Check("Lineage", verdict, sentence, value, "all known", "run", enforcement=rule.enforcement)


_RECOMMENDATION = {"promote": Verdict.PASS, "hold": Verdict.WARN, "reject": Verdict.FAIL}


def _comparison(rule: CheckRule, _material: Material, compared: Compared) -> Check:
    name, source = "Compared with what is live", "held-out predictions"
    if compared.is_first:
        sentence = "Nothing is live there yet, so there is nothing to compare with."
        return Check(name, Verdict.PASS, sentence, "first version", "", source, enforcement=rule.enforcement)
    if compared.result is None:
        sentence = f"Could not be compared. {compared.problem}"
        return Check(name, Verdict.UNKNOWN, sentence, source=source, enforcement=rule.enforcement)
    verdict = _RECOMMENDATION.get(str(compared.result.get("recommendation")), Verdict.UNKNOWN)
    value = str(compared.result.get("verdict", "unknown")).replace("_", " ")
    sentence = str(compared.result.get("reason", ""))
    return Check(name, verdict, sentence, value, "not worse", source, enforcement=rule.enforcement)


KINDS: dict[str, CheckFunction] = {
    "artifact_digest": _artifact_digest,
    "comparison": _comparison,
    "lineage_complete": _lineage_complete,
    "metric_floor": _metric_floor,
    "model_card": _model_card,
    "tests_passed": _tests_passed,
}
