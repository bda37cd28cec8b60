from __future__ import annotations

import warnings

import pytest


@pytest.fixture(autouse=True, scope="session")
def _loaded_apprise() -> None:
    """Apprise loads all its services at the first use; one of them imports a module that Python deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        import apprise

        apprise.Apprise().add("json://127.0.0.1")
