"""Asking the model again, and the alarm of a silent witness, clicked in a real browser."""

from __future__ import annotations

import zipfile

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, Join, serving

pytestmark = pytest.mark.browser
BEN, DEE = "Ben Okafor", "Dee Larsen"
PREDICTION = "/why?prediction=3f1c-0001"


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["wide", "phone"])
def test_again__each_button__shows_what_it_gave_and_the_dossier_is_a_file(
    reading: str, join: Join, size: dict[str, int], dark: bool
) -> None:
    tab = join(reading, DEE, size=size, dark=dark)
    tab.open(PREDICTION)
    page = tab.page
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("gave exactly the logged answer")).to_be_visible()
    expect(page.get_by_text("scikit-learn", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("Main contributions: capital-gain = 7688 raised it by 0.310")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_text("Sum check: average 0.2400 plus contributions +0.2300 is 0.4700")).to_be_visible()
    expect(page.get_by_text("It explains the model, not reality")).to_be_visible()
    expect(page.get_by_text("Nearest examples with another outcome").first).to_be_visible()
    page.get_by_role("button", name="Create dossier").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download dossier").click()
    assert waiting.value.suggested_filename == "dossier-3f1c-0001.zip"
    with zipfile.ZipFile(waiting.value.path()) as files:
        assert files.read("README.txt") == b"Dossier"
    tab.fits(PREDICTION)
    assert tab.wrong == []


def test_again__another_prediction__does_not_show_the_answers_of_the_one_before(reading: str, join: Join) -> None:
    tab = join(reading, DEE)
    tab.open(PREDICTION)
    tab.page.get_by_role("button", name="Replay").click()
    expect(tab.page.get_by_text("gave exactly the logged answer")).to_be_visible()
    tab.page.get_by_role("link", name="Another prediction").click()
    tab.page.get_by_role("link", name="odd id").click()
    expect(tab.page.get_by_role("button", name="Replay")).to_be_visible()
    expect(tab.page.get_by_text("gave exactly the logged answer")).to_have_count(0)


def test_again__reviewer_who_may_not_export__has_no_dossier_button(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    tab.open(PREDICTION)
    expect(tab.page.get_by_role("button", name="Replay")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Create dossier")).to_have_count(0)


def test_witness__silent_for_two_intervals__is_a_banner_and_stands_on_the_ledger_page(join: Join) -> None:
    with serving("silent") as address:
        tab = join(address, DEE)
        for path in ("/", "/log"):
            tab.open(path)
            expect(tab.page.get_by_text("1 open incident.")).to_be_visible()
            said = "Witness git has confirmed nothing for more than 2 hours"
            expect(tab.page.get_by_text(said).first).to_be_visible()
        expect(tab.page.get_by_text("silent", exact=True).first).to_be_visible()
