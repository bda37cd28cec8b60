from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import wiring
from tests.fake_portal import FakeOpened, fake_opened

SCRIPT = str(Path(__file__).resolve().parents[3] / "dashboard" / "portal.py")
Visit = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def _no_component_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit reads the metadata of every installed package at each first run of a test; we use no components."""
    monkeypatch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", lambda *_, **__: [])


@pytest.fixture
def opened() -> Iterator[FakeOpened]:
    portal = fake_opened()
    wiring.use(portal, person_id="demo:ben")
    yield portal
    wiring.use(None)


@pytest.fixture
def visit(opened: FakeOpened) -> Visit:
    """Open a page of the real script as somebody, with a query and seeded widgets."""

    def go(page: str, *, person: str = "demo:ben", state: dict[str, object] | None = None, **query: str) -> AppTest:
        wiring.use(opened, person_id=person)
        app = AppTest.from_file(SCRIPT, default_timeout=60).run()
        app.switch_page(f"views/{page}.py")
        for name, value in query.items():
            app.query_params[name] = value
        for name, value in (state or {}).items():
            app.session_state[name] = value
        return app.run()

    return go


def texts(app: AppTest) -> str:
    """All that a page says, as one text."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info, app.text)
    said = [str(element.value) for elements in kinds for element in elements]
    said += [str(element.proto.body) for element in app.get("html")]
    return "\n".join(said)
