"""Signing in through a real OpenID Connect provider, in a real browser."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, QUICK, ROOT, SLOW, _wait_for, end, free_port

pytestmark = pytest.mark.browser


@dataclass
class Office:
    """A portal and its identity provider."""

    portal: str
    provider: str
    folder: Path

    def person(self, sub: str, name: str, groups: list[str], **more: object) -> None:
        claims = {"name": name, "email": f"{sub}@example.com", "groups": groups, **more}
        self._send("PUT", f"/users/{sub}", json.dumps(claims).encode())

    def close_account(self, sub: str) -> None:
        self._send("POST", f"/users/{sub}/revoke-tokens", b"")

    def ledger(self) -> list[tuple[str, str]]:
        with sqlite3.connect(self.folder / "portal.db") as connection:
            return connection.execute("SELECT action, actor_id FROM ledger_entry ORDER BY seq").fetchall()

    def let_time_pass(self) -> None:
        """An hour since everybody proved who they are."""
        with sqlite3.connect(self.folder / "portal.db", timeout=30) as connection:
            connection.execute("UPDATE sign_in_session SET authenticated = datetime(authenticated, '-1 hour')")

    def until(self, action: str) -> None:
        """Wait until the ledger says so."""
        deadline = time.monotonic() + SLOW / 1000
        while not any(found == action for found, _ in self.ledger()):
            assert time.monotonic() < deadline, f"The ledger never said {action}."
            time.sleep(0.1)

    def _send(self, method: str, path: str, body: bytes) -> None:
        asked = Request(self.provider + path, body, {"Content-Type": "application/json"}, method=method)
        with urlopen(asked, timeout=5):
            pass


@contextmanager
def office(folder: Path, provider: str, *settings: str) -> Iterator[Office]:
    port = free_port()
    command = [sys.executable, "-m", "tests.oidc_app", str(port), str(folder), provider, *settings]
    with (folder / "portal.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | QUICK, stdout=log, stderr=log)
    found = Office(f"http://127.0.0.1:{port}", provider, folder)
    try:
        _wait_for(f"{found.portal}/readyz", process)
        found.person("ben", "Ben Okafor", ["reviewers"])
        found.person("ana", "Ana Ruiz", ["scientists"])
        found.person("nobody", "Nora Body", ["canteen"])
        yield found
    finally:
        end(process)


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    environment = os.environ | {"AUTHLIB_INSECURE_TRANSPORT": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        _wait_for(f"{address}/.well-known/openid-configuration", process)
        yield address
    finally:
        end(process)


@pytest.fixture(scope="module")
def place(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with office(tmp_path_factory.mktemp("office"), provider) as found:
        yield found


Enter = Callable[[], Page]


@pytest.fixture
def enter(browser: Browser) -> Iterator[Enter]:
    contexts: list[BrowserContext] = []

    def go() -> Page:
        contexts.append(browser.new_context(viewport=DESKTOP))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.set_default_timeout(SLOW)
        return page

    yield go
    for context in contexts:
        context.close()


def sign_in(page: Page, place: Office, sub: str, path: str = "/") -> None:
    """As a person does: open the portal, be led to the provider, say who one is."""
    page.goto(place.portal + path)
    expect(page).to_have_url(re.compile(re.escape(place.provider)))
    page.locator("input[name=sub]").fill(sub)
    page.get_by_role("button", name="Authorize").click()
    page.locator("h1").first.wait_for()


def cookie_of(page: Page) -> str:
    return next(c["value"] for c in page.context.cookies() if c["name"] == "countersign_session")


def shows_sidebar(page: Page, name: str) -> None:
    expect(page.get_by_test_id("stSidebar")).to_contain_text(name, timeout=SLOW)


def test_sign_in__deep_link__survives_and_roles_decide_what_is_open(place: Office, enter: Enter) -> None:
    page = enter()
    sign_in(page, place, "ben", "/request?id=req-6")
    expect(page).to_have_url(re.compile(r"/request\?id=req-6$"))
    shows_sidebar(page, "Ben Okafor")
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    assert place.ledger()[-1] == ("session:user:signed_in", f"{place.provider}|ben")


@pytest.mark.slow
def test_sign_in__of_a_scientist__does_not_open_the_reviewers_buttons(place: Office, enter: Enter) -> None:
    page = enter()
    sign_in(page, place, "ana", "/request?id=req-6")
    shows_sidebar(page, "Ana Ruiz")
    expect(page.get_by_text("Only reviewers can decide").first).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()


def test_sign_in__without_a_group_that_counts__shows_nothing_of_the_portal(place: Office, enter: Enter) -> None:
    page = enter()
    sign_in(page, place, "nobody", "/models")
    expect(page.get_by_text("none of your groups has a role")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    expect(page.get_by_text("census-income")).to_have_count(0)


def test_sign_in__denied_at_the_provider__is_told_with_a_way_on(place: Office, enter: Enter) -> None:
    page = enter()
    page.goto(place.portal + "/models")
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("status")).to_contain_text("did not sign you in (access_denied)")
    page.get_by_role("link", name="Try again").click()
    expect(page).to_have_url(re.compile(re.escape(place.provider)))


def test_cookie__many_groups__stays_small_and_the_page_works(place: Office, enter: Enter) -> None:
    place.person("big", "Bea Big", ["reviewers", *(f"{n:08d}-0000-4000-8000-000000000000" for n in range(2000))])
    page = enter()
    sign_in(page, place, "big", "/models")
    shows_sidebar(page, "Bea Big")
    sent = page.context.cookies(place.portal)
    assert sum(len(c["name"]) + len(c["value"]) for c in sent) < 500
    session = next(c for c in sent if c["name"] == "countersign_session")
    assert (session["httpOnly"], session["sameSite"]) == (True, "Lax")
    assert len(session["value"]) < 60


def test_two_people__at_once__stay_themselves(place: Office, enter: Enter) -> None:
    ben, ana = enter(), enter()
    sign_in(ben, place, "ben", "/models")
    sign_in(ana, place, "ana", "/models")
    for page, name in ((ben, "Ben Okafor"), (ana, "Ana Ruiz"), (ben, "Ben Okafor")):
        page.reload()
        shows_sidebar(page, name)
    assert cookie_of(ben) != cookie_of(ana)


def test_two_tabs__that_begin_to_sign_in_at_once__both_arrive(place: Office, enter: Enter) -> None:
    first = enter()
    second = first.context.new_page()
    for page, path in ((first, "/models"), (second, "/log")):
        page.goto(place.portal + path)
        page.locator("input[name=sub]").wait_for()
    for page, path in ((first, "/models"), (second, "/log")):
        page.locator("input[name=sub]").fill("ben")
        page.get_by_role("button", name="Authorize").click()
        expect(page).to_have_url(place.portal + path)
    shows_sidebar(second, "Ben Okafor")


def test_sign_out__ends_it_here_and_at_the_provider_and_in_other_tabs(place: Office, enter: Enter) -> None:
    page = enter()
    sign_in(page, place, "ben", "/models")
    shows_sidebar(page, "Ben Okafor")
    other = page.context.new_page()
    other.goto(place.portal + "/models")
    shows_sidebar(other, "Ben Okafor")
    kept = cookie_of(page)

    page.get_by_role("link", name="Sign out").click()
    expect(page).to_have_url(re.compile(re.escape(place.provider) + "/oauth2/end_session"))
    page.get_by_role("button").first.click()
    expect(page).to_have_url(place.portal + "/signed-out")
    assert not [c for c in page.context.cookies() if c["name"] == "countersign_session"]

    other.get_by_test_id("stSidebarNav").get_by_role("link", name="Audit log", exact=True).click()
    expect(other.get_by_text("You are signed out")).to_be_visible()
    expect(other.get_by_test_id("stSidebarNav")).to_have_count(0)

    thief = enter()
    thief.context.add_cookies([{"name": "countersign_session", "value": kept, "url": place.portal}])
    thief.goto(place.portal + "/models")
    expect(thief).to_have_url(re.compile(re.escape(place.provider)))
    assert place.ledger()[-1][0] == "session:user:signed_out"


def test_pages__after_sign_in__break_no_content_security_rule(place: Office, enter: Enter) -> None:
    page = enter()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if "Content Security Policy" in m.text else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(page, place, "ben", "/models")
    shows_sidebar(page, "Ben Okafor")
    assert wrong == []


def test_role__removed_at_the_provider__closes_the_buttons_without_a_new_sign_in(
    provider: str, enter: Enter, tmp_path: Path
) -> None:
    with office(tmp_path, provider, "roles_refresh=1") as place:
        page = enter()
        sign_in(page, place, "ben", "/request?id=req-6")
        expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        place.person("ben", "Ben Okafor", ["scientists"])
        place.until("access:role:revoked")
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("Only reviewers can decide").first).to_be_visible()
        assert ("access:role:revoked", "system") in place.ledger()


@pytest.mark.slow
def test_account__closed_at_the_provider__loses_its_session(provider: str, enter: Enter, tmp_path: Path) -> None:
    with office(tmp_path, provider, "roles_refresh=1") as place:
        page = enter()
        sign_in(page, place, "ben", "/models")
        shows_sidebar(page, "Ben Okafor")
        place.close_account("ben")
        page.wait_for_timeout(2500)
        page.reload()
        expect(page).to_have_url(re.compile(re.escape(place.provider)))


def test_session__too_old__leads_through_the_provider_back_to_the_same_page(
    provider: str, enter: Enter, tmp_path: Path
) -> None:
    with office(tmp_path, provider, "session_max_age=6") as place:
        page = enter()
        sign_in(page, place, "ben", "/log")
        signed_in = time.monotonic()
        shows_sidebar(page, "Ben Okafor")
        page.wait_for_timeout(max(0, signed_in + 6.5 - time.monotonic()) * 1000)
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Models", exact=True).click()
        expect(page.get_by_text("You are signed out")).to_be_visible()
        page.get_by_role("link", name="Sign in").click()
        expect(page).to_have_url(re.compile(re.escape(place.provider)))
        page.locator("input[name=sub]").fill("ben")
        page.get_by_role("button", name="Authorize").click()
        expect(page).to_have_url(re.compile("/models"))


HOUR = 3600


@pytest.fixture(scope="module")
def strict(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Every policy asks for a fresh sign-in."""
    with office(tmp_path_factory.mktemp("strict"), provider, "reauthenticate=1") as found:
        yield found


def asked(place: Office, ago: float, *, sub: str = "ben") -> None:
    """The provider's word on when it last asked a reviewer for the password."""
    name = {"ben": "Ben Okafor", "cleo": "Cleo Lund"}[sub]
    place.person(sub, name, ["reviewers"], auth_time=int(time.time() - ago))


def prove_again(page: Page, place: Office, *, sub: str = "ben") -> None:
    """Take the way that the request's page offers, and say again who one is."""
    page.get_by_role("link", name="Sign in again").click()
    expect(page).to_have_url(re.compile(re.escape(place.provider)))
    sent = parse_qs(urlsplit(page.url).query)
    assert (sent["prompt"], sent["max_age"]) == (["login"], ["0"])
    page.locator("input[name=sub]").fill(sub)
    page.get_by_role("button", name="Authorize").click()


def test_signature__policy_asks_for_a_fresh_sign_in__takes_one_and_comes_back_to_the_request(
    strict: Office, enter: Enter
) -> None:
    page = enter()
    asked(strict, ago=HOUR)
    sign_in(page, strict, "ben", "/request?id=req-6")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(page.get_by_text("The policy requires a fresh sign-in").first).to_be_visible()
    expect(page.get_by_role("button", name="Reject")).to_be_enabled()
    asked(strict, ago=0)
    prove_again(page, strict)
    expect(page).to_have_url(strict.portal + "/request?id=req-6")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("textbox", name="Reason").fill("Looks right.")
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.get_by_text("1 of 2 signatures")).to_be_visible()


@pytest.mark.slow
def test_signature__sign_in_too_old_by_the_time_of_the_reason__keeps_the_reason_over_the_way_to_the_provider(
    strict: Office, enter: Enter
) -> None:
    page = enter()
    asked(strict, ago=0, sub="cleo")
    sign_in(page, strict, "cleo", "/request?id=req-6")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("textbox", name="Reason").fill("Read for a long time.")
    strict.let_time_pass()
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.get_by_role("dialog").get_by_text("The policy requires a fresh sign-in")).to_be_visible()
    page.get_by_role("button", name="Back").click()
    asked(strict, ago=0, sub="cleo")
    prove_again(page, strict, sub="cleo")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("textbox", name="Reason")).to_have_value("Read for a long time.")
    page.get_by_role("button", name="Sign and approve").click()
    expect(page.get_by_text(re.compile("[12] of 2 signatures"))).to_be_visible()


@pytest.mark.slow
def test_signature__provider_that_does_not_ask_again__is_refused_with_a_way_back(strict: Office, enter: Enter) -> None:
    page = enter()
    asked(strict, ago=HOUR)
    sign_in(page, strict, "ben", "/request?id=req-7")
    prove_again(page, strict)
    expect(page.get_by_text("did not confirm a fresh sign-in")).to_be_visible()
    again = page.get_by_role("link", name="Try again").get_attribute("href")
    assert again == "/sign-in?fresh=1&next=%2Frequest%3Fid%3Dreq-7"
    page.get_by_role("link", name="Go back").click()
    expect(page).to_have_url(strict.portal + "/request?id=req-7")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    expect(page.get_by_text("The policy requires a fresh sign-in").first).to_be_visible()


def test_dialog__left_open_while_the_role_is_taken_away__signs_nothing(
    provider: str, enter: Enter, tmp_path: Path
) -> None:
    with office(tmp_path, provider, "roles_refresh=1") as place:
        page = enter()
        sign_in(page, place, "ben", "/request?id=req-6")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("textbox", name="Reason").fill("Looks right.")
        place.person("ben", "Ben Okafor", ["scientists"])
        place.until("access:role:revoked")
        page.get_by_role("button", name="Sign and approve").click()
        expect(page.get_by_role("dialog").get_by_text("Only reviewers can decide")).to_be_visible()
        page.reload()
        expect(page.get_by_text("0 of 2 signatures")).to_be_visible()


@pytest.mark.slow
def test_dialog__left_open_while_somebody_signs_out_elsewhere__signs_nothing(place: Office, enter: Enter) -> None:
    page = enter()
    sign_in(page, place, "ben", "/request?id=req-6")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("textbox", name="Reason").fill("Looks right.")
    page.context.new_page().goto(place.portal + "/sign-out")
    page.get_by_role("button", name="Sign and approve").click()
    expect(
        page.get_by_text("You are not signed in any more").or_(page.get_by_text("You are signed out"))
    ).to_be_visible()
    sign_in(page, place, "ben", "/request?id=req-6")
    expect(page.get_by_text("0 of 2 signatures")).to_be_visible()
