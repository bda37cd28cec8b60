"""The pages in a real browser: they are clicked, not only loaded."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import fake_world as world
from tests.browser.conftest import DESKTOP, PHONE, Join, serving

pytestmark = pytest.mark.browser

BEN, ANA, CHI, OPE, DEE = "Ben Okafor", "Ana Novak", "Chiara", "Ope Adeyemi", "Dee Larsen"
PATHS = (
    "/", "/models", "/version?model=census-income&version=5", "/compare?model=census-income&versions=5,7,6", "/requests",
    "/request?id=req-7", "/releases", "/release?project=census&run=11", "/log", "/why?prediction=3f1c-0001", "/you",
)  # fmt: skip


def toast(page: Page, text: str) -> None:
    expect(page.get_by_test_id("stToast").filter(has_text=text)).to_be_visible()


@pytest.mark.parametrize(
    ("size", "dark"),
    [
        pytest.param(DESKTOP, False, id="light", marks=pytest.mark.slow),
        pytest.param(DESKTOP, True, id="dark"),
        pytest.param(PHONE, False, id="phone"),
    ],
)
def test_every_page__on_any_size_and_theme__asks_no_other_host_and_never_scrolls_sideways(
    reading: str, join: Join, size: dict[str, int], dark: bool
) -> None:
    tab = join(reading, BEN, size=size, dark=dark)
    for path in PATHS:
        tab.open(path)
        expect(tab.page.get_by_text("Something went wrong")).to_have_count(0)
        tab.fits(path)
    assert tab.wrong == []


def test_deep_link__of_a_stranger__leads_through_sign_in_and_back(reading: str, join: Join) -> None:
    tab = join(reading)
    tab.page.goto(reading + "/request?id=req-7")
    expect(tab.page).to_have_url(re.compile("/sign-in"))
    tab.page.get_by_role("button", name=BEN).click()
    expect(tab.page).to_have_url(re.compile(r"/request\?id=req-7$"))
    expect(tab.page.locator("h1")).to_contain_text("census-income v7 to production")


def test_menu__every_entry__opens_its_page(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    titles = {name: name for name in ("Requests", "Models", "Compare", "Releases", "Coverage", "Queue")}
    for name, title in (titles | {"Why": "Why this prediction?", "Audit log": "Audit log"}).items():
        tab.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
        expect(tab.page.locator("h1")).to_have_text(title)
        expect(tab.page).to_have_url(re.compile("/(log|" + name.lower() + ")?$"))


@pytest.mark.parametrize(("old", "new", "title"), [
    ("/ledger?actor=Ana", "/log?actor=Ana", "Audit log"), ("/home", "/", "Queue"), ("/queue", "/", "Queue"),
])  # fmt: skip
def test_address__of_an_earlier_release__leads_to_its_page(
    reading: str, join: Join, old: str, new: str, title: str
) -> None:
    tab = join(reading, BEN)
    tab.open(old)
    expect(tab.page.locator("h1")).to_have_text(title)
    expect(tab.page).to_have_url(reading + new)


def test_approval__by_two_reviewers__is_signed_with_reasons_and_starts_the_rollout(server: str, join: Join) -> None:
    ben = join(server, BEN)
    ben.open("/request?id=req-6")
    ben.page.get_by_role("button", name="Approve").click()
    dialog = ben.page.get_by_role("dialog")
    expect(dialog).to_contain_text("move the alias champion from v5")
    expect(dialog).to_contain_text("signature 1 of 2")
    dialog.get_by_role("button", name="Sign and approve").click()
    expect(dialog).to_contain_text("The reason is empty")
    dialog.get_by_role("textbox").fill("No difference, and the cleaner data set.")
    dialog.get_by_role("button", name="Sign and approve").click()
    toast(ben.page, "Signed")
    expect(ben.page.get_by_text("1 of 2 signatures")).to_be_visible()
    expect(ben.page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(ben.page.get_by_text("each person counts once")).to_be_visible()

    chi = join(server, CHI)
    chi.page.get_by_role("link", name="census-income v6 to production").click()
    expect(chi.page.get_by_text("No difference, and the cleaner data set.")).to_be_visible()
    chi.page.get_by_role("button", name="Approve").click()
    chi.page.get_by_role("dialog").get_by_role("textbox").fill("Agreed.")
    chi.page.get_by_role("dialog").get_by_role("button", name="Sign and approve").click()
    toast(chi.page, "Signed")
    expect(chi.page.get_by_text("rolling out", exact=True)).to_be_visible()
    assert ben.wrong + chi.wrong == []


def test_signature__pressed_twice_at_once__is_written_once(server: str, join: Join) -> None:
    tab = join(server, BEN)
    tab.open("/request?id=req-6")
    tab.page.get_by_role("button", name="Approve").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("Twice.")
    dialog.get_by_role("button", name="Sign and approve").dblclick()
    toast(tab.page, "Signed")
    expect(tab.page.get_by_text("1 of 2 signatures")).to_be_visible()
    assert tab.page.locator(".cs-time li", has_text="Twice.").count() == 1


@pytest.mark.slow
def test_rejection__after_another_reviewer_was_faster__stays_in_the_dialog_with_its_reason(
    server: str, join: Join
) -> None:
    ben, chi = join(server, BEN), join(server, CHI)
    for tab in (ben, chi):
        tab.open("/request?id=req-6")
        tab.page.get_by_role("button", name="Reject").click()
        tab.page.get_by_role("dialog").get_by_role("textbox").fill(f"Not now, says {tab is ben}.")
    ben.page.get_by_role("dialog").get_by_role("button", name="Reject").click()
    toast(ben.page, "Rejected")
    dialog = chi.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Reject").click()
    expect(dialog).to_contain_text("The request is rejected")
    expect(dialog.get_by_role("textbox")).to_have_value("Not now, says False.")


def test_requester__sees_closed_actions_with_their_reason_and_can_withdraw(server: str, join: Join) -> None:
    tab = join(server, ANA)
    tab.open("/request?id=req-6")
    expect(tab.page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(tab.page.get_by_text("Only reviewers can decide")).to_be_visible()
    tab.page.get_by_role("button", name="Withdraw").click()
    tab.page.get_by_role("dialog").get_by_role("textbox").fill("A newer one comes.")
    tab.page.get_by_role("dialog").get_by_role("button", name="Withdraw the request").click()
    toast(tab.page, "Request withdrawn")
    expect(tab.page.get_by_text("withdrawn", exact=True)).to_be_visible()


def test_comment__with_markup__is_shown_as_text(server: str, join: Join) -> None:
    tab = join(server, BEN)
    tab.open("/request?id=req-6")
    text = "<img src=x onerror=alert(1)> **bold** :tada: $x$ [a](javascript:alert(1))"
    tab.page.get_by_role("textbox", name="Comment").fill(text)
    tab.page.get_by_role("button", name="Add comment").click()
    toast(tab.page, "Comment added")
    expect(tab.page.get_by_text(text)).to_be_visible()
    expect(tab.page.get_by_role("textbox", name="Comment")).to_have_value("")
    assert tab.wrong == []


@pytest.mark.slow
def test_rare_actions__of_a_reviewer__each_has_its_dialog_and_asks_why(server: str, join: Join) -> None:
    tab = join(server, BEN)
    steps = (
        ("Reassign", "Reassign", "Chiara knows it.", "Reassigned"),
        ("Snooze", "Snooze", "After the audit.", "Snoozed"),
        ("Raise a finding", "Raise finding", "Calibration is off above 0.8.", "Finding raised"),
    )
    for button, go, why, done in steps:
        tab.open("/request?id=req-6")
        tab.page.get_by_text("More", exact=True).click()
        tab.page.get_by_role("button", name=button).click()
        dialog = tab.page.get_by_role("dialog")
        dialog.get_by_role("textbox").last.fill(why)
        dialog.get_by_role("button", name=go).click()
        toast(tab.page, done)
        expect(dialog).to_have_count(0)
    tab.open("/")
    expect(tab.page.get_by_text("Calibration is off above 0.8.")).to_be_visible()
    assert tab.wrong == []


def test_break_glass__by_who_may__says_what_it_does_and_asks_for_the_emergency(server: str, join: Join) -> None:
    ben, ope = join(server, BEN), join(server, OPE)
    for tab in (ben, ope):
        tab.open("/request?id=req-6")
    ben.page.get_by_text("More", exact=True).click()
    expect(ben.page.get_by_role("button", name="Raise a finding")).to_be_visible()
    expect(ben.page.get_by_role("button", name="Break glass")).to_have_count(0)
    ope.page.get_by_text("More", exact=True).click()
    ope.page.get_by_role("button", name="Break glass").click()
    dialog = ope.page.get_by_role("dialog")
    expect(dialog).to_contain_text("bypasses signatures and checks")
    expect(dialog).to_contain_text("move the alias champion from v5")
    dialog.get_by_role("textbox").fill("The live model refuses every request.")
    dialog.get_by_role("button", name="Promote without signatures").click()
    toast(ope.page, "Glass broken")


def test_comment__that_names_people__says_who_was_notified_and_who_was_not(server: str, join: Join) -> None:
    tab = join(server, BEN)
    tab.open("/request?id=req-6")
    tab.page.get_by_role("textbox", name="Comment").fill("@ana.novak and @nobody.here, why?")
    tab.page.get_by_role("combobox", name="Notify").fill("Dee")
    tab.page.get_by_role("option", name="Dee Larsen").click()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Add comment").click()
    toast(tab.page, "nobody.here matches nobody, so nobody was notified by that name")
    expect(tab.page.locator(".cs-time").get_by_text("for Dee Larsen, Ana Novak")).to_be_visible()


def test_promotion__asked_for_on_the_version_page__opens_the_request(server: str, join: Join) -> None:
    tab = join(server, ANA)
    tab.open("/version?model=census-income&version=2")
    tab.page.get_by_role("button", name="Request promotion").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("move the alias champion to v2")
    dialog.get_by_role("textbox", name="Why should this").fill("It is the simplest one.")
    dialog.get_by_role("button", name="Collect evidence and submit").click()
    expect(tab.page).to_have_url(re.compile(r"/request\?id=req-"))
    expect(tab.page.locator("h1")).to_contain_text("census-income v2 to production")
    expect(tab.page.get_by_text("It is the simplest one.")).to_be_visible()


def test_promotion__while_mlflow_is_away__says_so_and_keeps_what_was_typed(join: Join) -> None:
    with serving("outage") as address:
        tab = join(address, ANA)
        tab.open("/version?model=census-income&version=2")
        expect(tab.page.get_by_text("MLflow cannot be reached.")).to_be_visible()
        expect(tab.page.get_by_text("(42 min ago)")).to_be_visible()
        tab.page.get_by_role("button", name="Request promotion").click()
        dialog = tab.page.get_by_role("dialog")
        dialog.get_by_role("textbox", name="Why should this").fill("A long thought.")
        dialog.get_by_role("button", name="Collect evidence and submit").click()
        expect(dialog).to_contain_text("MLflow does not answer")
        expect(dialog.get_by_role("textbox", name="Why should this")).to_have_value("A long thought.")
        tab.open("/release?project=census&run=13")
        expect(tab.page.get_by_text("This view is out of date.")).to_be_visible()


def test_models__searched_paged_and_shared__the_address_keeps_it_all(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    tab.open("/models")
    tab.page.get_by_role("searchbox", name="Search").fill("credit")
    expect(tab.page.get_by_text("60 versions of credit-risk")).to_be_visible()
    tab.page.get_by_test_id("stPagination").get_by_role("button", name="Page 2", exact=True).click()
    expect(tab.page.get_by_text("26 to 50 shown")).to_be_visible()
    expect(tab.page).to_have_url(re.compile("models_page=2"))
    other = join(reading, DEE)
    other.open(tab.page.url.removeprefix(reading))
    expect(other.page.get_by_text("26 to 50 shown")).to_be_visible()
    tab.page.get_by_role("button", name="Filters").click()
    tab.page.get_by_test_id("stPopoverBody").get_by_label("Tests").click()
    tab.page.get_by_role("option", name="failed").click()
    expect(tab.page.get_by_text("8 versions of credit-risk · 1 to 8 shown")).to_be_visible()


def test_models__button_in_a_row__opens_that_version(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    tab.open("/models?q=census")
    grid = tab.page.get_by_test_id("stDataFrame").bounding_box()
    assert grid is not None
    tab.page.mouse.click(grid["x"] + 127, grid["y"] + 35 + 38 * 1.5)
    expect(tab.page).to_have_url(re.compile(r"/version\?model=census-income&version=7"))


def test_models__two_rows_selected__are_compared(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    tab.open("/models?q=census")
    grid = tab.page.get_by_test_id("stDataFrame").bounding_box()
    assert grid is not None
    for row in (1, 3):
        tab.page.mouse.click(grid["x"] + 18, grid["y"] + 35 + 38 * (row + 0.5))
    tab.page.get_by_role("button", name="Compare 2 versions").click()
    expect(tab.page).to_have_url(re.compile(r"/compare\?model=census-income&versions=5(,|%2C)7"))
    expect(tab.page.get_by_text("Harm: worse for sex=Female than v5")).to_be_visible()
    expect(tab.page.locator(".js-plotly-plot").first).to_be_visible()
    assert tab.wrong == []


@pytest.mark.parametrize("name", [world.NASTY, world.HOSTILE, world.LONG], ids=["markup", "address", "long"])
def test_awkward_name__on_a_phone__its_link_leads_to_it_and_it_is_text(reading: str, join: Join, name: str) -> None:
    tab = join(reading, BEN, size=PHONE)
    tab.open("/models?" + urlencode({"q": name[:12]}))
    tab.page.locator(".st-key-cs-narrow [data-testid=stPageLink] a:visible").first.click()
    heading = tab.page.locator("h1.cs-name")
    expect(heading).to_be_visible()
    assert (heading.get_attribute("title") or "").startswith(f"{name} v")
    assert tab.page.locator("[data-testid=stMain] script, [data-testid=stMain] b:has-text('detector')").count() <= 1
    assert tab.sideways() <= 0
    tab.page.reload()
    tab.settle()
    assert (tab.page.locator("h1.cs-name").get_attribute("title") or "").startswith(f"{name} v")
    assert tab.wrong == []


def test_model_card__with_attacks__is_rendered_without_them(reading: str, join: Join) -> None:
    tab = join(reading, BEN)
    tab.open("/version?model=census-income&version=5")
    tab.page.get_by_role("tab", name="Documentation").click()
    expect(tab.page.get_by_role("heading", name="Census income")).to_be_visible()
    expect(tab.page.get_by_text("<script>alert('card')</script>")).to_be_visible()
    assert tab.page.locator("[data-testid=stMarkdownContainer] img").count() == 0
    assert tab.page.locator("a[href^='javascript']").count() == 0
    assert tab.wrong == []


def test_release__while_it_runs__moves_by_itself_and_an_operator_can_stop_it(server: str, join: Join) -> None:
    tab = join(server, OPE)
    tab.open("/release?project=census&run=13")
    first = tab.page.locator(".cs-stages > li").nth(1)
    expect(first).to_contain_text("running")
    before = first.inner_text()
    expect(first).not_to_have_text(before, use_inner_text=True)
    tab.page.get_by_role("button", name="Cancel release").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Cancel release").click()
    toast(tab.page, "Azure DevOps is cancelling the run")
    expect(tab.page.get_by_test_id("stCode").first).to_contain_text("<b>scored</b> 20 records")


def test_release__pending_approval__is_decided_by_an_operator_in_place(server: str, join: Join) -> None:
    tab = join(server, OPE)
    tab.open("/release?project=census&run=13")
    tab.page.get_by_role("tab", name="Approvals").click()
    tab.page.get_by_role("button", name="Approve the stage").click()
    dialog = tab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("name you in the comment")
    dialog.get_by_role("textbox").fill("The window is open.")
    dialog.get_by_role("textbox").press("Tab")
    dialog.get_by_role("button", name="Approve", exact=True).click()
    toast(tab.page, "Azure DevOps has the decision")
    tab.page.get_by_role("tab", name="Deployments").click()
    expect(tab.page.get_by_text("this release").first).to_be_visible()
    assert tab.wrong == []


def test_ledger__verified_and_filtered__shows_raw_entries_as_text(reading: str, join: Join) -> None:
    tab = join(reading, DEE)
    tab.open("/log")
    tab.page.get_by_role("button", name="Verify the whole ledger").click()
    expect(tab.page.get_by_text("All 120 entries verified against 3 signed checkpoints").first).to_be_visible()
    tab.page.get_by_role("searchbox", name="Who").fill("chiara")
    expect(tab.page.get_by_text("40 entries, newest first")).to_be_visible()
    tab.page.get_by_text("Raw entry").first.click()
    expect(tab.page.locator(".cs-time details pre").first).to_contain_text('"text":"<script>"')


def test_why__picked_from_the_list__answers_with_sources(reading: str, join: Join) -> None:
    tab = join(reading, DEE)
    tab.open("/why")
    tab.page.get_by_role("link", name="3f1c-0001").click()
    expect(tab.page.get_by_text("was live in production since")).to_be_visible()
    expect(tab.page).to_have_url(re.compile("prediction=3f1c-0001"))
    expect(tab.page.get_by_text("contradicted").first).to_be_visible()


def test_sign_out__in_one_tab__ends_the_other_at_its_next_step(server: str, join: Join) -> None:
    tab = join(server, BEN)
    other = tab.page.context.new_page()
    other.goto(server + "/requests")
    expect(other.locator("h1")).to_have_text("Requests")
    tab.page.get_by_role("link", name="Switch person").click()
    expect(tab.page).to_have_url(re.compile("/sign-in"))
    other.get_by_role("radio", name="all").or_(other.get_by_role("button", name="all", exact=True)).first.click()
    expect(other.get_by_text("You are signed out")).to_be_visible()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab as somebody without a mouse does, until the focus is there; nowhere may it be caught."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"No way by Tab to {target}; the focus is at {page.evaluate('document.activeElement.outerHTML')[:300]}")


def test_keyboard__alone__makes_one_whole_decision(server: str, join: Join) -> None:
    tab = join(server, BEN)
    page, key = tab.page, tab.page.keyboard
    tab_to(page, page.get_by_role("link", name="census-income v6 to production"))
    key.press("Enter")
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    tab.settle()
    tab_to(page, page.get_by_role("link", name="Go to the decision"))
    expect(page.get_by_role("link", name="Go to the decision")).to_be_in_viewport()
    key.press("Enter")
    approve = page.get_by_role("button", name="Approve")
    tab_to(page, approve)
    key.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    key.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(approve).to_be_focused()
    key.press("Enter")
    tab_to(page, page.get_by_role("textbox", name="Reason"))
    key.type("Read from top to bottom, without a mouse.")
    tab_to(page, page.get_by_role("button", name="Sign and approve"))
    key.press("Enter")
    expect(page.get_by_text("1 of 2 signatures").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert tab.wrong == []
