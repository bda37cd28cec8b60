"""Start the portal's server: `python -m dashboard`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.settings import Settings


def main() -> int:
    """Serve until stopped. The exit status is 2 when a setting is wrong or the portal cannot be opened."""
    from dashboard import wiring
    from services.errors import PortalError
    from services.settings import load_settings

    try:
        settings = load_settings()
        wiring.start()
    except PortalError as error:
        sys.stderr.write(error.sentence() + "\n")
        return 2
    try:
        return _serve(settings)
    finally:
        wiring.stop()


def _serve(settings: Settings) -> int:
    from dashboard.app import app
    from dashboard.server.server_options import server_options

    app.run(config=server_options(host=settings.host, port=settings.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
