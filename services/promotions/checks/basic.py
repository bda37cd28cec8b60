"""Checks on what the registry and the run say, and on the comparison as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.catalogue import model_card as model_card_text
from services.domain import test_results
from services.domain.checks import Check, Verdict
from services.domain.examined import Examined, LeftOut
from services.domain.policy import CheckRule
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
        return line.judged(False, "The files are not those that were registered: somebody replaced them.", now)
    return line.judged(True, "The model's files are hashed; a changed byte voids the signatures.", now)


def tests_passed(rule: CheckRule, material: Material, _: Compared) -> Check:
    """Every report was read whole, agrees with itself, and no test in it failed; and there are some."""
    found = test_results.judge(material.tests)
    source = ", ".join(report.source for report in material.tests) or "run artifacts below tests, version tags"
    return Check(
        "Tests", found.verdict, found.sentence, found.value, "no failed test", source,
        enforcement=rule.enforcement, examined=found.examined,
    )  # fmt: skip


def metric_floor(rule: CheckRule, material: Material, _: Compared) -> Check:
    """A metric of the run within `at_least` and `at_most`."""
    metric, floor, roof = (
        str(rule.settings.get("metric", "")),
        *(number(rule.settings, n) for n in ("at_least", "at_most")),
    )
    value = material.run.metrics.get(metric) if material.run else None
    bounds = [f"{name} {bound:g}" for name, bound in (("at least", floor), ("at most", roof)) if bound is not None]
    threshold = " and ".join(bounds)
    source = f"run {material.version.run_id}" if material.run else ""
    line = Line(rule, f"Metric {metric}", source, RUN, threshold)
    if not bounds:
        return line.unknown(f"The policy asks for {metric} and gives neither at_least nor at_most.")
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return line.unknown(f"The run has no metric {metric}.")
    is_good = (floor is None or value >= floor) and (roof is None or value <= roof)
    return line.judged(is_good, f"{metric} is {value:.4f}; the policy asks for {threshold}.", f"{value:.4f}")


def model_card(rule: CheckRule, material: Material, _: Compared) -> Check:
    """A model card is kept with the run, with text below the headings that the policy names."""
    card = (material.card or "").strip()
    wanted = texts(rule.settings, "headings")
    line = Line(rule, "Model card", "run artifact", "", f"text below: {', '.join(wanted)}" if wanted else "present")
    if not card:
        return line.judged(False, "No model card: log model_card.md with the run.", "missing")
    found, value = model_card_text.written(card), f"{len(card)} characters"
    if not found.has_text:
        return line.judged(False, "The card holds headings, metadata and place-holders, and no text.", value)
    missing = [why for name in wanted if (why := found.missing(name))]
    sentence = f"The card has no text below: {', '.join(missing)}." if missing else "A model card is kept."
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
        return line.unknown("The policy asks for documentation and names none of description, card, tags.")
    missing = [name for name, text in wanted.items() if not _is_given(name, text)]
    sentence = (
        f"Missing, or only a place-holder: {', '.join(missing)}."
        if missing
        else "Everything that the policy asks for is written down."
    )
    return line.judged(not missing, sentence, f"{len(wanted) - len(missing)} of {len(wanted)} there")


def _is_given(name: str, text: str) -> bool:
    return bool(text) if name == "model card" else any(map(model_card_text.is_written, text.splitlines()))


def lineage_complete(rule: CheckRule, material: Material, _: Compared) -> Check:
    """Run, training data, author and commit are known."""
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


def _measured(result: Mapping[str, Any]) -> str:
    """Like ``better, auc +0.0120 (+0.0098 to +0.0162)``: the verdict alone hides how much and for whom."""
    verdict, gap = str(result.get("verdict", "unknown")).replace("_", " "), result.get("difference")
    if not isinstance(gap, Mapping) or gap.get("value") is None:
        return verdict
    interval = "" if gap.get("low") is None else f" ({gap['low']:+.4f} to {gap['high']:+.4f})"
    return f"{verdict} on average, {result.get('metric', 'difference')} {gap['value']:+.4f}{interval}"


def _also_live(compared: Compared) -> tuple[LeftOut, ...]:
    """Further versions in the stage where no alias says which one is live: the candidate was compared with one."""
    why = "it is in the stage as well, and the candidate was compared with the newest one only"
    return tuple(LeftOut(f"v{number}", why) for number in compared.also_live)


_RECOMMENDATION = {"promote": Verdict.PASS, "hold": Verdict.WARN, "reject": Verdict.FAIL}


def comparison(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """The recommendation of the comparison; the first version is judged against a threshold or a constant."""
    name = "Compared with a baseline" if compared.is_first else "Compared with what is live"
    line = Line(rule, name, "held-out predictions", COMPARE, "better" if compared.is_first else "not worse")
    if compared.result is None:
        return line.unknown(f"Could not be compared. {compared.problem}".strip())
    verdict = _RECOMMENDATION.get(str(compared.result.get("recommendation")), Verdict.UNKNOWN)
    value = _measured(compared.result)
    sentence = str(compared.result.get("reason", ""))
    examined = Examined(left_out=(*lost_rows(compared.result), *_also_live(compared)))
    if verdict is Verdict.WARN:
        return line.warned(sentence, value, examined=examined)
    if verdict is Verdict.UNKNOWN:
        return line.unknown(sentence, examined=examined)
    return line.judged(verdict is Verdict.PASS, sentence, value, examined=examined)
