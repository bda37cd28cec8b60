"""Picks the best of many candidates and opens its request: the published method, with corrected statistics.

A candidate is a version with the tag `candidate` (any value but false, no, 0 or nothing), one whose run has it, or a
tagged run without a version beside the model's other runs. Each is compared with the version that is live; Holm's
correction counts all of them, because the luckiest of many always looks good. A run can be the best but
cannot be requested: only registered versions are promoted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.access.admission import admit
from services.comparisons.desk import options_of, predictions_of, with_task
from services.comparisons.held_out import HeldOutPredictions
from services.domain.identity.people import Actor
from services.domain.policy import PromotionPolicy
from services.domain.registry import Run, VersionKey
from services.errors import NotFoundError, PortalError, RefusedError, UpstreamError
from services.ledger.actions import Action
from services.ports.registry import RegistryReader, RegistryWriter
from services.promotions.desk import PromotionDesk
from services.promotions.ranking import CandidateLine, CandidateRanking, Picked
from services.promotions.sealed.sealer import Sealer, comparison_settings

if TYPE_CHECKING:
    from services.evidence.candidates import Ranked

TAG = "candidate"
FRESH_FOR = 15.0
"""Seconds for which pages use a cached list; ranking and opening always read."""
_NO = {"", "false", "no", "0"}


@dataclass(frozen=True)
class _Tagged:
    """A version, a run, or both."""

    key: VersionKey | None
    run_id: str

    @property
    def name(self) -> str:
        return str(self.key) if self.key else f"run {self.run_id}"


class CandidateDesk:
    """Implements `services.portal.Candidates`."""

    def __init__(
        self,
        reader: RegistryReader,
        writer: RegistryWriter,
        held_out: HeldOutPredictions,
        *,
        sealer: Sealer,
        desk: PromotionDesk,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._held_out = held_out
        self._sealer = sealer
        self._desk = desk
        self._known: dict[str, tuple[float, list[VersionKey]]] = {}

    def tagged(self, model: str) -> Sequence[VersionKey]:
        """Versions tagged as candidates, by themselves or through their run, oldest first. Raises UpstreamError.

        Runs without a version are left to `rank`: they need a search in MLflow.
        """
        known = self._known.get(model)
        if known is None or time.monotonic() - known[0] > FRESH_FOR:
            known = (time.monotonic(), [found.key for found in self._tagged(model) if found.key])
            self._known[model] = known
        return known[1]

    def rank(self, actor: Actor, model: str, environment: str, *, earlier_looks: int = 0) -> CandidateRanking:
        """Compare all candidates with the live version; the ledger records it once per person and day.

        `earlier_looks` counts earlier comparisons on the same rows; they enter the correction. Raises NotAllowedError,
        NotFoundError (no candidate), RefusedError (no policy, nothing live), UpstreamError.
        """
        admit(actor)
        ranking = self._rank(model, environment, earlier_looks)
        current = VersionKey(model, ranking.current)
        self._desk.reads.note_ranking(actor, current, environment, [line.name for line in ranking.lines])
        return ranking

    def _rank(self, model: str, environment: str, earlier_looks: int) -> CandidateRanking:
        policy, place = self._sealer.rules(model, environment)
        current = self._reader.holders(model, stage=place.stage, alias=place.alias).current
        if current is None:
            raise RefusedError(
                f"Nothing of {model} is live in {environment}, so there is no version to compare with.",
                hint="Open a request for one version; it is compared with the policy's baseline.",
            )
        tagged = [found for found in self._tagged(model) if found.key is None or found.key.version != current]
        if not tagged:
            raise NotFoundError(
                f"No version of {model} is tagged as a candidate.", hint=f"Set the tag {TAG} on versions."
            )
        return self._ranked(VersionKey(model, current), environment, tagged, policy=policy, earlier_looks=earlier_looks)

    def open_best(self, actor: Actor, model: str, environment: str, *, reason: str, earlier_looks: int = 0) -> Picked:
        """Open the request for the best candidate and clear the others' tags; the winner keeps its own.

        Raises NotAllowedError, RefusedError (none is significantly better) and what `rank` and opening raise.
        """
        self._desk.demand_asking(actor, model, environment)
        ranking = self._rank(model, environment, earlier_looks)
        if ranking.winner is None:
            raise RefusedError(ranking.sentence, hint="No request was opened and no tag was changed.")
        said = f"{reason.strip()}\n\n{ranking.sentence}" if reason.strip() else reason
        request = self._desk.open(actor, ranking.winner, environment, reason=said)
        self._known.pop(model, None)
        cleared, problems = self._clear([line for line in ranking.lines if line.key != ranking.winner])
        names = [str(key) for key in cleared]
        self._desk.tell(
            actor, Action.CANDIDATES_CLEARED, request, after={"versions": list(names), "problems": len(problems)}
        )
        return Picked(request, ranking, tuple(cleared), tuple(problems))

    def _tagged(self, model: str) -> list[_Tagged]:
        versions = sorted(self._reader.versions_of([model]), key=lambda version: version.version)
        runs = self._reader.runs([version.run_id for version in versions if version.run_id])
        found = [
            _Tagged(version.key, version.run_id)
            for version in versions
            if _is_set(version.tags) or (version.run_id in runs and _is_set(runs[version.run_id].tags))
        ]
        return found + self._unregistered(runs)

    def _unregistered(self, runs: Mapping[str, Run]) -> list[_Tagged]:
        """Tagged runs without a version, in the experiments that the model's versions come from."""
        experiments = sorted({run.experiment_id for run in runs.values() if run.experiment_id})
        tagged = self._reader.tagged_runs(experiments, TAG) if experiments else ()
        return [_Tagged(None, run.run_id) for run in tagged if _is_set(run.tags) and run.run_id not in runs]

    def _ranked(
        self,
        current: VersionKey,
        environment: str,
        tagged: Sequence[_Tagged],
        *,
        policy: PromotionPolicy,
        earlier_looks: int,
    ) -> CandidateRanking:
        from services.evidence.candidates import pick_best

        live = self._reader.version(current)
        baseline = self._held_out.of_version(current, live.run_id, fresh=True)
        settings = with_task(comparison_settings(policy), baseline)
        found, problems = self._tables(tagged, settings)
        if not found:
            raise NotFoundError("No candidate can be compared.", hint=" ".join(dict.fromkeys(problems.values())))
        ranking = pick_best(
            found,
            predictions_of(baseline, "current", settings),
            task=str(settings["task"]),
            options=options_of(settings),
            earlier_looks=earlier_looks + len(problems),
        )
        by_name = {one.name: one for one in tagged}
        problems.update(ranking.problems)
        lines = [_line(by_name[one.name], one) for one in ranking.candidates]
        lines += [
            CandidateLine(by_name[name].key, by_name[name].run_id, "", None, None, None, None, False, problem)
            for name, problem in problems.items()
        ]
        winner = by_name[ranking.winner] if ranking.winner else None
        reason = ranking.sentence
        if winner is not None and winner.key is None:
            reason += f" It is not a version yet: register it as a version of {current.model}, then request it."
        return CandidateRanking(
            current.model,
            environment,
            current.version,
            ranking.candidates[0].comparison.metric if ranking.candidates else "metric",
            tuple(lines),
            winner.key if winner else None,
            reason,
        )

    def _tables(self, tagged: Sequence[_Tagged], settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """Predictions by candidate, and why some have none; the correction counts those as well."""
        found: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for one in tagged:
            try:
                table = (
                    self._held_out.of_version(one.key, one.run_id, fresh=True)
                    if one.key
                    else self._held_out.fetch(one.run_id, fresh=True)
                )
                found[one.name] = predictions_of(table, "candidate", settings)
            except UpstreamError:
                raise
            except PortalError as error:
                problems[one.name] = error.sentence()
        return found, problems

    def _clear(self, losers: Sequence[CandidateLine]) -> tuple[list[str], list[str]]:
        """Failures here do not affect the request; tags that could not be cleared are reported."""
        cleared: list[str] = []
        problems: list[str] = []
        for loser in losers:
            try:
                if loser.key is not None and _is_set(self._reader.version(loser.key).tags):
                    self._writer.delete_version_tag(loser.key, TAG)
                run = self._reader.runs([loser.run_id]).get(loser.run_id) if loser.run_id else None
                if run is not None and _is_set(run.tags):
                    self._writer.delete_run_tag(run.run_id, TAG)
                cleared.append(loser.name)
            except PortalError as error:
                problems.append(f"The tag of {loser.name} could not be cleared: {error.sentence()}")
        return cleared, problems


def _line(tagged: _Tagged, ranked: Ranked) -> CandidateLine:
    found = ranked.comparison
    return CandidateLine(
        tagged.key,
        tagged.run_id,
        found.verdict.value,
        found.difference.value,
        found.difference.low,
        found.difference.high,
        ranked.p_adjusted,
        ranked.may_win,
        found.reason,
        found.recommendation.value,
    )


def _is_set(tags: Mapping[str, str]) -> bool:
    return tags.get(TAG, "").strip().lower() not in _NO
