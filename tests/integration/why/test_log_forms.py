"""What the Why page answers to logs that say less, or something else, than it needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.truth.logs import FORMS, cases, judge
from services.domain.examined import LeftOut
from services.domain.lineage import Certainty
from services.domain.why.predictions import MASK, Found, PredictionRecord
from services.errors import InvalidInputError, NotFoundError
from tests.integration.why.scene import Scene, part
from tests.simulators.basics import DEV
from tests.world import MODEL, World

SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_answer__of_a_row_without_a_model__is_never_another_models_version(scene: Scene) -> None:
    """Case 1: the one model that is live in that environment does not answer for a row that names none."""
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, model=None, version=2)
    assert part(answer, "Version").certainty is Certainty.UNKNOWN
    assert answer.candidates == ()
    assert MODEL not in answer.sentence
    assert answer.sentence.startswith("Version 2 of an unknown model answered this")


def test_answer__of_a_model_never_promoted_here__is_the_rows_word_alone(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, model="fraud-scorer", version=3)
    assert answer.sentence.startswith("fraud-scorer v3 answered this")
    assert part(answer, "Approved by").certainty is Certainty.UNKNOWN
    assert any("never promoted through the portal" in caveat for caveat in answer.caveats)


def test_answer__to_a_failed_request__says_that_it_failed_and_names_no_version(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, version=2, failure="status 500")
    assert answer.sentence.startswith(f"This request to {MODEL} v2 on ")
    assert answer.sentence.endswith("failed (status 500): no version gave an answer.")
    assert {f.certainty for f in answer.facts if f.name != "Time"} == {Certainty.UNKNOWN}


def test_answer__without_environment_where_two_differ__is_not_certain(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, version=2, environment=None)
    assert part(answer, "Version").certainty is Certainty.KNOWN  # it was live in one environment, and nothing else was


def test_answer__after_the_model_was_retired__is_contradicted(scene: Scene) -> None:
    from services.domain.registry import VersionKey
    from services.domain.why.live_history import Happened, LiveEvent, timeline_of
    from services.why.versions import who_answered

    spell = scene.promote(2)
    key = VersionKey(MODEL, 2)
    told = [LiveEvent(1, spell.sure_from, Happened.LIVE, key, environment="production"),
            LiveEvent(2, spell.sure_from + SECOND, Happened.RETIRED, key, environment="production")]  # fmt: skip
    record = PredictionRecord("r", spell.sure_from + 5 * SECOND, "production", MODEL, 2)
    fact = who_answered(record, timeline_of(told)).fact
    assert (fact.certainty, fact.value) == (Certainty.CONTRADICTED, f"{MODEL} v2 or no version of {MODEL}")


def test_answer__notes_of_the_row_and_what_was_not_read__stand_beside_it(scene: Scene) -> None:
    spell = scene.promote(2)
    left = LeftOut("3 files (.csv)", "the portal cannot read files of this kind")
    listed = scene.log.find
    scene.log.find = lambda request_id, days=None: Found(tuple(listed(request_id)), (left,))  # type: ignore[method-assign]
    answer = scene.ask(time=spell.sure_from + SECOND, version=2, notes=("The request's payload is not in the log.",))
    assert "The request's payload is not in the log." in answer.caveats
    assert any("3 files (.csv) not checked" in caveat for caveat in answer.caveats)
    with pytest.raises(NotFoundError, match="part of the log that was read"):
        scene.desk.answer(DEV, "nowhere")


def test_answer__to_a_request_with_several_rows__asks_for_one_of_them(scene: Scene) -> None:
    rows = [PredictionRecord(f"batch#{i}", None, of_request="batch", row=i, rows=2) for i in (1, 2)]
    scene.log.find = lambda request_id, days=None: rows  # type: ignore[method-assign]
    with pytest.raises(InvalidInputError, match="held 2 rows") as caught:
        scene.desk.answer(DEV, "batch")
    assert (caught.value.code, caught.value.hint) == ("several_rows", "Ask for one of them: batch#1 to batch#2.")
    scene.log.find = lambda request_id, days=None: rows[:1] * 2  # type: ignore[method-assign]
    with pytest.raises(InvalidInputError, match="share the id"):
        scene.desk.answer(DEV, "batch")


def test_answer__to_inputs_without_names__hides_all_where_some_are_masked(scene: Scene) -> None:
    scene.masked = ("income",)
    answer = scene.ask(time=scene.world.clock.now(), inputs={"0": 39, "1": 52_000}, has_names=False)
    assert set(answer.record.inputs.values()) == {MASK}
    assert answer.inputs_note.startswith("All inputs are masked")


def test_logs__of_known_truth__are_never_answered_wrongly(tmp_path: Path) -> None:
    judged = {case.name: judge(case, tmp_path / "log") for case in cases(60, seed=7)}
    assert set(judged.values()) == {"right"}, judged


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_logs__as_they_are_written__are_answered(tmp_path: Path, form: object) -> None:
    assert judge(form, tmp_path / "log") == "right"  # type: ignore[arg-type]
