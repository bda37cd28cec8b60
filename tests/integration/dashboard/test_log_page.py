"""The audit log: how far it is verified, which witnesses have seen it, who may export it."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from services.audit.answers import LedgerCheck
from tests import fake_world as world
from tests.fake_portal import FakeOpened
from tests.integration.dashboard.conftest import texts

Visit = Callable[..., AppTest]


def test_ledger__check_under_way__shows_how_far_it_is_and_starts_no_second(visit: Visit, opened: FakeOpened) -> None:
    opened.portal.ledger.check = LedgerCheck(world.ago(seconds=3), 30, 120)  # type: ignore[attr-defined]
    app = visit("log")
    assert not app.exception
    assert next(b for b in app.button if b.label.startswith("Verify")).disabled
    assert "intact" not in texts(app)


def test_ledger__check_that_could_not_run__says_why(visit: Visit, opened: FakeOpened) -> None:
    check = LedgerCheck(world.ago(seconds=3), finished=world.ago(seconds=1), problem="The key is away.")
    opened.portal.ledger.check = check  # type: ignore[attr-defined]
    assert ["The key is away" in box.value for box in visit("log").warning] == [True]


def test_ledger__witnesses__say_how_far_they_have_seen_and_what_is_wrong(visit: Visit) -> None:
    said = texts(visit("log"))
    assert "has seen all 120 entries" in said
    assert "has seen entries 1 to 97; 23 not yet" in said
    assert "Witness git cannot be reached: timed out. Check the remote&#x27;s address." in said
    assert "silent" in said


def test_ledger__export__is_offered_to_auditors_only(visit: Visit) -> None:
    assert "Export for an auditor" in [b.label for b in visit("log", person="demo:dee").get("download_button")]
    assert not visit("log", person="demo:ana").get("download_button")
