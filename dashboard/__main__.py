"""Start the portal's server: `python -m dashboard`."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Serve until stopped. The exit status is 2 when a setting is wrong."""
    # Browsers send all cookies of a host, of any port: the default line limit hangs the handshake at 8 KB.
    os.environ.setdefault("WEBSOCKETS_MAX_LINE_LENGTH", "65536")
    from services.errors import SettingsError
    from services.settings import load_settings

    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(error.sentence() + "\n")
        return 2
    from dashboard.app import app
    from dashboard.server_options import server_options

    app.run(config=server_options(host=settings.host, port=settings.port))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
