"""The real portal over a real MLflow and Azure DevOps server that are killed, slow, or answer rubbish.

Every page must answer, say what is missing and how old the data are, and never show a traceback.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from services.bootstrap.portal import OpenedPortal, build_portal
from services.domain.identity.people import Actor, Person, Role
from services.domain.promotions.requests import DecisionKind
from services.domain.registry import VersionKey
from services.settings import Settings, load_settings
from tests.browser.conftest import Join, Tab
from tests.mlflow_seed import Seed
from tests.mlflow_server import MlflowServer, mlflow_server
from tests.outside.azure import PROJECT, TOKEN, AzureProcess, azure_process
from tests.outside.portal import portal_process
from tests.outside.proxy import Mode, Proxy, proxy_to

pytestmark = [
    pytest.mark.timeout(600), pytest.mark.browser, pytest.mark.integration, pytest.mark.outage,
]  # fmt: skip

ODD = "o d d \"q\" 'a' <b>bold *md* [x](y) 🚲 100%_\\ & ? # + =;$x$ <img src=x onerror=alert(1)>"
"""All that MLflow takes: it refuses slashes and colons."""
PLAIN, BARE, EMPTY_RUN = "plain", "without a run", "run without anything"
ANA = Actor(Person("ana.ruiz", "Ana Ruiz"), frozenset({Role.DATA_SCIENTIST}))
BEN = Actor(Person("ben.okafor", "Ben Okafor"), frozenset({Role.REVIEWER}))
SOON = 45_000
"""Milliseconds that a page may take at the very most, on a busy machine; MLflow's own client would wait for minutes."""
NOTICED = 180_000
"""Milliseconds until the background work has looked at everything once more."""
JUNIT = b'<testsuite name="<b>s</b>"><testcase name="a &lt;i&gt; case" classname="c"/></testsuite>'
GOVERNANCE = f"""
version: 1
environments:
  production:
    stage: Production
    alias: champion
    pipeline: {{project: {PROJECT}, id: 1}}
policies:
  - {{models: "*", environment: production, quorum: 1, expires_after_days: 7, checks: []}}
"""
PATHS = (
    "/", "/models", "/version?model=plain&version=1", "/compare?model=plain&versions=1,2", "/requests", "/releases", "/log", "/why",
)  # fmt: skip


@dataclass
class Outside:
    """MLflow, Azure DevOps, and the doors that the portal knows of them."""

    mlflow: MlflowServer
    azure: AzureProcess
    mlflow_door: Proxy
    azure_door: Proxy
    folder: Path

    def settings(self) -> dict[str, str]:
        return {
            "database_url": f"sqlite:///{self.folder / 'portal.db'}",
            "data_dir": str(self.folder / "data"),
            "governance_file": str(self.folder / "governance.yaml"),
            "mlflow_url": self.mlflow_door.url,
            "mlflow_timeout": "2",
            "mlflow_sync_timeout": "4",
            "azure_devops_url": f"{self.azure_door.url}/demo",
            "azure_devops_token": TOKEN,
            "azure_devops_timeout": "2",
            "sync_interval": "1",
            "worker_interval": "1",
        }


@dataclass
class Site:
    """The portal's address, and what stands behind it."""

    address: str
    outside: Outside
    request: str
    run: int


def seed(server: MlflowServer) -> None:
    """Models with every gap and with names that bite."""
    writing = Seed(server)
    experiment = writing.experiment("e <i>x</i>")
    files = {"tests/<b>.xml": JUNIT, "model_card.md": b"# Card\n\n<script>alert(1)</script> **bold**"}
    for model in (ODD, PLAIN, BARE, EMPTY_RUN):
        writing.model(model, description="d <b>x</b> *y*")
    for number in (1, 2):
        run = writing.run(
            experiment, metrics={"auc": 0.9 + number / 100, "odd: metric": "NaN"}, params={"odd: param": "<i>v</i>"},
            tags={"mlflow.user": "u <script>alert(1)</script>"}, files=files,
        )  # fmt: skip
        writing.dataset(run.run_id, "data <b>", "abc123", context="training", rows=3)
        for model in (ODD, PLAIN):
            writing.version(model, f"mlflow-artifacts:/{run.root}", run_id=run.run_id, tags={"odd tag": "<u>v</u>"})
    writing.version(BARE, "s3://nowhere/model")
    empty = writing.run(experiment)
    writing.version(EMPTY_RUN, f"mlflow-artifacts:/{empty.root}", run_id=empty.run_id)


def settings_of(named: Mapping[str, str]) -> Settings:
    return load_settings(_env_file=None, **named)


def promote(opened: OpenedPortal) -> tuple[str, int]:
    """A request for the odd model, approved and rolled out as far as the running pipeline."""
    assert opened.sync.beat()
    made = opened.portal.promotions.open(ANA, VersionKey(ODD, 1), "production", reason="<b>because</b> *it* is")
    opened.portal.promotions.decide(
        BEN, made.id, DecisionKind.APPROVE, seen=made.plan_digest, reason="fine", idempotency_key="one"
    )
    end = time.monotonic() + 60
    while time.monotonic() < end:
        opened.worker.run_once()
        found = opened.portal.promotions.detail(ANA, made.id).release
        if found and opened.portal.releases.find().total:
            return made.id, found[1]
        time.sleep(0.5)
    raise AssertionError(opened.portal.promotions.detail(ANA, made.id).rollout)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("outside")
    (folder / "governance.yaml").write_text(GOVERNANCE)
    with ExitStack() as stack:
        mlflow = stack.enter_context(mlflow_server(folder / "mlflow"))
        seed(mlflow)
        azure = stack.enter_context(azure_process(folder / "azure"))
        doors = [stack.enter_context(proxy_to(port)) for port in (int(mlflow.url.split(":")[2]), azure.port)]
        outside = Outside(mlflow, azure, *doors, folder)
        opened = build_portal(settings_of(outside.settings()))
        try:
            request, run = promote(opened)
        finally:
            opened.close()
        address = stack.enter_context(portal_process(folder / "portal", outside.settings()))
        yield Site(address, outside, request, run)


@pytest.fixture(autouse=True)
def mended(site: Site) -> Iterator[None]:
    """After each test both doors are open again."""
    yield
    site.outside.mlflow_door.become(Mode.PASS)
    site.outside.azure_door.become(Mode.PASS)


def banner(page: Page, system: str) -> None:
    """The banner that names the system and says how old the data are, once the portal has noticed."""
    end = time.monotonic() + NOTICED / 1000
    # A release's page says by itself that it is out of date; that is another line.
    shown = page.get_by_test_id("stAlert").filter(
        has_text=re.compile(rf"{system} cannot be reached\. (Showing|It has)")
    )
    while not shown.count() and time.monotonic() < end:
        page.reload()
        page.locator("h1").first.wait_for(timeout=SOON)
        page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=SOON)
    expect(shown.first).to_contain_text(re.compile(r"Showing data as of \d{4}-\d\d-\d\d \d\d:\d\d UTC \(.+\)"))


def healthy(tab: Tab, path: str = "/") -> None:
    """No banner any more."""
    end = time.monotonic() + NOTICED / 1000
    while time.monotonic() < end:
        tab.open(path)
        if not tab.page.get_by_text("cannot be reached.").count():
            return
        tab.page.wait_for_timeout(500)
    pytest.fail("The banner stays after the server is back.")


def quick(tab: Tab, path: str) -> None:
    """The page is there in time and holds neither a traceback nor an unforeseen error."""
    tab.page.goto(tab.address + path)
    tab.page.locator("h1").first.wait_for(timeout=SOON)
    tab.page.get_by_test_id("stStatusWidget").wait_for(state="detached", timeout=SOON)
    expect(tab.page.get_by_text(re.compile("Something went wrong|Traceback"))).to_have_count(0)
    expect(tab.page.get_by_test_id("stException")).to_have_count(0)


def all_quick(tab: Tab, site: Site) -> None:
    for path in (*PATHS, f"/request?id={site.request}", f"/release?{urlencode({'project': PROJECT, 'run': site.run})}"):
        quick(tab, path)


def address_of(page: str, **query: object) -> str:
    return f"/{page}?{urlencode(query)}"


def test_every_page__over_real_servers__asks_no_other_host(site: Site, join: Join) -> None:
    tab = join(site.address, "Ben Okafor")
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.on("websocket", lambda socket: asked.append(socket.url))
    all_quick(tab, site)
    quick(tab, address_of("version", model=ODD, version=1))
    assert any(url.startswith("ws://") for url in asked)
    outside = [u for u in asked if not re.match(r"(http|ws)://127\.0\.0\.1:\d+/|data:|blob:", u)]
    assert outside == []
    assert tab.wrong == []


@pytest.mark.parametrize("page", ["version", "compare", "request"])
def test_odd_name__on_its_pages__is_shown_as_text_and_survives_its_address(site: Site, join: Join, page: str) -> None:
    tab = join(site.address, "Ana Ruiz")
    query = {
        "version": {"model": ODD, "version": 2},
        "compare": {"model": ODD, "versions": "1,2"},
        "request": {"id": site.request},
    }[page]
    quick(tab, address_of(page, **query))
    shown = tab.page.locator("h1").first
    if page != "compare":
        expect(shown).to_have_attribute("title", re.compile(re.escape(ODD)))
    else:
        expect(tab.page.get_by_text(f"{ODD} v1: ").first).to_be_visible(timeout=SOON)
    first = tab.page.url
    other = join(site.address, "Dev Patel")
    quick(other, first.removeprefix(site.address))
    expect(other.page.locator("h1").first).to_have_text(shown.inner_text())
    assert tab.page.evaluate("document.querySelectorAll('h1 b, h1 em, h1 script, h1 a[href^=javascript]').length") == 0
    assert tab.wrong + other.wrong == []


def test_odd_name__followed_from_request_to_version_and_back__stays_the_same(site: Site, join: Join) -> None:
    tab = join(site.address, "Ana Ruiz")
    quick(tab, "/requests")
    tab.page.get_by_role("link", name=re.compile("o d d")).first.click()
    expect(tab.page).to_have_url(re.compile(f"/request\\?id={site.request}"), timeout=SOON)
    tab.page.get_by_test_id("stMain").locator('a[href*="version?"]').first.click()
    expect(tab.page).to_have_url(re.compile("/version"), timeout=SOON)
    expect(tab.page.locator("h1").first).to_have_attribute("title", f"{ODD} v1", timeout=SOON)
    tab.page.get_by_role("tab", name="Requests").click()
    tab.page.get_by_test_id("stMain").get_by_role("link", name=re.compile("o d d .* to production")).first.click()
    expect(tab.page).to_have_url(re.compile(f"/request\\?id={site.request}"), timeout=SOON)
    assert tab.wrong == []


def test_odd_name__searched_with_its_signs__is_found(site: Site, join: Join) -> None:
    tab = join(site.address, "Ana Ruiz")
    for part in ("100%_\\", "<b>bold", "🚲", "\"q\" 'a'"):
        quick(tab, address_of("models", q=part))
        expect(tab.page.get_by_text("2 versions")).to_be_visible(timeout=SOON)
    assert tab.wrong == []


@pytest.mark.parametrize("model", [BARE, EMPTY_RUN])
def test_version__without_run_or_metric__says_unknown_and_never_zero(site: Site, join: Join, model: str) -> None:
    tab = join(site.address, "Ana Ruiz")
    quick(tab, address_of("version", model=model, version=1))
    main = tab.page.get_by_test_id("stMain")
    expect(main.get_by_text(re.compile("unknown", re.IGNORECASE)).first).to_be_visible()
    tab.page.get_by_role("tab", name="Metrics and parameters").click()
    expect(main.get_by_role("cell", name="0", exact=True)).to_have_count(0)
    tab.page.get_by_role("tab", name="Documentation").click()
    expect(main.get_by_text("No model card.")).to_be_visible()
    quick(tab, address_of("models", in_model=model))
    expect(tab.page.get_by_text(re.compile("^1 version"))).to_be_visible(timeout=SOON)
    cells = tab.page.get_by_test_id(re.compile(r"glide-cell-\d+-0"))
    expect(cells.first).to_be_attached(timeout=SOON)
    assert "0" not in [text.strip() for text in cells.all_text_contents()]
    assert tab.wrong == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/version?model=plain&version=99", "is not in the catalogue"),
        ("/version?model=nowhere&version=1", "is not in the catalogue"),
        ("/version?model=plain&version=zero", "no usable version"),
        ("/request?id=req-none", "There is no request"),
        ("/release?project=x&run=7", "There is no release"),
        ("/compare?model=plain&versions=1,77", "Choose two to eight versions"),
    ],
)
def test_address__of_something_missing__says_so_and_what_to_do(site: Site, join: Join, path: str, said: str) -> None:
    tab = join(site.address, "Ana Ruiz")
    tab.page.goto(site.address + path)
    expect(tab.page.get_by_text(re.compile(said)).first).to_be_visible(timeout=SOON)
    expect(tab.page.get_by_text("Something went wrong")).to_have_count(0)


@pytest.mark.parametrize("mode", [Mode.STALL, Mode.RUBBISH, Mode.REFUSE], ids=lambda mode: mode.value)
def test_mlflow__slow_or_rubbish_or_away__pages_answer_and_say_how_old_they_are(
    site: Site, join: Join, mode: Mode
) -> None:
    tab = join(site.address, "Ana Ruiz")
    healthy(tab, "/models")
    site.outside.mlflow_door.become(mode)
    quick(tab, "/models")
    expect(tab.page.get_by_text(re.compile(r"\d versions"))).to_be_visible(timeout=SOON)
    banner(tab.page, "MLflow")
    all_quick(tab, site)
    quick(tab, address_of("version", model=PLAIN, version=2))
    tab.page.get_by_role("button", name="Request promotion").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Why should this").fill("A long thought.")
    dialog.get_by_role("button", name="Collect evidence and submit").click()
    expect(dialog.get_by_text(re.compile("MLflow")).first).to_be_visible(timeout=SOON)
    expect(dialog.get_by_role("textbox", name="Why should this")).to_have_value("A long thought.")
    site.outside.mlflow_door.become(Mode.PASS)
    healthy(tab)
    assert tab.wrong == []


@pytest.mark.parametrize("mode", [Mode.STALL, Mode.RUBBISH, Mode.REFUSE], ids=lambda mode: mode.value)
def test_azure_devops__slow_or_rubbish_or_away__releases_show_the_last_snapshot(
    site: Site, join: Join, mode: Mode
) -> None:
    tab = join(site.address, "Ben Okafor")
    release = address_of("release", project=PROJECT, run=site.run)
    quick(tab, release)
    expect(tab.page.get_by_text("as of now").first).to_be_visible(timeout=SOON)
    site.outside.azure_door.become(mode)
    quick(tab, release)
    expect(tab.page.get_by_text("This view is out of date.")).to_be_visible(timeout=SOON)
    expect(tab.page.get_by_text(re.compile(r"as seen \d{4}-\d\d-\d\d")).first).to_be_visible()
    quick(tab, "/releases")
    expect(tab.page.get_by_text(re.compile("seen .* ago|seen just now")).first).to_be_visible()
    banner(tab.page, "Azure DevOps")
    quick(tab, "/models")
    expect(tab.page.get_by_text(re.compile(r"\d versions"))).to_be_visible(timeout=SOON)
    site.outside.azure_door.become(Mode.PASS)
    healthy(tab, release)
    expect(tab.page.get_by_text("as of now").first).to_be_visible(timeout=SOON)
    assert tab.wrong == []


@pytest.mark.parametrize("system", ["Azure DevOps", "MLflow"])
def test_server__killed_while_a_page_is_open__page_answers_with_a_banner(site: Site, join: Join, system: str) -> None:
    """Last: MLflow is not started again. Killed for real, so nobody listens where the proxy would pass on."""
    tab = join(site.address, "Ben Okafor")
    path = "/models" if system == "MLflow" else address_of("release", project=PROJECT, run=site.run)
    quick(tab, path)
    kill: Callable[[], None] = site.outside.mlflow.kill if system == "MLflow" else site.outside.azure.kill
    kill()
    banner(tab.page, system)
    all_quick(tab, site)
    if system == "Azure DevOps":
        site.outside.azure.start()
        healthy(tab, path)
    assert tab.wrong == []
