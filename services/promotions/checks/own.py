"""Custom checks: Python entry points of the group `countersign.checks`, installed by the portal's operator.

An entry point is a function `check(settings, evidence)` that gives a mapping with `verdict` (pass, warn, fail,
unknown), `sentence`, and optionally `name`, `value`, `threshold`, `source`, `link`, and `left_out`: what it did not
look at, a list of texts or of mappings with `what` and `why`; a pass is *unknown* then. `evidence` is plain JSON:
version, run, tests, comparison, drift, live, model. It runs inside the portal: install only what you would install
there.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from typing import Any

from services.comparisons.live_inputs import live_document
from services.domain.checks import Check, Verdict
from services.domain.examined import WHOLE, Examined, LeftOut
from services.domain.model_metrics import known_metrics, unknown_metrics
from services.domain.policy import CheckRule
from services.promotions.checks.facts import Compared, Line
from services.promotions.material import Material

GROUP = "countersign.checks"
TEXT_LIMIT = 500
log = logging.getLogger(__name__)


def custom(rule: CheckRule, material: Material, compared: Compared) -> Check:
    """Ask the entry point that `name` names; a missing, failing or invalid one gives unknown."""
    name = str(rule.settings.get("name", ""))
    line = Line(rule, name.replace("_", " ").capitalize() or "Own check", f"own check {name}")
    installed = tuple(entry_points(group=GROUP, name=name)) if name else ()
    if len({point.value for point in installed}) > 1:
        return line.unknown(
            f"Several custom checks are called {name}: {', '.join(sorted(p.value for p in installed))}."
        )
    found = installed[0] if installed else None
    if found is None:
        return line.unknown(f"No custom check {name or '(no name given)'} is installed on this portal.")
    try:
        answer = found.load()(dict(rule.settings), evidence_for(material, compared))
        return _check(line, answer)
    except Exception as error:
        log.exception("the custom check %s failed", name)
        return line.unknown(f"The custom check {name} failed: {type(error).__name__}.")


def evidence_for(material: Material, compared: Compared) -> dict[str, Any]:
    """The evidence passed to a custom check."""
    version, run = material.version, material.run
    return {
        "version": {"model": version.model, "version": version.version, "tags": dict(version.tags)},
        "run": None
        if run is None
        else {
            "run_id": run.run_id,
            "user": run.user,
            "params": dict(run.params),
            "metrics": known_metrics(material.metrics),
            "metrics_unknown": unknown_metrics(material.metrics),
            "tags": dict(run.tags),
        },
        "artifact_digest": material.artifact_digest,
        "current_version": material.current_version,
        "card": material.card,
        "tests": [asdict(report) for report in material.tests],
        "comparison": None if compared.result is None else compared.result.to_json(),
        "drift": None if compared.drift is None else [asdict(line) for line in compared.drift],
        "live": None if compared.live is None else live_document(compared.live),
        "model": asdict(compared.model) if compared.model else None,
    }


def _check(line: Line, answer: Any) -> Check:
    if not isinstance(answer, Mapping) or not answer.get("sentence"):
        return line.unknown("The custom check returned no verdict with a sentence.")

    def text(name: str, default: str = "") -> str:
        full = str(answer.get(name, default))
        return full if len(full) <= TEXT_LIMIT else f"{full[: TEXT_LIMIT - 1]}…"

    try:
        verdict = Verdict(str(answer.get("verdict")))
    except ValueError:
        return line.unknown("The custom check returned a verdict other than pass, warn, fail, unknown.")
    return Check(
        text("name", line.name), verdict, text("sentence"), text("value", "unknown"), text("threshold"),
        text("source", line.source), link=text("link"), enforcement=line.rule.enforcement,
        examined=_examined(answer.get("left_out")),
    )  # fmt: skip


def _examined(left_out: Any) -> Examined:
    """What the check says that it did not look at: texts, or mappings with `what` and `why`."""
    listed = [left_out] if isinstance(left_out, str | Mapping) else left_out
    if not isinstance(listed, Sequence):
        return WHOLE
    parts = [part if isinstance(part, Mapping) else {"what": part} for part in listed]
    return Examined(
        left_out=tuple(
            LeftOut(
                str(part.get("what", "a part"))[:TEXT_LIMIT], str(part.get("why", "the check says so"))[:TEXT_LIMIT]
            )
            for part in parts
        )
    )
