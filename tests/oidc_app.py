"""The real server with real sign-in over the small portal: `python -m tests.oidc_app PORT FOLDER ISSUER [NAME=VALUE]`.

Sessions stand in a real database, the provider is asked over HTTP, and the worker's job reads roles again. With
`reauthenticate=1` the policy of every request asks for a fresh sign-in.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from dashboard import wiring
from dashboard.app import app
from services.bootstrap.access import open_provider, open_sessions
from services.bootstrap.background import BackgroundLoop, Job
from services.clock import SystemClock
from services.database import migrate
from services.database.engine import open_engine
from services.database.unit import Units
from services.ledger.signing.keys import KeyRing, SigningKey
from tests import fake_portal
from tests.fake_portal import fake_opened
from tests.world import governance

GROUPS = {"reviewer": ("reviewers",), "data_scientist": ("scientists",), "auditor": ("auditors",)}


def main() -> None:
    """Serve until stopped."""
    port, folder, issuer, *more = sys.argv[1:]
    settings: dict[str, Any] = dict(item.split("=", 1) for item in more)
    if settings.pop("reauthenticate", ""):
        fake_portal.GLASS = replace(fake_portal.GLASS, reauthenticate=True)
    opened = fake_opened(
        demo_people=(), oidc_issuer=issuer, oidc_client_id="countersign", oidc_client_secret="secret",
        session_secret="k" * 32, public_url=f"http://127.0.0.1:{port}", **settings,
    )  # fmt: skip
    engine = open_engine(f"sqlite:///{Path(folder) / 'portal.db'}")
    migrate.upgrade(engine)
    units = Units(engine, KeyRing(SigningKey.generate("test.local/ledger")), SystemClock())
    sessions = open_sessions(opened.settings, units)
    provider = open_provider(opened.settings, replace(governance(), groups=GROUPS))
    assert provider is not None
    opened.sessions, opened.provider = sessions, provider  # type: ignore[assignment]
    loop = BackgroundLoop([Job("roles", 0.3, lambda: sessions.reread_due(provider))])
    loop.start()
    wiring.use(opened)
    app.run(config={"server.port": int(port), "server.address": "127.0.0.1"})
    loop.stop()


if __name__ == "__main__":
    main()
