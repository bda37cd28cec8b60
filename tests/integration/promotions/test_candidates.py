"""The best of many candidates is asked for; the correction counts all that were tried; the others' tags are cleared."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest

from services.cli.candidates import candidates as command
from services.cli.candidates import who_asks
from services.comparisons.desk import compare_files
from services.comparisons.held_out import HeldOutPredictions
from services.database.stores.requests import RequestFilter
from services.domain.promotions.rights import why_not_decide
from services.domain.registry import VersionKey
from services.errors import NotAllowedError, NotFoundError, RefusedError
from services.policies.reading import parse_governance
from services.promotions.candidates import CandidateDesk
from services.promotions.desk import PromotionDesk
from services.promotions.material import MaterialReader
from services.promotions.sealed.sealer import Sealer
from tests.integration.promotions.test_sealed_evidence import GOVERNANCE, _table
from tests.simulators.basics import ANA, CHLOE
from tests.world import MODEL, World

NOISES = {1: 2.0, 2: 1.0, 3: 2.6, 4: 0.8, 5: 2.0}


@pytest.fixture
def desk(world: World) -> CandidateDesk:
    for version in (4, 5):
        world.registry.add_version(MODEL, version)
    for version, noise in NOISES.items():
        world.registry.files[(f"run-{MODEL}-{version}", "evaluation/predictions.parquet")] = _table(noise)
    held_out = HeldOutPredictions(world.registry, world.folder / "tables", world.clock)
    rules = parse_governance(GOVERNANCE)
    sealer = Sealer(MaterialReader(world.registry, held_out), rules, compare_files)
    promotions = PromotionDesk(world.units, sealer, clock=world.clock, ids=world.ids)
    return CandidateDesk(world.registry, world.registry, held_out, sealer=sealer, desk=promotions)


def _tag(world: World, *versions: int) -> None:
    for version in versions:
        world.registry.set_version_tag(VersionKey(MODEL, version), "candidate", "true")


def _is_tagged(world: World, version: int) -> bool:
    return "candidate" in world.registry.kept[VersionKey(MODEL, version)].tags


def test_best__of_three__is_asked_for_and_the_others_tags_are_cleared(world: World, desk: CandidateDesk) -> None:
    _tag(world, 2, 3, 4)
    picked = desk.open_best(ANA, MODEL, "production", reason="Weekly training.")
    assert picked.request.key == VersionKey(MODEL, 4)
    assert "best of 3 candidates" in picked.request.reason
    assert [_is_tagged(world, version) for version in (2, 3, 4)] == [False, False, True]
    assert [line.key.version for line in picked.ranking.lines] == [4, 2, 3]
    assert [line.recommendation for line in picked.ranking.lines] == ["promote", "promote", "reject"]
    assert not picked.problems


def test_candidate__tagged_through_its_run__counts_and_is_cleared(world: World, desk: CandidateDesk) -> None:
    run = f"run-{MODEL}-2"
    world.registry.logged[run] = replace(world.registry.logged[run], tags={"candidate": "yes"})
    _tag(world, 4)
    assert desk.tagged(MODEL) == [VersionKey(MODEL, 2), VersionKey(MODEL, 4)]
    desk.open_best(ANA, MODEL, "production", reason="Weekly training.")
    assert world.registry.logged[run].tags == {}


def test_best__none_is_better__opens_nothing_and_changes_no_tag(world: World, desk: CandidateDesk) -> None:
    _tag(world, 3, 5)
    with pytest.raises(RefusedError, match="No candidate is significantly better"):
        desk.open_best(ANA, MODEL, "production", reason="Weekly training.")
    assert _is_tagged(world, 3)
    assert _is_tagged(world, 5)


def test_correction__with_more_candidates__asks_for_more(world: World, desk: CandidateDesk) -> None:
    _tag(world, 2)
    alone = desk.rank(ANA, MODEL, "production").lines[0].p_adjusted
    among = desk.rank(ANA, MODEL, "production", earlier_looks=9).lines[0].p_adjusted
    assert alone is not None
    assert among == pytest.approx(min(1.0, 10 * alone))


def test_candidate__without_predictions__is_listed_with_its_problem_and_counts(
    world: World, desk: CandidateDesk
) -> None:
    _tag(world, 2, 5)
    del world.registry.files[(f"run-{MODEL}-5", "evaluation/predictions.parquet")]
    ranking = desk.rank(ANA, MODEL, "production")
    assert "no held-out predictions" in ranking.lines[-1].reason
    _tag_free = desk.rank(ANA, MODEL, "production", earlier_looks=0).lines[0].p_adjusted
    assert _tag_free is not None
    assert np.isfinite(_tag_free)


def test_run__tagged_and_not_registered__is_ranked_and_asked_for_only_once_it_is_a_version(
    world: World, desk: CandidateDesk
) -> None:
    like = world.registry.logged[f"run-{MODEL}-2"]
    world.registry.logged["loose"] = replace(like, run_id="loose", tags={"candidate": "true"})
    world.registry.logged["not"] = replace(like, run_id="not", tags={"candidate": "no"})
    world.registry.files[("loose", "evaluation/predictions.parquet")] = _table(0.4)
    _tag(world, 2)
    ranking = desk.rank(ANA, MODEL, "production")
    assert [line.name for line in ranking.lines] == ["run loose, not registered", "v2"]
    assert ranking.lines[0].may_win
    assert ranking.winner is None
    with pytest.raises(RefusedError, match="not a version yet"):
        desk.open_best(ANA, MODEL, "production", reason="Weekly training.")
    world.registry.files[("loose", "evaluation/predictions.parquet")] = _table(3.0)
    assert desk.open_best(ANA, MODEL, "production", reason="Weekly.").request.key == VersionKey(MODEL, 2)
    assert world.registry.logged["loose"].tags == {}


def test_candidate__with_other_rows__is_listed_with_its_problem_and_stops_nobody(
    world: World, desk: CandidateDesk
) -> None:
    other = b"row_id,label,score\nx1,0,.2\nx2,1,.7\n"
    del world.registry.files[(f"run-{MODEL}-5", "evaluation/predictions.parquet")]
    world.registry.files[(f"run-{MODEL}-5", "evaluation/predictions.csv")] = other
    _tag(world, 2)
    alone = desk.rank(ANA, MODEL, "production").lines[0].p_adjusted
    _tag(world, 5)
    ranking = desk.rank(ANA, MODEL, "production")
    assert ranking.winner == VersionKey(MODEL, 2)
    assert "no row id in common" in ranking.lines[-1].reason
    assert alone is not None
    assert ranking.lines[0].p_adjusted == pytest.approx(min(1.0, 2 * alone))


def test_best__nobody_tagged_or_not_allowed__says_so(world: World, desk: CandidateDesk) -> None:
    with pytest.raises(NotFoundError, match="tagged"):
        desk.rank(ANA, MODEL, "production")
    with pytest.raises(NotAllowedError):
        desk.open_best(CHLOE, MODEL, "production", reason="x")


def test_rank__looked_at_again_and_again__is_recorded_once_and_a_stranger_sees_nothing(
    world: World, desk: CandidateDesk
) -> None:
    _tag(world, 2, 3)
    for _ in range(3):
        desk.rank(CHLOE, MODEL, "production")
    assert world.actions().count("evidence:candidates:ranked") == 1
    with pytest.raises(NotAllowedError):
        desk.rank(replace(CHLOE, roles=frozenset()), MODEL, "production")
    assert world.actions().count("evidence:candidates:ranked") == 1


def test_command__with_a_winner__exits_0_and_without_3(
    world: World, desk: CandidateDesk, capsys: pytest.CaptureFixture[str]
) -> None:
    _tag(world, 2, 3)
    asked = Namespace(model=MODEL, environment="production", earlier_looks=0, json=False, open=None, person=None)
    assert command(asked, desk) == 0
    assert f"{MODEL} v2" in capsys.readouterr().out
    world.registry.delete_version_tag(VersionKey(MODEL, 2), "candidate")
    assert command(asked, desk) == 3


KNOWN = (replace(ANA, known_as=frozenset({"ana@example.com", "ana"})), CHLOE)


def test_command__opening_with_an_account_that_is_a_person__asks_as_that_person(
    world: World, desk: CandidateDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    _tag(world, 2, 3)
    asked = Namespace(model=MODEL, environment="production", earlier_looks=0, json=False, open="Weekly.", person=None)
    assert command(asked, desk, lambda: KNOWN) == 0
    with world.units.read() as unit:
        request = unit.requests.find(RequestFilter())[0][0]
    assert request.participants.requester == ANA.person
    assert "by the account ana" in request.reason
    assert why_not_decide(replace(CHLOE, person=ANA.person), request.participants) is not None


def test_command__opening_as_nobody_known__is_refused_before_anything_is_read(
    world: World, desk: CandidateDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    asked = Namespace(model=MODEL, environment="production", earlier_looks=0, json=False, open="Weekly.", person=None)
    world.registry.is_down = True
    with pytest.raises(NotAllowedError, match="requester is unclear"):
        command(asked, desk, lambda: KNOWN)


def test_who_asks__shared_account__names_a_person_and_a_person_asks_for_nobody_else() -> None:
    assert who_asks("ana@example.com", "root", KNOWN).person == ANA.person
    assert who_asks(CHLOE.person.name.upper(), "build", KNOWN).person == CHLOE.person
    with pytest.raises(NotAllowedError, match="cannot act as"):
        who_asks(CHLOE.person.id, "ana", KNOWN)
