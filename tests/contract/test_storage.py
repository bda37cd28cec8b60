"""The same stores, migrations and workflow on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from services.database import migrate
from services.database.engine import open_engine
from services.database.reading import SIZE
from services.database.stores.requests import RequestFilter
from services.database.stores.rollouts import Claim, LeaseLostError, RolloutStore
from services.database.tables.everything import metadata
from services.database.times import DatabaseTimes
from services.domain.catalogue import SortBy, TestState, VersionQuery
from services.domain.identity.people import Actor, Person
from services.domain.promotions.oversight import Assignment, AssignmentKind
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.promotions.requests import Comment, Decision, DecisionKind, Participants, RequestState
from services.domain.promotions.rollout import RolloutState, RolloutStep, StepState
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey
from services.errors import ConflictError, NotFoundError, PortalError, SettingsError
from tests.schema import migrate_by_copy
from tests.simulators.basics import BEN, CHLOE, START
from tests.world import MODEL, World

MINUTES = timedelta(minutes=5)
ODD = ["a b", "\"quoted\" 'single'", "<b>html</b>", "*md* [x](y) $1$ :red[x]", "emoji 🚲", "100%_\\x", "ünï"]


def request(number: int, *, state: RequestState = RequestState.OPEN, model: str = MODEL) -> PromotionRequest:
    digest = f"sha256:{number:064d}"
    return PromotionRequest(
        f"req-{number}", VersionKey(model, number), "production", state, 1,
        Participants(Person("ana", "Ana"), "ana", None), "because", digest, digest, digest,
        START, START + timedelta(minutes=number), START + timedelta(days=14),
    )  # fmt: skip


def test_migrations__from_empty__equal_the_tables(any_engine: Engine) -> None:
    migrate.upgrade(any_engine)
    migrate.upgrade(any_engine)
    with any_engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert migrate.current_revision(any_engine) == migrate.head_revision()


def test_migrations__two_at_once__run_once(any_engine: Engine) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: migrate.upgrade(any_engine), range(2)))
    assert migrate.current_revision(any_engine) == migrate.head_revision()


def test_migrations__database_of_a_newer_release__is_left_alone_and_said(any_engine: Engine) -> None:
    migrate.upgrade(any_engine)
    with any_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_next_year'"))
    with pytest.raises(SettingsError, match="of_next_year, which this release does not know") as refused:
        migrate.upgrade(any_engine)
    assert "Install that release" in refused.value.hint
    assert migrate.current_revision(any_engine) == "of_next_year"


def test_ledger_rows__changed_by_sql__are_refused_by_the_database(any_world: World) -> None:
    any_world.open()
    for statement in ("UPDATE ledger_entry SET body = ''", "DELETE FROM ledger_entry", "DELETE FROM ledger_checkpoint"):
        with pytest.raises(DBAPIError, match="append-only"), any_world.engine.begin() as connection:
            connection.execute(text(statement))


def test_promotion__whole_workflow__runs_on_either_database(any_world: World) -> None:
    made = any_world.approve(any_world.open())
    any_world.run(rounds=20)
    assert any_world.state(made) == "promoted"
    assert any_world.actions()[-1] == "promotion:request:promoted"


def test_requests__saved_over_an_old_revision__conflict(any_world: World) -> None:
    with any_world.units.begin() as unit:
        unit.requests.insert(request(1))
        first = unit.requests.get("req-1")
        unit.requests.save(replace(first, reason="one"))
    with pytest.raises(ConflictError), any_world.units.begin() as unit:
        unit.requests.save(replace(first, reason="two"))


def test_requests__many_at_once__are_what_each_is_by_itself(any_world: World) -> None:
    count = 2 * SIZE + 3
    with any_world.units.begin() as unit:
        for number in range(1, count + 1):
            made = request(number)
            unit.requests.insert(made)
            unit.requests.put_document(made.plan_digest, "plan", str(number), START)
        for number in (1, 700, 700):
            at = START + timedelta(minutes=number)
            decision = Decision(f"d{number}", DecisionKind.APPROVE, CHLOE.person, "x", "Fine.", at)
            unit.requests.add_decision(f"req-{number}", decision, idempotency_key=f"{number}")
            step = Assignment(f"a{number}", AssignmentKind.REASSIGN, CHLOE.person, CHLOE.person, "You.", at)
            unit.oversight.add_assignment(f"req-{number}", step, idempotency_key=f"{number}")
    with any_world.units.read() as unit:
        rows = unit.requests.in_states([RequestState.OPEN])
        ids = [row.id for row in rows]
        assert ids == [f"req-{number}" for number in range(count, 0, -1)]
        assert unit.requests.many(ids) == {row.id: unit.requests.get(row.id) for row in rows}
        assert unit.requests.decisions_of(ids) == {i: unit.requests.decisions(i) for i in ("req-1", "req-700")}
        assert unit.oversight.assignments_of(ids) == {i: unit.oversight.assignments(i) for i in ("req-1", "req-700")}
        assert len(unit.requests.documents(row.plan_digest for row in rows)) == count
        assert unit.requests.documents([]) == {}
        with pytest.raises(NotFoundError, match="req-none"):
            unit.requests.many(["req-1", "req-none"])
        with pytest.raises(NotFoundError, match="sha256:none"):
            unit.requests.documents(["sha256:none"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CENSUS", {1, 2}), ("ana", {1, 2}), ("thursday", {2}), ("req-1", {1}), ("v2", {2}), ("V2 census", {2}),
        ("v2 req-1", set()), ("production", {1, 2}), ("100%", {2}), ("%", {2}), ("_", set()), ("v99999999999", set()),
        ("", {1, 2}), ("v²", set()),
    ],
)  # fmt: skip
def test_requests__searched__are_found_by_every_word_that_people_know(
    any_world: World, text: str, found: set[int]
) -> None:
    with any_world.units.begin() as unit:
        unit.requests.insert(request(1))
        unit.requests.insert(replace(request(2), reason="100% better than on Thursday."))
        rows, total = unit.requests.find(RequestFilter(text=text))
        mine, of_nobody = (unit.requests.find(RequestFilter(requester_id=who))[1] for who in ("ana", "an"))
    assert {row.key.version for row in rows} == found
    assert total == len(found)
    assert (mine, of_nobody) == (2, 0)


def test_mentions__answered_decided_or_ones_own__are_left_out(any_world: World) -> None:
    def say(number: int, who: str, minute: int, *mentions: str) -> None:
        at = START + timedelta(minutes=minute)
        said = Comment(f"c{number}-{minute}", Person(who, who), "@x", at, mentions=mentions)
        unit.requests.add_comment(f"req-{number}", said, idempotency_key=said.id)

    with any_world.units.begin() as unit:
        for number in range(1, 5):
            unit.requests.insert(request(number, state=RequestState.REJECTED if number == 4 else RequestState.OPEN))
        say(1, "ben", 1, "ana", "eve")
        say(1, "ana", 2)
        say(1, "ben", 3, "ana")
        say(2, "ben", 1, "ana", "ana-maria")
        say(2, "ana", 2)
        say(3, "ana", 1, "ana")
        say(4, "ben", 1, "ana")
        found = unit.requests.unanswered("ana", [RequestState.OPEN])
        assert [(request.id, said.id) for request, said in found] == [("req-1", "c1-3")]
        assert [said.id for _, said in unit.requests.unanswered("ana-maria", [RequestState.OPEN])] == ["c2-1"]
        assert unit.requests.unanswered("a", list(RequestState)) == []


def test_requests__rolled_back__leave_neither_row_nor_entry(any_world: World) -> None:
    def half() -> None:
        with any_world.units.begin() as unit:
            unit.requests.insert(request(1))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    with any_world.units.read() as unit, pytest.raises(NotFoundError):
        unit.requests.get("req-1")
    assert any_world.actions() == []


def test_rollouts__many_workers_at_once__each_is_claimed_by_one(any_world: World) -> None:
    with any_world.units.begin() as unit:
        for number in range(1, 7):
            unit.requests.insert(request(number))
            unit.rollouts.start(f"roll-{number}", f"req-{number}")

    def claim(number: int) -> str | None:
        with any_world.units.begin() as unit:
            claimed = unit.rollouts.claim(MINUTES, f"token-{number}")
        return claimed.rollout_id if claimed else None

    with ThreadPoolExecutor(4) as pool:
        claimed = [c for c in pool.map(claim, range(12)) if c]
    assert sorted(claimed) == [f"roll-{n}" for n in range(1, 7)]


def test_target__two_rollouts__one_holds_it(any_world: World) -> None:
    with any_world.units.begin() as unit:
        for number in (1, 2):
            unit.requests.insert(request(number))
            unit.rollouts.start(f"roll-{number}", f"req-{number}")
    with any_world.units.begin() as unit:
        claims = [unit.rollouts.claim(MINUTES, f"token-{number}") for number in range(2)]
        assert claims[0] is not None
        assert claims[1] is not None
        assert unit.rollouts.lock_target(claims[0], MODEL, "production") is None
        assert unit.rollouts.lock_target(claims[0], MODEL, "production") is None
        assert unit.rollouts.lock_target(claims[1], MODEL, "production") == claims[0].rollout_id
        unit.rollouts.unlock_target(claims[0])
        assert unit.rollouts.lock_target(claims[1], MODEL, "production") is None


LATE_WRITES: dict[str, Callable[[RolloutStore, Claim], object]] = {
    "heartbeat": lambda store, late: store.renew(late, MINUTES),
    "token test": lambda store, late: store.demand(late),
    "pause": lambda store, late: store.release(late, delay=MINUTES, attempts=0, error=""),
    "end": lambda store, late: store.finish(late, RolloutState.FAILED, error=""),
    "journal": lambda store, late: store.write_step(late, RolloutStep.RESERVE, StepState.DONE),
    "lock": lambda store, late: store.lock_target(late, MODEL, "production"),
    "unlock": lambda store, late: store.unlock_target(late),
    "run": lambda store, late: store.note_run(late, project="ml", pipeline_id=1, run_id=1),
    "run of the way back": lambda store, late: store.note_undo_run(late, 1),
    "adoption": lambda store, late: store.adopt(late),
}


@pytest.mark.parametrize("write", LATE_WRITES)
def test_late_worker__after_another_took_over__can_write_nothing(any_world: World, write: str) -> None:
    with any_world.units.begin() as unit:
        unit.requests.insert(request(1))
        unit.rollouts.start("roll-1", "req-1")
        late = unit.rollouts.claim(timedelta(seconds=1), "first")
    any_world.clock.advance(2)
    with any_world.units.begin() as unit:
        now = unit.rollouts.claim(MINUTES, "second")
        assert unit.rollouts.lock_target(now, MODEL, "production") is None
    assert late is not None
    with pytest.raises(LeaseLostError), any_world.units.begin() as unit:
        LATE_WRITES[write](unit.rollouts, late)
    with any_world.units.read() as unit:
        assert unit.rollouts.target_holder(MODEL, "production") == "roll-1"
        assert unit.rollouts.journal("roll-1") == {}
        assert unit.rollouts.get("roll-1").state is RolloutState.RUNNING


def test_generation__raised__counts_for_each_target(any_world: World) -> None:
    with any_world.units.begin() as unit:
        assert unit.rollouts.generation(MODEL, "production") == 0
        for _ in range(2):
            unit.rollouts.raise_generation(MODEL, "production")
        unit.rollouts.raise_generation(MODEL, "staging")
    assert any_world.units.generation(MODEL, "production") == 2
    assert any_world.units.generation(MODEL, "staging") == 1


def test_times__of_the_database__are_those_of_now_and_aware(any_engine: Engine) -> None:
    with any_engine.begin() as connection:
        told = DatabaseTimes().now(connection)
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=5)


@pytest.fixture
def catalogue(any_world: World) -> World:
    with any_world.units.begin() as unit:
        models = [RegisteredModel(name, START, START, tags={"owner": "ana"}, aliases={"champion": 2}) for name in ODD]
        unit.catalogue.put_models(models)
        runs = {
            f"r{i}": Run(f"r{i}", "1", f"run {i}", user="ana", metrics={"auc": i / 10, "odd": float("nan")})
            for i in range(3)
        }
        for run in runs.values():
            unit.catalogue.put_run(run, START)
        versions = [
            ModelVersion(name, v, START, START + timedelta(minutes=10 * n + v), run_id=f"r{v}", stage="Production" if v == 2 else "None",
                         tags={"countersign.test.smoke.passed": "3", "countersign.test.smoke.failed": str(int(v == 1))})
            for n, name in enumerate(ODD) for v in (1, 2)
        ]  # fmt: skip
        unit.catalogue.put_versions(versions)
    return any_world


@pytest.mark.parametrize("name", ODD)
def test_search__odd_names__are_found_as_text(catalogue: World, name: str) -> None:
    with catalogue.units.read() as unit:
        rows, total = unit.catalogue.search(VersionQuery(text=name, model=name))
        found = unit.catalogue.version(VersionKey(name, 2))
    assert total == 2
    assert {row.key.model for row in rows} == {name}
    assert found is not None
    assert found[2].aliases == ("champion",)


def test_search__filters__hold_together(catalogue: World) -> None:
    with catalogue.units.read() as unit:
        count = {
            "stage": unit.catalogue.search(VersionQuery(stage="Production"))[1],
            "alias": unit.catalogue.search(VersionQuery(alias="champion"))[1],
            "part of an alias": unit.catalogue.search(VersionQuery(alias="champ"))[1],
            "failed tests": unit.catalogue.search(VersionQuery(tests=TestState.FAILED))[1],
            "passed tests": unit.catalogue.search(VersionQuery(tests=TestState.PASSED))[1],
            "nothing": unit.catalogue.search(VersionQuery(owner="nobody"))[1],
            "percent is no wildcard": unit.catalogue.search(VersionQuery(text="100%"))[1],
        }
    assert count == {
        "stage": 7, "alias": 7, "part of an alias": 0, "failed tests": 7, "passed tests": 7, "nothing": 0,
        "percent is no wildcard": 2,
    }  # fmt: skip


def test_search__live_somewhere__is_what_holds_that_place_now(catalogue: World) -> None:
    one, other = VersionKey(ODD[0], 1), VersionKey(ODD[0], 2)
    with catalogue.units.begin() as unit:
        unit.deployments.begin(Deployment("d1", one, "production", START))
        unit.deployments.begin(Deployment("d2", other, "production", START + timedelta(hours=1)))
        unit.deployments.begin(Deployment("d3", one, "staging", START))
        unit.deployments.begin(Deployment("d4", VersionKey(ODD[1], 1), "production", START))
        found = {
            place: {row.key for row in unit.catalogue.search(VersionQuery(live_in=place))[0]}
            for place in ("production", "staging", "moon")
        }
        total = unit.catalogue.search(VersionQuery(live_in="production", model=ODD[0], page_size=1))[1]
    assert found == {"production": {other, VersionKey(ODD[1], 1)}, "staging": {one}, "moon": set()}
    assert total == 1


def test_search__paged_and_sorted__misses_and_doubles_nothing(catalogue: World) -> None:
    seen: list[VersionKey] = []
    with catalogue.units.read() as unit:
        for page in (1, 2, 3, 4):
            rows, total = unit.catalogue.search(VersionQuery(sort=SortBy.METRIC, page=page, page_size=4))
            seen += [row.key for row in rows]
    assert total == len(seen) == len(set(seen)) == 14


def test_versions__gone_in_mlflow__stay_readable(catalogue: World) -> None:
    with catalogue.units.begin() as unit:
        unit.catalogue.mark_gone([ODD[0]], [VersionKey(ODD[0], 1)], START)
    with catalogue.units.read() as unit:
        found = unit.catalogue.version(VersionKey(ODD[0], 2))
        assert unit.catalogue.search(VersionQuery(model=ODD[0]))[1] == 1
    assert found is not None
    assert found[3] == START


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "sqlite:////nowhere/at/all/x.db"])
def test_database__wrong_url__says_what_to_do(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        migrate.upgrade(open_engine(url))
    assert caught.value.hint


@pytest.mark.parametrize("attempt", range(3))
def test_reviewers__two_at_the_same_moment_on_either_database__start_one_rollout(
    any_world: World, attempt: int
) -> None:
    made = any_world.open()
    together = Barrier(2)

    def sign(who: Actor) -> bool:
        together.wait(30)
        try:
            any_world.approve(made, who, key=f"{who.person.id}-{attempt}")
        except PortalError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        signed = list(pool.map(sign, (CHLOE, BEN)))
    assert sorted(signed) == [False, True]
    any_world.run()
    for action in ("decision:approved", "request:approved", "request:promoted"):
        assert any_world.actions().count(f"promotion:{action}") == 1
    assert any_world.actions().count("rollout:run:started") == 1


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'any.db'}")
    else:
        engine = open_engine(request.getfixturevalue("postgres_database"))
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """With the schema that the migrations make."""
    if request.param == "sqlite":
        engine = open_engine(f"sqlite:///{tmp_path / 'any.db'}")
        migrate_by_copy(engine)
    else:
        engine = open_engine(request.getfixturevalue("migrated_postgres"))
    yield World(engine, tmp_path)
    engine.dispose()
