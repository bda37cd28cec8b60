"""The input of checks, and their construction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.comparisons.live_inputs import LiveDrift
from services.domain.checks import Check, Verdict
from services.domain.examined import WHOLE, Examined
from services.domain.policy import CheckRule
from services.evidence.record import Comparison, DriftLine
from services.promotions.material import Material

Number = int | float


@dataclass(frozen=True)
class ModelFacts:
    """What the model's own files say, read without loading it. None where it could not be read."""

    files: tuple[str, ...] | None = None
    """Paths below the model's folder."""
    requirements: str | None = None
    signature: Mapping[str, Any] | None = None
    """`inputs`, `outputs` and `params` as MLflow writes them: lists of objects."""
    current_signature: Mapping[str, Any] | None = None
    flavors: Mapping[str, Any] | None = None
    problem: str = ""
    included: Mapping[str, str | None] = field(default_factory=dict)
    """Files that requirements.txt includes or is constrained by; None where one could not be read."""


NOTHING_READ = "The model's files could not be read."


@dataclass(frozen=True)
class InputTable:
    """What names a table that was compared for good, so that the comparison can be made again."""

    digest: str
    artifact: str
    run_id: str
    note: str = ""
    target: str = ""
    """Column of the labels, if MLflow's evaluation renamed it."""


@dataclass(frozen=True)
class Compared:
    """The outcome of the comparison with what is live, as far as there is one, and what else was measured."""

    result: Comparison | None
    """None if there is nothing to compare or the comparison failed."""
    is_first: bool = False
    problem: str = ""
    drift: tuple[DriftLine, ...] | None = None
    """Drift of the training data against what the current version was trained on, a line a column."""
    drift_problem: str = ""
    live: LiveDrift | None = None
    """Drift of live inputs against the candidate's training sample."""
    live_problem: str = ""
    model: ModelFacts | None = None
    inputs: Mapping[str, InputTable | None] = field(default_factory=dict)
    """Which tables were compared: `candidate`, `current`, `training`, `reference`; None where nothing was live."""
    also_live: tuple[int, ...] = ()
    """Further versions in the stage, where no alias says which one is live; the newest was compared."""


CheckFunction = Callable[[CheckRule, Material, Compared], Check]

RUN, VERSION, COMPARE = "run", "version", "compare"
"""Where a check's link leads; sealing puts the address in."""


@dataclass(frozen=True)
class Line:
    """Makes the checks of one rule: name, source and link stay, the outcome differs."""

    rule: CheckRule
    name: str
    source: str
    link: str = ""
    threshold: str = ""

    def unknown(self, sentence: str, *, examined: Examined = WHOLE) -> Check:
        """Evidence is missing: never a pass."""
        return self._make(Verdict.UNKNOWN, sentence, "unknown", examined)

    def judged(self, is_good: bool, sentence: str, value: str, *, examined: Examined = WHOLE) -> Check:  # noqa: FBT001 - the judgement is the point
        """Pass or fail; a pass on a part becomes unknown."""
        return self._make(Verdict.PASS if is_good else Verdict.FAIL, sentence, value, examined)

    def warned(self, sentence: str, value: str, *, examined: Examined = WHOLE) -> Check:
        """Worth a look; a warning on a part becomes unknown."""
        return self._make(Verdict.WARN, sentence, value, examined)

    def _make(self, verdict: Verdict, sentence: str, value: str, examined: Examined) -> Check:
        return Check(
            self.name,
            verdict,
            sentence,
            value,
            self.threshold,
            self.source,
            link=self.link,
            enforcement=self.rule.enforcement,
            examined=examined,
        )


def number(settings: Mapping[str, Any], name: str) -> float | None:
    """A number of the policy; None where it is not set or no number."""
    value = settings.get(name)
    return float(value) if isinstance(value, Number) and not isinstance(value, bool) else None


def texts(settings: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """A list of texts of the policy; a single text counts as a list of one."""
    value = settings.get(name, ())
    if isinstance(value, str):
        return (value,)
    return tuple(str(part) for part in value) if isinstance(value, Sequence) else ()


def listed(names: Sequence[str], shown: int) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def objects(document: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    """A list of objects in a JSON document."""
    found = (document or {}).get(name) or ()
    return [part for part in found if isinstance(part, Mapping)]
