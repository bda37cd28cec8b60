from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.domain.lineage import Certainty
from services.domain.why.live_history import Ground
from services.domain.why.predictions import MASK
from services.errors import InvalidInputError, NotAllowedError
from services.ledger.actions import Action
from tests.integration.why.scene import Scene, between, key, part
from tests.simulators.basics import ANA, PIPELINE
from tests.world import MODEL, World

SECOND = timedelta(seconds=1)


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_answer__row_and_ledger_agree__says_everything_in_one_sentence(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, version=2)
    for words in (
        f"{MODEL} v2 answered this",
        "adult-train (abc12345)",
        "LogisticRegression (max_depth=3)",
        "by ana.ruiz",
        "commit aaaaaaaaaa",
        "was live in production from",
        f"through release {spell.release} (run {spell.run_id})",
        "approved by Chloé Martin on evidence sha256:",
    ):
        assert words in answer.sentence
    assert {f.certainty for f in answer.facts} == {Certainty.KNOWN}
    assert answer.candidates == (key(2),)
    sources = part(answer, "Version").sources
    assert sources == ("prediction log, day.parquet", f"ledger entry {spell.seq}: live in production at that time")


def test_answer__row_misses_the_version__the_live_one_stands_in_and_nothing_is_known(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND)
    version = part(answer, "Version")
    assert (version.certainty, version.value) == (Certainty.UNKNOWN, str(key(2)))
    assert version.sources == (f"ledger entry {spell.seq}: live in production at that time",)
    assert "what was live is used instead" in version.hint
    rest = {fact.certainty for fact in answer.facts if fact.name != "Time"}
    assert rest == {Certainty.UNKNOWN}
    assert part(answer, "Author").value == "ana.ruiz if it was v2"
    assert answer.sentence.startswith("Which version answered this on ")
    assert f"is unknown. If it was {MODEL} v2, it was trained on adult-train" in answer.sentence
    assert answer.sentence.count(" if it was v2") == 0
    assert answer.request is None


def test_answer__row_carries_a_wrong_version__shows_both_and_prefers_neither(scene: Scene) -> None:
    spell = scene.promote(2)
    answer = scene.ask(time=spell.sure_from + SECOND, version=3)
    version = part(answer, "Version")
    assert version.certainty is Certainty.CONTRADICTED
    assert {c.value for c in version.claims} == {str(key(2)), str(key(3))}
    assert answer.candidates == (key(3), key(2))
    assert "the sources contradict each other" in answer.sentence
    assert part(answer, "Author").certainty is Certainty.KNOWN  # the same person trained both
    approved = part(answer, "Approved by")
    assert (approved.certainty, approved.value) == (
        Certainty.UNKNOWN,
        "unknown if it was v3, Chloé Martin if it was v2",
    )
    assert {part(answer, n).certainty for n in ("Live", "Release", "Evidence")} == {Certainty.UNKNOWN}
    assert f"was live at no time on record if it was v3, in production from {spell.sure_from:%Y-%m-%d %H:%M:%S}" in (
        answer.sentence
    )
    assert answer.sentence.endswith("approved by nobody on record if it was v3, Chloé Martin if it was v2.")


@pytest.mark.parametrize("version", [2, 3])
def test_answer__exactly_on_a_switch_over__believes_the_row(scene: Scene, version: int) -> None:
    scene.promote(2)
    spell = scene.promote(3)
    answer = scene.ask(time=spell.sure_from, version=version)
    assert part(answer, "Version").certainty is Certainty.KNOWN
    assert answer.candidates == (key(version),)
    assert any("a release was under way" in source for source in part(answer, "Version").sources)


def test_answer__on_a_switch_over_without_version__says_that_it_cannot_tell(scene: Scene) -> None:
    scene.promote(2)
    spell = scene.promote(3)
    answer = scene.ask(time=spell.sure_from)
    version = part(answer, "Version")
    assert version.certainty is Certainty.UNKNOWN
    assert set(answer.candidates) == {key(2), key(3)}
    assert "(which of them is unknown)" in answer.sentence
    approved = part(answer, "Approved by")
    assert (approved.certainty, approved.value.count("Chloé Martin if it was v")) == (Certainty.UNKNOWN, 2)
    assert part(answer, "Evidence").certainty is Certainty.UNKNOWN
    release = part(answer, "Release")
    assert (release.certainty, release.value.count(" if it was v")) == (Certainty.UNKNOWN, 2)


def test_answer__while_the_release_runs__either_version_may_have_answered(scene: Scene) -> None:
    scene.promote(2)
    spell = scene.promote(3)
    assert spell.may_from < spell.sure_from
    during = between(spell.may_from, spell.sure_from)
    assert part(scene.ask(time=during, version=2), "Version").certainty is Certainty.KNOWN
    assert part(scene.ask(time=during, version=3), "Version").certainty is Certainty.KNOWN
    assert part(scene.ask(time=during, version=1), "Version").certainty is Certainty.CONTRADICTED


def test_answer__from_before_the_portal__knows_what_the_row_and_the_registry_say(scene: Scene) -> None:
    scene.promote(2)
    before = scene.spell(1, Ground.SEEN).may_from - timedelta(days=3)
    answer = scene.ask(time=before, version=1)
    assert part(answer, "Version").sources == ("prediction log, day.parquet",)
    assert part(answer, "Author").value == "ana.ruiz"
    assert {part(answer, n).certainty for n in ("Live", "Release", "Approved by")} == {Certainty.UNKNOWN}
    assert "is not recorded as live in production at that time" in answer.sentence
    assert "approved by nobody on record" in answer.sentence
    assert any("before the portal" in caveat for caveat in answer.caveats)


def test_answer__from_before_the_portal_without_version__is_unknown(scene: Scene) -> None:
    scene.promote(2)
    answer = scene.ask(time=scene.spell(1, Ground.SEEN).may_from - timedelta(days=3))
    assert answer.sentence.startswith(f"An unknown version of {MODEL} answered this on ")
    assert answer.sentence.endswith("so its data, algorithm, author, release and approval are unknown.")
    assert answer.candidates == ()


def test_answer__seen_there_when_the_first_request_was_sealed__is_known_without_approval(scene: Scene) -> None:
    scene.promote(2)
    seen = scene.spell(1, Ground.SEEN)
    answer = scene.ask(time=between(seen.sure_from, seen.sure_until))
    assert part(answer, "Version").value == str(key(1))
    assert "seen in production" in part(answer, "Version").sources[0]
    assert part(answer, "Approved by").certainty is Certainty.UNKNOWN


def test_answer__model_that_nobody_knows__says_so_and_guesses_nothing(scene: Scene) -> None:
    scene.promote(2)
    answer = scene.ask(time=scene.world.clock.now(), model="mystery", version=3)
    assert answer.sentence.startswith("mystery v3 answered this")
    assert "; it was trained in an unknown way, on unknown data and by an unknown person, is not" in answer.sentence
    assert "mystery v3 is not in the registry's copy." in answer.caveats
    assert any("never promoted through the portal" in caveat for caveat in answer.caveats)
    assert {part(answer, n).certainty for n in ("Author", "Training data", "Release")} == {Certainty.UNKNOWN}


def test_answer__version_that_is_no_number__is_unknown_and_shown(scene: Scene) -> None:
    answer = scene.ask(time=scene.world.clock.now(), version_text="champion")
    assert "The log says version 'champion', which is not a version number." in answer.caveats


def test_answer__without_time__does_not_ask_the_ledger(scene: Scene) -> None:
    scene.promote(2)
    answer = scene.ask(time=None, version=2)
    assert part(answer, "Time").certainty is Certainty.UNKNOWN
    assert part(answer, "Live").certainty is Certainty.UNKNOWN
    said = f"The log says that {MODEL} v2 answered this at an unknown time, which the ledger cannot confirm. If it was"
    assert answer.sentence.startswith(said)
    assert part(answer, "Version").certainty is Certainty.UNKNOWN  # at some time it was v1
    assert answer.sentence.endswith("; without a time, since when it was live and who approved it are unknown.")
    assert part(answer, "Live").hint == "The log has no time for this prediction, so the ledger cannot say."
    assert any("no time" in caveat for caveat in answer.caveats)


def test_answer__after_everything_was_deleted_in_mlflow__is_the_same_sentence(scene: Scene) -> None:
    spell = scene.promote(2)
    at = spell.sure_from + SECOND
    before = scene.ask(time=at, version=2)
    scene.world.registry.kept.clear()
    scene.world.registry.logged.clear()
    scene.world.registry.registered.clear()
    scene.sync()
    after = scene.ask(time=at, version=2)
    assert after.sentence == before.sentence
    assert {f.certainty for f in after.facts} == {Certainty.KNOWN}


def test_answer__model_created_again_under_the_same_name__tells_of_the_old_one(scene: Scene) -> None:
    spell = scene.promote(2)
    at = spell.sure_from + SECOND
    before = scene.ask(time=at, version=2)
    old = scene.world.registry.kept[key(2)]
    later = scene.world.clock.now()
    scene.world.registry.add_version(MODEL, 4, user="mallory")
    scene.world.registry.kept[key(2)] = replace(old, created=later, updated=later, run_id=f"run-{MODEL}-4")
    scene.sync()
    after = scene.ask(time=at, version=2)
    assert after.sentence == before.sentence
    assert any("created again" in caveat for caveat in after.caveats)


def test_answer__decision_table_was_changed__is_contradicted_by_the_ledger(scene: Scene) -> None:
    spell = scene.promote(2)
    with scene.world.engine.begin() as connection:
        connection.execute(text("UPDATE decision SET person_name = 'Mallory'"))
    approved = part(scene.ask(time=spell.sure_from + SECOND, version=2), "Approved by")
    assert approved.certainty is Certainty.CONTRADICTED
    assert {c.value for c in approved.claims} == {"Chloé Martin", "Mallory"}


def test_answer__sealed_evidence_was_changed__is_not_used(scene: Scene) -> None:
    spell = scene.promote(2)
    with scene.world.engine.begin() as connection:
        connection.execute(
            text("UPDATE document SET body = replace(body, 'ana.ruiz', 'mallory') WHERE kind = 'evidence'")
        )
    answer = scene.ask(time=spell.sure_from + SECOND, version=2)
    assert part(answer, "Author").value == "ana.ruiz"
    assert any("is not the one that was sealed" in caveat for caveat in answer.caveats)


def test_answer__incident_since_the_version_went_live__is_said(scene: Scene) -> None:
    spell = scene.promote(2)
    with scene.world.units.begin() as unit:
        from services.domain.identity.people import SYSTEM
        from services.ledger.subjects import version_subject

        told = {"incident": "inc-1", "sentence": "The alias champion was moved by another client."}
        unit.ledger.append(SYSTEM, Action.INCIDENT_OPENED, version_subject(key(2)), after=told)
    answer = scene.ask(time=scene.world.clock.now() + SECOND, version=2)
    assert spell.sure_from is not None
    assert any("moved by another client" in caveat for caveat in answer.caveats)


def test_answer__asked__is_recorded_before_it_is_given(scene: Scene) -> None:
    scene.ask(time=scene.world.clock.now(), version=2)
    assert scene.world.actions()[-1] == Action.PREDICTION_LOOKED_UP.value


def test_answer__for_a_role_that_may_not__is_refused_and_not_recorded(scene: Scene) -> None:
    with pytest.raises(NotAllowedError):
        scene.ask(actor=PIPELINE, time=scene.world.clock.now())
    assert Action.PREDICTION_LOOKED_UP.value not in scene.world.actions()


def test_answer__masked_input__is_shown_to_nobody(scene: Scene) -> None:
    scene.masked = ("age",)
    answer = scene.ask(actor=ANA, time=scene.world.clock.now(), version=2)
    assert answer.record.inputs == {"age": MASK, "sex": "F"}
    assert answer.inputs_note == "Masked by the settings: age."
    assert [r.inputs["age"] for r in scene.desk.recent(ANA)] == [MASK]


def test_answer__id_given_twice__is_said_to_be_ambiguous(scene: Scene) -> None:
    scene.ask(time=scene.world.clock.now())
    scene.log.records *= 2
    with pytest.raises(InvalidInputError, match="2 predictions share the id"):
        scene.desk.answer(ANA, "pred-0")
