"""The page of the person: who they are here, and what they are told."""

from __future__ import annotations

from datetime import time

from dashboard.text import as_text
from services.domain.notices import Preferences, Rhythm, Schedule, Topic
from tests.fake_portal import FakeNotices, FakeOpened
from tests.integration.dashboard.conftest import texts
from tests.integration.dashboard.test_views import Visit


def _notices(opened: FakeOpened) -> FakeNotices:
    found = opened.portal.notices
    assert isinstance(found, FakeNotices)
    return found


def test_you__says_who_and_what_the_roles_let_do(visit: Visit) -> None:
    said = texts(visit("you", person="demo:ben"))
    assert "Ben Okafor" in said
    assert "decide on requests of others" in said
    assert "ask for promotions" not in said
    assert as_text("ben@example.com") in said


def test_mail__chosen__is_kept_and_shown_again(visit: Visit, opened: FakeOpened) -> None:
    app = visit("you", person="demo:ben")
    app.radio(key="you_rhythm").set_value(Rhythm.DAILY)
    app.toggle(key="you_quiet").set_value(True)
    app.selectbox(key="you_zone").set_value("Europe/Berlin")
    app.multiselect(key="you_muted").set_value([Topic.REVIEWS])
    app.button[0].click().run()
    assert not app.exception
    wanted = Preferences(Schedule(Rhythm.DAILY, (time(20), time(7)), "Europe/Berlin"), frozenset({Topic.REVIEWS}))
    assert _notices(opened).kept == {"demo:ben": wanted}
    assert visit("you", person="demo:ben").radio(key="you_rhythm").value == Rhythm.DAILY


def test_mail__nobody_is_mailed__says_so(visit: Visit, opened: FakeOpened) -> None:
    _notices(opened).is_mailed = False
    assert "Email is not set up yet" in texts(visit("you", person="demo:ben"))
