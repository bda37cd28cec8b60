"""The real server over the small portal: `python -m tests.fake_app PORT`. Used by the browser tests."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from dashboard import wiring
from dashboard.app import app
from dashboard.server.server_options import server_options
from tests import fake_world as world
from tests.fake_portal import fake_opened


def _listen(told: Path) -> None:
    """Begin a fresh world at SIGUSR1, and say so by making a file: tests that change the world need no new process."""

    def begin_anew(*_: object) -> None:
        wiring.use(fake_opened())
        told.touch()

    signal.signal(signal.SIGUSR1, begin_anew)


def main() -> None:
    """Serve until stopped."""
    opened = fake_opened()
    anew = next((option.partition("=")[2] for option in sys.argv[2:] if option.startswith("anew=")), "")
    if anew:
        _listen(Path(anew))
    if "outage" in sys.argv[2:]:
        opened.portal.health.now = world.OUTAGE  # type: ignore[attr-defined]
        opened.portal.releases.is_down = True  # type: ignore[attr-defined]
    if "silent" in sys.argv[2:]:
        opened.portal.health.open = (world.SILENT,)  # type: ignore[attr-defined]
    wiring.use(opened)
    app.run(config=server_options(host="127.0.0.1", port=int(sys.argv[1])))


if __name__ == "__main__":
    main()
