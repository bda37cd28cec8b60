"""Releases: live where Azure DevOps answers, the last picture where it does not, and never a guess."""

from __future__ import annotations

import pytest

from services.domain.identity.people import Actor, Person, Role
from services.domain.registry import VersionKey
from services.errors import (
    NotAllowedError,
    NotFoundError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from services.health.desk import HealthDesk
from services.releases import desk as releases
from services.releases.desk import ReleaseDesk
from services.releases.watch import AzureWatch
from tests.simulators.basics import ANA
from tests.world import MODEL, World

OPERATOR = Actor(Person("olu", "Olu"), frozenset({Role.OPERATOR}))


def desk(world: World) -> ReleaseDesk:
    return ReleaseDesk(world.units, world.pipelines, world.clock)


@pytest.fixture
def running(world: World) -> World:
    """A release that runs as number 100."""
    world.pipelines.ends_with = None
    world.approve(world.open())
    world.run(rounds=8)
    assert desk(world).find().total == 1
    return world


def test_find__while_azure_devops_is_away__lists_what_was_seen(running: World) -> None:
    running.pipelines.is_down = True
    page = desk(running).find()
    assert [(r.project, r.run_id, r.model, r.version) for r in page.rows] == [("ml", 100, MODEL, 2)]
    assert desk(running).find(text="census").total == 1
    assert desk(running).find(text="<b>%_").total == 0
    assert desk(running).find(page=-3).page == 1


def test_view__of_a_running_release__asks_and_keeps_the_picture(running: World) -> None:
    running.clock.advance(100)
    view = desk(running).view("ml", 100)
    assert (view.is_live, view.problem) == (True, "")
    assert view.row.seen == running.clock.now()


@pytest.mark.parametrize(
    "error",
    [
        UpstreamUnavailableError("No answer.", hint="Look at it."),
        UpstreamInvalidError("HTML.", hint="Sign in."),
        UpstreamRefusedError("401", hint="Renew the token."),
        NotFoundError("The run was deleted.", hint="Nothing."),
    ],
)
def test_view__when_asking_fails__shows_the_old_picture_and_says_why(
    running: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    seen = desk(running).view("ml", 100).row.seen
    running.clock.advance(60)

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(running.pipelines, "timeline", fail)
    view = desk(running).view("ml", 100)
    assert (view.is_live, view.row.seen) == (False, seen)
    assert str(error) in view.problem


def test_view__failed_a_moment_ago__is_answered_at_once_and_asked_again_later(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that refreshes every three seconds while each read stalls for four would never show why it is old."""
    asked: list[int] = []

    def stalled(*_: object, **__: object) -> None:
        asked.append(1)
        raise UpstreamUnavailableError("No answer.")

    monkeypatch.setattr(releases, "read_release", stalled)
    running.clock.advance(100)
    page = desk(running)
    assert [page.view("ml", 100).problem for _ in range(3)] == ["No answer."] * 3
    assert len(asked) == 1
    running.clock.advance(6)
    assert not page.view("ml", 100).is_live
    assert len(asked) == 2


def test_view__of_a_finished_release__needs_no_azure_devops(world: World) -> None:
    world.approve(world.open())
    world.run()
    world.pipelines.is_down = True
    view = desk(world).view("ml", 100)
    assert (view.is_live, view.row.result) == (True, "succeeded")


def test_view__without_an_organization__shows_the_old_picture(running: World) -> None:
    view = ReleaseDesk(running.units, None, running.clock).view("ml", 100)
    assert not view.is_live
    assert "COUNTERSIGN_AZURE_DEVOPS_URL" in view.problem


def test_view__of_no_release__is_not_found(world: World) -> None:
    for call in (desk(world).view, lambda p, r: desk(world).log_tail(p, r, 1)):
        with pytest.raises(NotFoundError) as caught:
            call("ml", 7)  # type: ignore[operator]
        assert caught.value.hint


def test_cancel__by_an_operator__is_in_the_ledger_before_it_is_sent(running: World) -> None:
    running.pipelines.is_down = True
    with pytest.raises(UpstreamUnavailableError):
        desk(running).cancel(OPERATOR, "ml", 100)
    assert running.actions()[-1] == "release:run:operated"
    assert running.pipelines.cancelled == []
    running.pipelines.is_down = False
    desk(running).cancel(OPERATOR, "ml", 100)
    assert [ref.run_id for ref in running.pipelines.cancelled] == [100]


def test_cancel_and_retry__by_others__are_refused_and_leave_no_entry(running: World) -> None:
    before = running.actions()
    for call in (lambda: desk(running).cancel(ANA, "ml", 100), lambda: desk(running).retry_stage(ANA, "ml", 100, "x")):
        with pytest.raises(NotAllowedError):
            call()
    assert running.actions() == before
    assert running.pipelines.cancelled == []


def test_decide__by_an_operator__is_in_the_ledger_and_names_the_person_in_azure_devops(running: World) -> None:
    desk(running).decide_approval(OPERATOR, "ml", 100, "ap-1", is_approved=True, reason="Window is open.")
    assert running.pipelines.decided == [("ap-1", True, "Olu in Countersign: Window is open.")]
    assert running.actions()[-1] == "release:run:operated"
    desk(running).decide_approval(OPERATOR, "ml", 100, "ap-1", is_approved=False, reason="")
    assert running.pipelines.decided[-1][1] is False


def test_decide__by_the_requester_or_without_the_right__is_refused_and_leaves_no_entry(running: World) -> None:
    before = running.actions()
    requester = Actor(ANA.person, frozenset({Role.OPERATOR}))
    reader = Actor(Person("ren", "Ren"), frozenset({Role.REVIEWER}))
    for actor, why in ((reader, "Your role cannot operate"), (requester, "another person must decide")):
        with pytest.raises(NotAllowedError) as caught:
            desk(running).decide_approval(actor, "ml", 100, "ap-1", is_approved=True, reason="x")
        assert why in str(caught.value)
    assert running.pipelines.decided == []
    assert running.actions() == before


def test_deployments__of_the_environment_of_a_release__are_asked_for(running: World) -> None:
    (found,) = desk(running).deployments("ml", 100)
    assert (found.run_id, found.stage) == (100, "Production")
    running.pipelines.is_down = True
    with pytest.raises(UpstreamUnavailableError):
        desk(running).deployments("ml", 100)


def test_tests_of_a_release__stand_with_the_version(world: World) -> None:
    world.approve(world.open())
    world.run()
    with world.units.read() as unit:
        found = releases.tests_of(releases.of_version(unit, VersionKey(MODEL, 2)))
        none = releases.tests_of(releases.of_version(unit, VersionKey(MODEL, 3)))
    assert [(t.title, t.passed, t.failed, t.source) for t in found] == [("Smoke test", 1, 0, "pipeline run 100")]
    assert none == ()


def test_watch__outage_and_return__are_told_with_the_last_success(world: World) -> None:
    watch = AzureWatch(world.pipelines, world.units, world.clock)
    watch.beat()
    last = world.clock.now()
    world.pipelines.is_down = True
    world.clock.advance(300)
    watch.beat()
    (seen,) = HealthDesk(world.units).sources()
    assert (seen.is_reachable, seen.last_success) == (False, last)
    assert seen.problem
    world.pipelines.is_down = False
    watch.beat()
    assert next(iter(HealthDesk(world.units).sources())).is_reachable


def test_watch__without_an_organization__says_nothing(world: World) -> None:
    AzureWatch(None, world.units, world.clock).beat()
    assert list(HealthDesk(world.units).sources()) == []
