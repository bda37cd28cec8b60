"""Own checks: Python entry points of the group `countersign.checks`, installed by whoever runs the portal.

An entry point is a function `check(settings, evidence)` that gives a mapping with `verdict` (pass, warn, fail,
unknown), `sentence`, and optionally `name`, `value`, `threshold`, `source`, `link`. `evidence` is plain JSON: version,
run, tests, comparison, drift, live, model. It runs inside the portal: install only what you would install there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import Any

from services.domain.checks import Check, Verdict
from services.domain.policy import CheckRule
from services.promotions.checks.facts import Compared, Line
from services.promotions.material import Material, finite_metrics

GROUP = "countersign.checks"
TEXT_LIMIT = 500
log = logging.getLogger(__name__)


def custom(rule: CheckRule, material: Material, compared: Compared) -> Check:
    """Ask the entry point that `name` names; one that is missing, raises or answers rubbish is unknown."""
    name = str(rule.settings.get("name", ""))
    line = Line(rule, name.replace("_", " ").capitalize() or "Own check", f"own check {name}")
    found = next(iter(entry_points(group=GROUP, name=name)), None) if name else None
    if found is None:
        return line.unknown(f"No own check {name or '(no name given)'} is installed on this portal.")
    try:
        answer = found.load()(dict(rule.settings), evidence_for(material, compared))
        return _check(line, answer)
    except Exception as error:
        log.exception("the own check %s failed", name)
        return line.unknown(f"The own check {name} failed: {type(error).__name__}.")


def evidence_for(material: Material, compared: Compared) -> dict[str, Any]:
    """What an own check may look at."""
    version, run = material.version, material.run
    return {
        "version": {"model": version.model, "version": version.version, "tags": dict(version.tags)},
        "run": None
        if run is None
        else {
            "run_id": run.run_id,
            "user": run.user,
            "params": dict(run.params),
            "metrics": finite_metrics(run.metrics),
            "tags": dict(run.tags),
        },
        "artifact_digest": material.artifact_digest,
        "current_version": material.current_version,
        "card": material.card,
        "tests": [asdict(report) for report in material.tests],
        "comparison": compared.result,
        "drift": compared.drift,
        "live": compared.live,
        "model": asdict(compared.model) if compared.model else None,
    }


def _check(line: Line, answer: Any) -> Check:
    if not isinstance(answer, Mapping) or not answer.get("sentence"):
        return line.unknown("The own check gave no verdict with a sentence.")

    def text(name: str, default: str = "") -> str:
        return str(answer.get(name, default))[:TEXT_LIMIT]

    try:
        verdict = Verdict(str(answer.get("verdict")))
    except ValueError:
        return line.unknown("The own check gave a verdict that is none of pass, warn, fail, unknown.")
    return Check(
        text("name", line.name), verdict, text("sentence"), text("value", "unknown"), text("threshold"),
        text("source", line.source), link=text("link"), enforcement=line.rule.enforcement,
    )  # fmt: skip
