"""Replay and reasons: the version that answered scores again in a separate process, outside the portal."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from services.database.unit import Units
from services.domain.identity.people import Actor, Permission
from services.domain.registry import VersionKey
from services.domain.why.predictions import MASK, PredictionQuery, PredictionRecord
from services.domain.why.reasons import InputMoved, Neighbour, Reasons
from services.domain.why.replay import Mismatch, Replay, ReplayVerdict, Seen, compare
from services.errors import InvalidInputError, NotFoundError, PortalError, RefusedError
from services.ledger.actions import Action
from services.ledger.tree.entry import Subject
from services.ports.registry import RegistryReader
from services.runner.limits import RunResult
from services.why.desk import Examined, WhyDesk, demand_look_up
from services.why.lineage import Origin
from services.why.neighbours import nearest

EXAMPLES = "training/sample.parquet"
EXAMPLES_LIMIT = 100_000_000
BACKGROUND, FEWEST = 30, 5
AROUND = timedelta(days=3)
SEED = 20_260_101


class Runner(Protocol):
    """Runs a version's model in a separate process."""

    def run(
        self,
        key: VersionKey,
        task: str,
        inputs: Mapping[str, Any],
        *,
        digest: str | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> RunResult:
        """Run one task. Raises ModelRunError, UpstreamError."""


@dataclass(frozen=True)
class Asked:
    """A prediction that can be scored again: the version is not in doubt and the inputs are there."""

    examined: Examined
    origin: Origin
    digest: str | None

    @property
    def record(self) -> PredictionRecord:
        """The row, nothing hidden."""
        return self.examined.record


class ScoringDesk:
    """Scores the model again. Each time is recorded in the ledger."""

    def __init__(self, units: Units, why: WhyDesk, runner: Runner, registry: RegistryReader) -> None:
        self._units = units
        self._why = why
        self._runner = runner
        self._registry = registry

    def replay(self, actor: Actor, prediction_id: str) -> Replay:
        """Score the logged input again. Raises RefusedError, ModelRunError, NotFoundError, UpstreamError."""
        asked = self._asked(actor, prediction_id, Action.PREDICTION_REPLAYED)
        found = self._runner.run(asked.origin.key, "replay", _one_row(asked.record), digest=asked.digest)
        made = replay_of(asked, found)
        veiled = replace(made, seen=tuple(replace(s, **self._veil(actor, s.name)) for s in made.seen))
        return replace(veiled, sentence=_replay_sentence(veiled, asked.origin.key))

    def _veil(self, actor: Actor, name: str) -> dict[str, str]:
        """Masks input values for users who may not see them; empty for those who may."""
        may_see = actor.may(Permission.SEE_INPUTS) and name not in self._why.masked_inputs
        return {} if may_see else {"logged": MASK, "asked": MASK}

    def reasons(self, actor: Actor, prediction_id: str) -> Reasons:
        """Attribution and neighbours, as this person may see them. Raises what `replay` raises."""
        asked = self._asked(actor, prediction_id, Action.PREDICTION_EXPLAINED)
        examples, problem = self._examples(asked.origin)
        rows, background = self._background(asked.record, examples)
        inputs = {**_row_and_columns(asked.record), "background": rows, "seed": SEED}
        found = self._runner.run(asked.origin.key, "explain", inputs, digest=asked.digest)
        made = _reasons(found.output, background)
        if examples is not None:
            outcomes = [str(value) for value in examples["label"]]
            features = examples.drop(columns=["label"])
            near, other = nearest(features, outcomes, asked.record.inputs, made.predicted)
            made = replace(made, nearest=near, nearest_other=other)
        return self._shown(actor, replace(made, neighbours_problem=problem))

    def _asked(self, actor: Actor, prediction_id: str, action: Action) -> Asked:
        demand_look_up(actor)
        examined = self._why.examine(self._why.find(prediction_id))
        origin, record = examined.origin, examined.record
        if origin is None:
            raise RefusedError(
                "Which version answered is not certain, so there is no single version to score again.",
                hint="Let the endpoint log the version that answered.",
            )
        if record.failure:
            raise RefusedError(
                f"The request failed ({record.failure}): there is no answer to compare a new one with.",
                hint="Choose a request that was answered.",
            )
        if not (record.has_names and record.is_understood):
            raise RefusedError(
                "The log does not say which value belongs to which input, so the model cannot be scored again.",
                hint="Let the client send names: dataframe_split or dataframe_records.",
            )
        if not record.inputs:
            raise RefusedError("The log has no inputs for this prediction.", hint="Let the endpoint log its inputs.")
        sealed = origin.promotion.plan.get("artifact_digest") if origin.promotion else None
        with self._units.begin() as unit:
            unit.ledger.append(actor, action, Subject("prediction", record.request_id))
        return Asked(examined, origin, str(sealed) if sealed else None)

    def _examples(self, origin: Origin) -> tuple[Any, str]:
        """The run's training examples as a frame with a column `label`, or why there are none."""
        import pandas as pd

        run = origin.detail.run if origin.detail and not origin.is_other_version else None
        run_id = run.run_id if run else str((origin.promotion.plan.get("run_id") or "") if origin.promotion else "")
        if not run_id:
            return None, "The run that trained this version is unknown, so its training data cannot be reached."
        try:
            data = self._registry.read_artifact(run_id, EXAMPLES, limit=EXAMPLES_LIMIT)
            frame = pd.read_parquet(io.BytesIO(data))
        except NotFoundError:
            return None, f"The training data cannot be reached: the run has no artifact {EXAMPLES} (see docs/why.md)."
        except PortalError as error:
            return None, f"The training data cannot be reached: {error.sentence()}"
        except (ValueError, OSError) as error:
            return None, f"The artifact {EXAMPLES} cannot be read: {type(error).__name__}."
        return (frame, "") if "label" in frame.columns else (None, f"The artifact {EXAMPLES} has no column label.")

    def _background(self, record: PredictionRecord, examples: Any) -> tuple[list[list[Any]], str]:
        """Rows to compare with: training examples where available, else other predictions around that time."""
        names = list(record.inputs)
        if examples is not None and set(names) <= set(examples.columns) and len(examples) >= FEWEST:
            sample = examples[names].sample(min(BACKGROUND, len(examples)), random_state=SEED)
            rows = [[_plain(value) for value in row] for row in sample.itertuples(index=False, name=None)]
            return rows, f"{len(rows)} training examples"
        if record.model is None or record.time is None:
            raise InvalidInputError("There are no rows to compare this prediction with.", hint=f"Log {EXAMPLES}.")
        window = (record.time - AROUND, record.time + AROUND)
        found = self._why.log.search(PredictionQuery(record.model, *window, limit=BACKGROUND))
        usable = (r for r in found if not r.failure and r.has_names and r.is_understood)
        others = [r for r in usable if r.request_id != record.request_id and set(r.inputs) >= set(names)][:BACKGROUND]
        if len(others) < FEWEST:
            raise InvalidInputError(
                "There are too few rows to compare this prediction with.",
                hint=f"Log training examples as the run artifact {EXAMPLES}.",
            )
        return [
            [_askable(name, r.inputs[name]) for name in names] for r in others
        ], f"{len(others)} other predictions from those days"

    def _shown(self, actor: Actor, made: Reasons) -> Reasons:
        """Masks values that this person may not see; the contribution of each input stays."""
        everything = not actor.may(Permission.SEE_INPUTS)
        hidden = set(self._why.masked_inputs)

        def masked(name: str, value: Any) -> Any:
            return MASK if everything or name in hidden else value

        inputs = tuple(replace(i, value=masked(i.name, i.value)) for i in made.inputs)
        seen = tuple(replace(s, **self._veil(actor, s.name)) for s in made.seen)

        def veiled(near: Sequence[Neighbour]) -> tuple[Neighbour, ...]:
            return tuple(replace(n, inputs={k: masked(k, v) for k, v in n.inputs.items()}) for n in near)

        return replace(
            made, inputs=inputs, seen=seen, nearest=veiled(made.nearest), nearest_other=veiled(made.nearest_other)
        )


def replay_of(asked: Asked, found: RunResult) -> Replay:
    """Compare the result with the logged answer."""
    record, output = asked.record, found.output
    values, probabilities = output["values"][0], (output.get("probabilities") or [None])[0]
    verdict, again, difference = compare(record.output, record.score, values, probabilities)
    cause = _cause(record, output) if verdict is ReplayVerdict.DIFFERENT else ""
    mismatches = tuple(
        Mismatch(str(e["name"]), str(e["wanted"]), e["found"])
        for e in output.get("environment", ())
        if e["wanted"] != e["found"]
    )
    made = Replay(
        verdict=verdict,
        logged=record.output if record.output is not None else record.score,
        again=again,
        difference=difference,
        mismatches=mismatches,
        model_digest=asked.digest or "",
        is_sealed=asked.digest is not None,
        isolation=found.isolation.sentence(),
        seen=_seen(output),
        cause=cause,
    )
    return replace(made, sentence=_replay_sentence(made, asked.origin.key))


def _replay_sentence(made: Replay, key: VersionKey) -> str:
    outcome = {
        ReplayVerdict.EQUAL: "gave exactly the logged answer",
        ReplayVerdict.WITHIN: "gave the logged answer within the tolerance",
        ReplayVerdict.DIFFERENT: "gave a different answer from the logged one",
        ReplayVerdict.NOT_COMPARABLE: "gave an answer that cannot be compared with what was logged",
    }[made.verdict]
    by = f" (largest difference {made.difference:.3g})" if made.difference else ""
    bytes_ = (
        "with the model's bytes as sealed"
        if made.is_sealed
        else "with the bytes that the registry holds now; there are no sealed bytes to compare them with"
    )
    changed = "".join(f" {item.sentence()}." for item in made.seen)
    cause = f" Likely cause: {made.cause}" if made.cause else ""
    environment = f" {len(made.mismatches)} parts of the environment differ." if made.mismatches else ""
    return f"Scored again, {key} {outcome}{by}, {bytes_}.{changed}{cause}{environment}"


def _seen(output: Mapping[str, Any]) -> tuple[Seen, ...]:
    return tuple(Seen(str(e["name"]), e["logged"], e["asked"]) for e in output.get("seen", ()))


def _cause(record: PredictionRecord, output: Mapping[str, Any]) -> str:
    """What was likely lost in saving the model: the variant that gives the logged answer."""
    for variant in output.get("variants", ()):
        values, probabilities = variant["values"][0], (variant.get("probabilities") or [None])[0]
        verdict, _, _ = compare(record.output, record.score, values, probabilities)
        if verdict in {ReplayVerdict.EQUAL, ReplayVerdict.WITHIN}:
            return str(variant["cause"])
    return ""


def _reasons(output: Mapping[str, Any], background: str) -> Reasons:
    return Reasons(
        method=str(output["method"]),
        target=str(output["target"]),
        predicted=str(output["predicted"]),
        base=float(output["base"]),
        prediction=float(output["prediction"]),
        inputs=tuple(InputMoved(i["name"], i["value"], i["moved"], i["error"]) for i in output["inputs"]),
        background=background,
        why_not_tree=str(output["why_not_tree"]),
        seen=_seen(output),
    )


def _one_row(record: PredictionRecord) -> dict[str, Any]:
    asked = _row_and_columns(record)
    return {"columns": asked["columns"], "rows": [asked["row"]], "protocol": asked["protocol"]}


def _row_and_columns(record: PredictionRecord) -> dict[str, Any]:
    row = [_askable(name, value) for name, value in record.inputs.items()]
    return {"columns": list(record.inputs), "row": row, "protocol": record.protocol}


def _askable(name: str, value: Any) -> Any:
    """A value as the model's process accepts it. Raises RefusedError for one that JSON cannot hold."""
    if (isinstance(value, float) and math.isinf(value)) or isinstance(value, bytes):
        raise RefusedError(
            f"The input {name} is {'infinite' if isinstance(value, float) else 'bytes'}, which cannot be sent again.",
            hint="Ask the endpoint itself.",
        )
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return _plain(value)


def _plain(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and plain != plain else plain  # noqa: PLR0124 - NaN has no JSON form
