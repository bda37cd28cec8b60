"""Outgoing webhooks: JSON, signed with HMAC-SHA256 over timestamp, id and body (`docs/notifications.md`)."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import requests
from pydantic import SecretStr

from services.adapters.notify import words
from services.domain.notices import Event
from services.errors import UpstreamRefusedError, UpstreamUnavailableError

SYSTEM = "notifications"
SECONDS = 10.0


class WebhookChannel:
    """One POST an event or digest. The id is the same on every attempt, so the receiver can detect duplicates."""

    may_repeat = True

    def __init__(
        self, name: str, url: SecretStr, secret: SecretStr, *, address: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._name = name
        self._url = url
        self._secret = secret
        self._address = address
        self._clock = clock

    def send(self, events: Sequence[Event], *, person: str = "") -> None:
        """One signed POST for each event, in their order."""
        del person
        for event in events:
            self._post(event)

    def _post(self, event: Event) -> None:
        told = asdict(event) | {"text": event.sentence(), "link": words.link(event, self._address)}
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        stamp, event_id = str(int(self._clock())), f"evt-{event.seq}"
        headers = {
            "Content-Type": "application/json", "User-Agent": "Countersign", "X-Countersign-Id": event_id,
            "X-Countersign-Timestamp": stamp,
            "X-Countersign-Signature": f"v1={signature(self._secret, stamp, event_id, body)}",
        }  # fmt: skip
        try:
            answer = requests.post(
                self._url.get_secret_value(), data=body, headers=headers, timeout=SECONDS, allow_redirects=False,
                stream=True,
            )  # fmt: skip
            answer.close()  # the status is the answer; a body of any length stays unread
        except requests.RequestException as error:
            raise UpstreamUnavailableError(
                f"Channel {self._name} cannot be reached ({type(error).__name__}).", system=SYSTEM
            ) from None
        if answer.status_code >= 500 or answer.status_code in {408, 425, 429}:
            raise UpstreamUnavailableError(f"Channel {self._name} answers {answer.status_code}.", system=SYSTEM)
        if not 200 <= answer.status_code < 300:
            raise UpstreamRefusedError(
                f"Channel {self._name} refused the message: {answer.status_code}.", system=SYSTEM
            )


def signature(secret: SecretStr, timestamp: str, event_id: str, body: bytes) -> str:
    """Lower-case hex of HMAC-SHA256 over ``timestamp.id.body``."""
    message = f"{timestamp}.{event_id}.".encode() + body
    return hmac.new(secret.get_secret_value().encode(), message, hashlib.sha256).hexdigest()
