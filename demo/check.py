"""The main user journey, as people do it: clicking in a real headless browser."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from demo import check_why
from demo.layout import Layout
from demo.people import ANA, CHLOE, DEV, DemoPerson
from demo.show import Progress
from demo.traffic import score
from demo.world.names import MODEL

CANDIDATE = 5
RELEASE_MS = 300_000
SLOW_MS = 60_000
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main_job(layout: Layout, progress: Progress) -> bool:
    """Browse, compare, request, approve, release, ledger, answer; True if all of it worked."""
    from playwright.sync_api import Error, sync_playwright

    chromium = find_chromium()
    if chromium is None:
        progress.say("Chromium is not installed (Debian: apt-get install chromium), so the check cannot run.")
        return False
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            Walk(browser, layout, progress).go()
        except (Error, AssertionError) as error:
            progress.say(f"It stopped here: {error}")
            return False
        finally:
            browser.close()
    return True


def find_chromium() -> str | None:
    """Debian's Chromium, or what CHROMIUM names."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


class Walk:
    """One walk through the portal."""

    def __init__(self, browser: Any, layout: Layout, progress: Progress) -> None:
        self._browser = browser
        self._layout = layout
        self._progress = progress
        self._pictures = os.environ.get("COUNTERSIGN_CHECK_PICTURES", "")

    def go(self) -> None:
        """All steps in order."""
        with self._as(ANA) as page:
            self._browse(page)
            self._look_at_version(page)
            self._compare(page)
            request = self._ask(page)
        with self._as(CHLOE) as page:
            self._approve(page, request)
            self._follow(page, request)
        with self._as(DEV) as page:
            self._read_ledger(page)
            prediction, sentence = self._ask_why(page)
            self._ask_the_model(page)
            self._take_dossier(page)
            self._registry_moved()
            self._forget_in_mlflow(page, prediction, sentence)

    def _browse(self, page: Any) -> None:
        with self._progress.step("Ana searches the models"):
            page.goto(f"{self._layout.portal_url}/models?q=census")
            self._see(page, re.compile(r"8 versions"))
            self._picture(page, "models")

    def _look_at_version(self, page: Any) -> None:
        with self._progress.step(f"Ana looks at v{CANDIDATE}: lineage, metrics, tests"):
            page.goto(f"{self._layout.portal_url}/version?model={MODEL}&version={CANDIDATE}")
            self._see(page, "Lineage")
            self._see(page, "adult-census-train")
            page.get_by_role("tab", name="Tests").click()
            self._see(page, re.compile(r"model\.xml"))
            self._picture(page, "version")

    def _compare(self, page: Any) -> None:
        with self._progress.step("Ana compares it with the live version"):
            page.goto(f"{self._layout.portal_url}/compare?model={MODEL}&versions=4,{CANDIDATE}")
            self._see(page, re.compile("better", re.IGNORECASE))
            page.locator(".js-plotly-plot").first.wait_for(timeout=SLOW_MS)
            self._picture(page, "compare")

    def _ask(self, page: Any) -> str:
        with self._progress.step("Ana requests the promotion"):
            page.goto(f"{self._layout.portal_url}/version?model={MODEL}&version={CANDIDATE}")
            page.get_by_role("button", name="Request promotion").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_role("textbox").last.fill("Better than the forest on every slice.")
            dialog.get_by_role("textbox").last.press("Tab")
            dialog.get_by_role("button", name="Collect evidence and submit").click()
            page.wait_for_url(re.compile(r"/request\?id="), timeout=SLOW_MS)
            self._see(page, "Decide")
            return re.search(r"id=([\w-]+)", page.url)[1]  # type: ignore[index]  # waited for just above

    def _approve(self, page: Any, request: str) -> None:
        with self._progress.step("Chloé reads the request and approves"):
            page.goto(f"{self._layout.portal_url}/request?id={request}")
            self._see(page, "move the alias champion from v4 to v5")
            self._picture(page, "request")
            page.get_by_role("button", name="Approve").first.click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_role("textbox").last.fill("Better, no slice harmed, tests complete.")
            dialog.get_by_role("textbox").last.press("Tab")
            dialog.get_by_role("button", name="Sign and approve").click()
            self._see(page, re.compile("rolling out", re.IGNORECASE))

    def _follow(self, page: Any, request: str) -> None:
        with self._progress.step("the registry moves and the release runs"):
            page.get_by_text(re.compile("promoted", re.IGNORECASE)).first.wait_for(timeout=RELEASE_MS)
            page.goto(f"{self._layout.portal_url}/releases")
            self._see(page, re.compile(request))
            self._picture(page, "releases")

    def _read_ledger(self, page: Any) -> None:
        with self._progress.step("Dev reads and verifies the ledger"):
            page.goto(f"{self._layout.portal_url}/ledger")
            page.get_by_role("button", name=re.compile("verify", re.IGNORECASE)).first.click()
            self._see(page, re.compile("entries verified against"))
            self._picture(page, "ledger")

    def _ask_why(self, page: Any) -> tuple[str, str]:
        with self._progress.step("Dev asks why the model made a prediction"):
            prediction = score(self._layout, MODEL, range(500, 501))[0]
            page.goto(f"{self._layout.portal_url}/why?prediction={prediction}")
            self._see(page, re.compile(rf"{MODEL} v{CANDIDATE} answered this.*approved by Chloé Martin"))
            self._picture(page, "why")
            return prediction, page.locator(check_why.ANSWER).inner_text()

    def _ask_the_model(self, page: Any) -> None:
        with self._progress.step("the same version scores it again and explains the answer"):
            check_why.score_again(page)
            check_why.show_reasons(page)
            self._picture(page, "reasons")

    def _take_dossier(self, page: Any) -> None:
        with self._progress.step("Dev downloads the dossier, and an independent script verifies it"):
            check_why.verify_offline(check_why.download_dossier(page), self._layout)

    def _forget_in_mlflow(self, page: Any, prediction: str, sentence: str) -> None:
        with self._progress.step("version and run are deleted in MLflow; the answer stays the same"):
            check_why.delete_in_mlflow(self._layout, CANDIDATE)
            page.goto(f"{self._layout.portal_url}/models?q=census")
            self._see(page, re.compile(r"7 versions"))
            page.goto(f"{self._layout.portal_url}/why?prediction={prediction}")
            page.locator(check_why.ANSWER).wait_for()
            answers = [
                page.locator(check_why.ANSWER).inner_text(),
                check_why.answer_of_command(self._layout, prediction),
            ]
            assert answers == [sentence, sentence], answers
            self._picture(page, "why-without-mlflow")

    def _registry_moved(self) -> None:
        with self._progress.step("MLflow and the endpoint agree"):
            api = f"{self._layout.mlflow_url}/api/2.0/mlflow/registered-models/alias"
            alias = requests.get(api, params={"name": MODEL, "alias": "champion"}, timeout=10).json()
            version = alias["model_version"]
            assert (version["version"], version["current_stage"]) == (str(CANDIDATE), "Production"), version
            served = requests.get(f"{self._layout.serving_url}/endpoints/{MODEL}", timeout=10).json()
            assert served["version"] == str(CANDIDATE), served

    @contextmanager
    def _as(self, person: DemoPerson) -> Iterator[Any]:
        """A separate browser for this person; a request to any other host, or a page error, fails the check."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        outside: list[str] = []
        page.on("request", lambda r: None if _is_local(r.url) else outside.append(r.url))
        page.goto(f"{self._layout.portal_url}/")
        page.get_by_role("button", name=re.compile(person.name)).first.click()
        page.get_by_role("heading", level=1).first.wait_for()
        yield page
        assert not outside, f"the page called another host: {outside[:3]}"
        context.close()

    def _see(self, page: Any, text: str | re.Pattern[str]) -> None:
        page.get_by_text(text).first.wait_for(timeout=SLOW_MS)

    def _picture(self, page: Any, name: str) -> None:
        if self._pictures:
            time.sleep(2.5)
            Path(self._pictures).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=f"{self._pictures}/{name}.png")


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1", "data:", "blob:"))
