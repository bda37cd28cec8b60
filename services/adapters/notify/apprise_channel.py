"""E-mail, Teams, Slack and the other services of Apprise (BSD licence), by Apprise's URLs.

The URL holds secrets: it is never logged, shown or repeated in an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from services.adapters.notify import words
from services.domain.notices import Event
from services.errors import SettingsError, UpstreamRefusedError, UpstreamUnavailableError

SYSTEM = "notifications"
SECONDS = 30.0


class AppriseChannel:
    """One Apprise URL; with a person, the address is put in as `to`."""

    may_repeat = False

    def __init__(self, name: str, url: SecretStr, *, address: str) -> None:
        self._name = name
        self._url = url
        self._address = address

    def check(self) -> None:
        """Raises SettingsError if Apprise cannot parse the URL."""
        self._open("somebody@example.com" if self._url.get_secret_value().startswith("mailto") else "")

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        """One message."""
        import apprise

        target = self._open(person)
        result = target.notify(
            title=words.title(events),
            body=words.body(events, self._address),
            body_format=apprise.NotifyFormat.TEXT,
            timeout=SECONDS,
        )
        if not result:
            raise UpstreamUnavailableError(f"Channel {self._name} did not accept the message.", system=SYSTEM)

    def _open(self, person: str) -> Any:
        import apprise

        url = self._url.get_secret_value()
        if person:
            if any(ord(letter) <= 32 or letter in "<>,;" for letter in person):
                raise UpstreamRefusedError("This is not an e-mail address.", system=SYSTEM)
            url += f"{'&' if '?' in url else '?'}to={quote(person, safe='')}"
        asset = apprise.AppriseAsset(app_id="Countersign", app_desc="Countersign", secure_logging=True)
        target = apprise.Apprise(asset=asset)
        if not target.add(url):
            raise SettingsError(
                f"COUNTERSIGN_NOTIFY: the URL of {self._name!r} cannot be used.",
                hint="See the examples in docs/notifications.md.",
            )
        return target
